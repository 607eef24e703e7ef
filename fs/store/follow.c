/* follow.c: a download as far as it has come, between the network thread and who unpacks it. */
#include <qxfs/store/unpack.h>

#include <errno.h>

void follow_init(struct follow *f)
{
	*f = (struct follow){ 0 };
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->grown, NULL);
}

void follow_grow(struct follow *f, uint64_t written)
{
	pthread_mutex_lock(&f->lock);
	if (written < f->written) /* begun anew: what was read already is not what stands there */
		f->given_up = true;
	f->written = written;
	pthread_cond_broadcast(&f->grown);
	pthread_mutex_unlock(&f->lock);
}

void follow_end(struct follow *f, bool whole)
{
	pthread_mutex_lock(&f->lock);
	if (whole)
		f->whole = true;
	else
		f->given_up = true;
	pthread_cond_broadcast(&f->grown);
	pthread_mutex_unlock(&f->lock);
}

void follow_done(struct follow *f)
{
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->grown);
}

int follow_wait(struct follow *f, uint64_t at, uint64_t *ret_written)
{
	pthread_mutex_lock(&f->lock);
	while (!f->given_up && !f->whole && f->written <= at)
		pthread_cond_wait(&f->grown, &f->lock);
	int r = f->given_up ? -ECANCELED : 0;
	*ret_written = f->written;
	pthread_mutex_unlock(&f->lock);
	return r;
}

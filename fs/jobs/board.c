/* board.c: a small table under one leaf lock. Rows are copied in and out, so that rendering a
 * status text never holds up a job. */
#include <qxfs/jobs/board.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

struct row {
	const void *id;
	struct board_job job;
	struct row *next;
};

struct board {
	pthread_mutex_t lock;
	struct row *rows;                              /* guarded by lock */
	size_t n_rows;                                 /* guarded by lock */
	struct board_failure failures[BOARD_FAILURES]; /* guarded by lock: a ring */
	size_t first, n_failures;                      /* guarded by lock */
	int64_t changed_s;                             /* guarded by lock */
};

struct board *board_new(void)
{
	struct board *b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	pthread_mutex_init(&b->lock, NULL);
	b->changed_s = sys_wall_s();
	return b;
}

void board_free(struct board *b)
{
	if (!b)
		return;
	while (b->rows) {
		struct row *row = b->rows;
		b->rows = row->next;
		free(row);
	}
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static struct row *find(struct board *b, const void *id)
{
	struct row *row = b->rows;
	while (row && row->id != id)
		row = row->next;
	return row;
}

/* Oldest first, so that the newcomer goes to the end. */
static struct row *append(struct board *b, const void *id)
{
	struct row *row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	row->id = id;

	struct row **end = &b->rows;
	while (*end)
		end = &(*end)->next;
	*end = row;
	b->n_rows++;
	return row;
}

void board_show(struct board *b, const void *id, const struct board_job *job)
{
	pthread_mutex_lock(&b->lock);
	struct row *row = find(b, id);
	if (!row)
		row = append(b, id);
	if (row) { /* without memory the job runs unseen */
		if (row->job.state != job->state)
			b->changed_s = sys_wall_s();
		uint64_t bytes = row->job.bytes;
		row->job = *job;
		if (!row->job.bytes)
			row->job.bytes = bytes;
	}
	pthread_mutex_unlock(&b->lock);
}

void board_bytes(struct board *b, const void *id, uint64_t bytes)
{
	pthread_mutex_lock(&b->lock);
	struct row *row = find(b, id);
	if (row)
		row->job.bytes = bytes;
	pthread_mutex_unlock(&b->lock);
}

void board_remove(struct board *b, const void *id)
{
	pthread_mutex_lock(&b->lock);
	struct row **link = &b->rows;
	while (*link && (*link)->id != id)
		link = &(*link)->next;
	struct row *gone = *link;
	if (gone) {
		*link = gone->next;
		b->n_rows--;
		b->changed_s = sys_wall_s();
	}
	pthread_mutex_unlock(&b->lock);
	free(gone);
}

/* For who failed without one. */
static const char *remedy_of(int err)
{
	switch (err) {
	case ENOSPC:
	case EDQUOT:
		return "Make room on the disk that holds the cache, or name another one with -o "
		       "cache_dir=.";
	case EFBIG:
		return "Ask for less, or mount again with a larger -o max_export=.";
	case ENOMEM:
		return "Close other programs, and open it again.";
	case ETIMEDOUT:
		return "It may be ready later: open it again.";
	default:
		return "Open it again to try anew; if it stays so, tell Qualtrics' support the "
		       "requestId, or look into the log: journalctl -t qxfs.";
	}
}

/* Lock held. */
static int count_failures(const struct board *b, const char *subject)
{
	int n = 0;

	for (size_t i = 0; i < b->n_failures; i++) {
		const struct board_failure *f = &b->failures[(b->first + i) % BOARD_FAILURES];
		n += !f->settled && strcmp(f->subject, subject) == 0;
	}
	return n;
}

int board_failed(struct board *b, const char *subject, const struct qx_fail *fail)
{
	pthread_mutex_lock(&b->lock);
	size_t at = (b->first + b->n_failures) % BOARD_FAILURES;
	if (b->n_failures < BOARD_FAILURES)
		b->n_failures++;
	else
		b->first = (b->first + 1) % BOARD_FAILURES;

	struct board_failure *f = &b->failures[at];
	memset(f, 0, sizeof(*f));
	strncpy(f->subject, subject, sizeof(f->subject) - 1);
	f->when_s = sys_wall_s();
	f->fail = *fail;
	if (!f->fail.remedy[0])
		fail_remedy(&f->fail, "%s", remedy_of(fail->err));
	b->changed_s = f->when_s;
	int times = count_failures(b, f->subject);
	pthread_mutex_unlock(&b->lock);
	return times;
}

void board_settled(struct board *b, const char *subject)
{
	pthread_mutex_lock(&b->lock);
	for (size_t i = 0; i < b->n_failures; i++) {
		struct board_failure *f = &b->failures[(b->first + i) % BOARD_FAILURES];
		if (!f->settled && strcmp(f->subject, subject) == 0) {
			f->settled = true;
			b->changed_s = sys_wall_s();
		}
	}
	pthread_mutex_unlock(&b->lock);
}

int board_jobs(struct board *b, struct board_job **ret, size_t *ret_n)
{
	pthread_mutex_lock(&b->lock);
	size_t n = 0;
	struct board_job *copy = calloc(b->n_rows + 1, sizeof(*copy));
	for (struct row *row = copy ? b->rows : NULL; row; row = row->next)
		copy[n++] = row->job;
	pthread_mutex_unlock(&b->lock);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	*ret_n = n;
	return 0;
}

int board_failures(struct board *b, struct board_failure **ret, size_t *ret_n)
{
	pthread_mutex_lock(&b->lock);
	size_t n = b->n_failures;
	struct board_failure *copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++)
		copy[i] = b->failures[(b->first + n - 1 - i) % BOARD_FAILURES];
	pthread_mutex_unlock(&b->lock);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	*ret_n = n;
	return 0;
}

bool board_failure_of(struct board *b, const char *subject, struct board_failure *ret)
{
	bool found = false;
	pthread_mutex_lock(&b->lock);
	for (size_t i = b->n_failures; i-- > 0 && !found;) {
		const struct board_failure *f = &b->failures[(b->first + i) % BOARD_FAILURES];
		found = !f->settled && strcmp(f->subject, subject) == 0;
		if (found)
			*ret = *f;
	}
	pthread_mutex_unlock(&b->lock);
	return found;
}

bool board_job_of(struct board *b, const char *subject, struct board_job *ret)
{
	pthread_mutex_lock(&b->lock);
	struct row *row = b->rows;
	while (row && strcmp(row->job.subject, subject) != 0)
		row = row->next;
	if (row)
		*ret = row->job;
	pthread_mutex_unlock(&b->lock);
	return row != NULL;
}

int64_t board_changed_s(struct board *b)
{
	pthread_mutex_lock(&b->lock);
	int64_t changed_s = b->changed_s;
	pthread_mutex_unlock(&b->lock);
	return changed_s;
}

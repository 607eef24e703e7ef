/* check_shared.c: mounts of one account, each a governor with its own open file, on a clock that
 * the test moves. A mount that dies is one whose file is closed, as the kernel does it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../fs/api/shared.h"

#include <qxfs/base/hash.h>
#include <qxfs/base/sys.h>

#define BOOT "this one"

static const struct governor_config usual = {
	.requests = 30,
	.jobs = 15,
	.brand_per_minute = 3000,
	.share = 0.8,
};

static char path[] = "/tmp/check_shared.XXXXXX";

static int open_file(void)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int make_file(void **state)
{
	(void)state;
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

struct mount {
	struct governor *g;
	struct shared *s;
};

static struct mount start_at(const char *boot)
{
	struct mount m = { .g = governor_new(&usual), .s = shared_new(open_file(), boot) };
	assert_non_null(m.g);
	assert_non_null(m.s);
	return m;
}

/* As the client does: a look makes it known to the others. */
static void look(struct mount *m, int64_t now_ms)
{
	assert_true(shared_begin(m->s, m->g, now_ms));
	shared_end(m->s, m->g);
}

static struct mount start(int64_t now_ms)
{
	struct mount m = start_at(BOOT);
	look(&m, now_ms);
	return m;
}

static void end(struct mount *m)
{
	shared_free(m->s);
	governor_free(m->g);
	*m = (struct mount){ 0 };
}

/* How many of the waiting go now; they stay under way. */
static int go(struct mount *m, int64_t now_ms, int64_t *ret_wait_ms)
{
	int n = 0;
	assert_true(shared_begin(m->s, m->g, now_ms));
	while (governor_next(m->g, now_ms, ret_wait_ms))
		n++;
	shared_end(m->s, m->g);
	return n;
}

static int go_now(struct mount *m, int64_t now_ms)
{
	int64_t wait_ms;
	return go(m, now_ms, &wait_ms);
}

static struct ticket *queue_many(struct mount *m, size_t n, struct ticket like)
{
	struct ticket *t = calloc(n, sizeof(*t));
	assert_non_null(t);
	for (size_t i = 0; i < n; i++) {
		t[i] = like;
		governor_queue(m->g, &t[i]);
	}
	return t;
}

static const struct ticket whoami = { .ep = EP_WHOAMI };
static const struct ticket export = { .ep = EP_EXPORT_START };

/* --- what is counted together ---------------------------------------------------------------- */

static void test_three_mounts_have_30_requests_between_them(void **state)
{
	(void)state;
	struct mount m[3];
	struct ticket *t[3];
	int64_t wait_ms;

	for (int i = 0; i < 3; i++)
		m[i] = start(1000);
	for (int i = 0; i < 3; i++)
		t[i] = queue_many(&m[i], 20, whoami);
	assert_int_equal(go(&m[0], 1000, &wait_ms), 20);
	assert_int_equal(go(&m[1], 1000, &wait_ms), 10);
	assert_in_range(wait_ms, 1, 50); /* nobody will tell it */
	assert_int_equal(go(&m[2], 1000, &wait_ms), 0);

	governor_request_over(m[0].g);
	look(&m[0], 1001);
	assert_int_equal(go(&m[2], 1001 + 300, &wait_ms), 1); /* served never: it comes first */
	for (int i = 0; i < 3; i++) {
		end(&m[i]);
		free(t[i]);
	}
}

static void test_two_mounts_have_15_jobs_between_them(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket *ta = queue_many(&a, 10, export), *tb = queue_many(&b, 10, export);
	int64_t wait_ms;

	assert_int_equal(go(&a, 1000, &wait_ms), 10);
	assert_int_equal(go(&b, 1000, &wait_ms), 5);
	assert_in_range(wait_ms, 1, 1000); /* should it not be woken */
	for (int i = 0; i < 10; i++)
		governor_request_over(a.g); /* the POSTs are answered; the jobs run */
	look(&a, 1100);
	assert_int_equal(go_now(&b, 1400), 0);
	governor_job_over(a.g);
	look(&a, 1500);
	assert_int_equal(go_now(&b, 1800), 1);
	end(&a);
	end(&b);
	free(ta);
	free(tb);
}

static void test_a_bucket_is_filled_by_all(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	int64_t wait_ms;

	for (int i = 0; i < 80; i++) {
		struct ticket t = export;
		struct mount *m = i % 2 ? &a : &b;
		governor_queue(m->g, &t);
		assert_int_equal(go_now(m, 1000), 1);
		governor_request_over(m->g);
		governor_job_over(m->g);
	}
	struct ticket last = export;
	governor_queue(b.g, &last);
	assert_int_equal(go(&b, 1000, &wait_ms), 0);
	assert_int_equal(wait_ms, 750);
	assert_int_equal(go(&b, 1750, &wait_ms), 1);
	end(&a);
	end(&b);
}

static void test_a_refusal_of_one_holds_all_and_halves_the_jobs(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket t = export;
	struct governor_view view;
	int64_t wait_ms;

	governor_refused(a.g, EP_EXPORT_START, 1000, 6000);
	look(&a, 1000);
	governor_queue(b.g, &t);
	assert_int_equal(go(&b, 1000, &wait_ms), 0);
	assert_int_equal(wait_ms, 5000);
	governor_view(b.g, &view);
	assert_int_equal(view.jobs_max, 7);
	end(&a);
	end(&b);
}

static void test_a_refusal_is_not_wiped_out_by_news_of_others(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket t = export;
	int64_t wait_ms;

	governor_refused(a.g, EP_EXPORT_START, 1000, 6000); /* not told yet */
	look(&b, 1000);
	governor_queue(a.g, &t);
	assert_int_equal(go(&a, 1000, &wait_ms), 0);
	assert_int_equal(wait_ms, 5000);
	end(&a);
	end(&b);
}

/* --- turns ----------------------------------------------------------------------------------- */

static void test_background_work_waits_for_people_of_other_mounts(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket *many = queue_many(&a, 81, export);
	struct ticket quiet = { .ep = EP_EXPORT_START, .class = CLASS_BACKGROUND };

	for (int i = 0; i < 80; i++) {
		assert_true(go_now(&a, 1000) >= 0);
		governor_request_over(a.g);
		governor_job_over(a.g);
	}
	assert_int_equal(go_now(&a, 1000), 0); /* one is left, and the bucket is full */
	governor_queue(b.g, &quiet);
	assert_int_equal(go_now(&b, 1750), 0); /* room for one: not for this one */
	assert_int_equal(go_now(&a, 1751), 1);
	end(&a);
	end(&b);
	free(many);
}

static void test_whose_last_turn_is_longer_ago_goes_first(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket *many = queue_many(&a, 81, export);
	struct ticket one = export;

	for (int i = 0; i < 80; i++) {
		assert_true(go_now(&a, 1000) >= 0);
		governor_request_over(a.g);
		governor_job_over(a.g);
	}
	governor_queue(b.g, &one);
	assert_int_equal(go_now(&b, 1001), 0); /* the bucket is full, for both */
	assert_int_equal(go_now(&a, 1750), 0); /* who has had 80 looks first */
	assert_int_equal(go_now(&b, 1751), 1);
	governor_request_over(b.g);
	governor_job_over(b.g);
	look(&b, 1751);
	assert_int_equal(go_now(&a, 2501), 1);
	end(&a);
	end(&b);
	free(many);
}

static void test_a_mount_that_stands_still_is_not_waited_for(void **state)
{
	(void)state;
	struct mount a = start(900), b = start(900);
	struct ticket first = whoami, next = whoami;
	struct ticket *many = queue_many(&a, 31, whoami);

	governor_queue(b.g, &first);
	assert_int_equal(go_now(&b, 950), 1);
	assert_int_equal(go_now(&a, 940), 29); /* two are left: it says so, then stops */
	governor_request_over(b.g);
	governor_queue(b.g, &next);
	assert_int_equal(go_now(&b, 1000), 0); /* its turn was before ours */
	assert_int_equal(go_now(&b, 1500), 1);
	end(&a);
	end(&b);
	free(many);
}

static void test_a_mount_of_a_small_share_is_not_waited_for_while_it_cannot_go(void **state)
{
	(void)state;
	struct governor_config small = usual;
	small.share = 0.05; /* five exports */
	struct mount a = { .g = governor_new(&small), .s = shared_new(open_file(), BOOT) };
	struct mount b = start(1000);
	struct ticket *ta = queue_many(&a, 6, export);
	struct ticket first = export, next = export;

	assert_int_equal(go_now(&a, 1000), 5); /* the sixth has its turn after twelve seconds */
	governor_queue(b.g, &first);
	assert_int_equal(go_now(&b, 1001), 1);
	governor_queue(b.g, &next);
	assert_int_equal(go_now(&b, 1002), 1); /* though its last turn was before ours */
	end(&a);
	end(&b);
	free(ta);
}

/* --- death ----------------------------------------------------------------------------------- */

static void test_a_dead_mounts_requests_are_free_at_once(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket *ta = queue_many(&a, 30, whoami), *tb = queue_many(&b, 30, whoami);

	assert_int_equal(go_now(&a, 1000), 30);
	assert_int_equal(go_now(&b, 1000), 0);
	end(&a);
	assert_int_equal(go_now(&b, 1001), 30);
	end(&b);
	free(ta);
	free(tb);
}

static void test_a_dead_mounts_jobs_count_until_somebody_follows_them(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket *ta = queue_many(&a, 15, export), *tb = queue_many(&b, 15, export);
	struct governor_view view;

	assert_int_equal(go_now(&a, 1000), 15);
	uint64_t deaths = shared_deaths(b.s);
	end(&a);
	assert_int_equal(go_now(&b, 1001), 0);
	assert_int_equal(shared_deaths(b.s), deaths + 1);

	governor_job_taken(b.g);
	shared_adopt(b.s, 1, 1002);
	look(&b, 1002);
	look(&b, 1003);
	governor_view(b.g, &view);
	assert_int_equal(view.jobs, 15);
	governor_job_over(b.g);
	assert_int_equal(go_now(&b, 1004), 1);
	end(&b);
	free(ta);
	free(tb);
}

static void test_jobs_that_nobody_follows_have_ended_after_ten_minutes(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket *ta = queue_many(&a, 15, export);
	struct ticket t = export;

	assert_int_equal(go_now(&a, 1000), 15);
	end(&a);
	governor_queue(b.g, &t);
	assert_int_equal(go_now(&b, 2000), 0);
	assert_int_equal(go_now(&b, 2000 + 599999), 0);
	assert_int_equal(go_now(&b, 2000 + 600000), 1);
	end(&b);
	free(ta);
}

static void test_orphans_age_each_from_its_own_death(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000), c = start(1000);
	struct ticket *ta = queue_many(&a, 8, export), *tb = queue_many(&b, 7, export);
	struct governor_view view;

	assert_int_equal(go_now(&a, 1000), 8);
	assert_int_equal(go_now(&b, 1300), 7);
	end(&a);
	look(&c, 2000);
	end(&b);
	look(&c, 302000);
	governor_view(c.g, &view);
	assert_int_equal(view.jobs, 15);
	look(&c, 602000);
	governor_view(c.g, &view);
	assert_int_equal(view.jobs, 7);
	look(&c, 902000);
	governor_view(c.g, &view);
	assert_int_equal(view.jobs, 0);
	end(&c);
	free(ta);
	free(tb);
}

/* It is followed here while its mount is still going: when that has gone, it is no orphan. */
static void test_a_job_taken_from_a_mount_that_is_going_is_counted_once(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket t = export;
	struct governor_view view;

	governor_queue(a.g, &t);
	assert_int_equal(go_now(&a, 1000), 1);
	governor_job_taken(b.g);
	shared_adopt(b.s, 1, 1100);
	look(&b, 1100);
	end(&a);
	look(&b, 1200);
	look(&b, 1300);
	governor_view(b.g, &view);
	assert_int_equal(view.jobs, 1);
	end(&b);
}

static void test_who_begins_takes_a_dead_mounts_place_and_finds_its_jobs(void **state)
{
	(void)state;
	struct mount a = start(1000);
	struct ticket *ta = queue_many(&a, 15, export);
	struct governor_view view;

	assert_int_equal(go_now(&a, 1000), 15);
	end(&a);
	struct mount b = start(1100);
	governor_view(b.g, &view);
	assert_int_equal(view.requests, 0);
	assert_int_equal(view.jobs, 15);
	assert_int_equal(shared_deaths(b.s), 1);
	end(&b);
	free(ta);
}

static bool told(const struct mount *m, int timeout_ms)
{
	struct pollfd p = { .fd = shared_watch_fd(m->s), .events = POLLIN };
	return poll(&p, 1, timeout_ms) == 1;
}

static void test_who_waits_for_a_job_is_woken_when_one_ends(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket *ta = queue_many(&a, 15, export);
	struct ticket t = export;

	assert_int_equal(go_now(&a, 1000), 15);
	for (int i = 0; i < 15; i++)
		governor_request_over(a.g);
	look(&a, 1000);
	governor_queue(b.g, &t);
	assert_int_equal(go_now(&b, 1001), 0);
	shared_attend(b.s);
	assert_false(told(&b, 0));
	governor_job_over(a.g);
	look(&a, 1100);
	assert_true(told(&b, 10000));
	shared_attend(b.s);
	assert_int_equal(go_now(&b, 1101), 1);
	governor_job_over(a.g); /* and nobody waits any more */
	look(&a, 1102);
	assert_false(told(&b, 0));
	end(&a);
	end(&b);
	free(ta);
}

/* A process of its own: its end is what wakes the others. */
static void test_a_mount_that_has_nothing_to_do_is_told_of_others_ends(void **state)
{
	(void)state;
	struct mount a = start(1000);
	int ready[2], kill_it[2];
	char byte;

	shared_attend(a.s); /* our own beginning */
	assert_false(told(&a, 0));
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(kill_it), 0);
	pid_t child = fork();
	if (child == 0) {
		struct mount b = start(1000);
		(void)b;
		close(kill_it[1]);
		if (write(ready[1], "", 1) != 1 || read(kill_it[0], &byte, 1) < 0)
			_exit(1);
		_exit(0); /* as a kill: nothing is given back */
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_true(told(&a, 10000)); /* it has begun */
	shared_attend(a.s);
	look(&a, 1001);
	assert_false(told(&a, 0));
	close(kill_it[1]);
	assert_true(told(&a, 10000)); /* it has ended */
	assert_int_equal(waitpid(child, NULL, 0), child);
	shared_attend(a.s);
	assert_false(told(&a, 0)); /* once */
	look(&a, 1002);
	assert_int_equal(shared_deaths(a.s), 1);
	close(kill_it[0]);
	close(ready[0]);
	close(ready[1]);
	end(&a);
}

/* --- the file -------------------------------------------------------------------------------- */

static void test_a_file_of_an_earlier_start_of_the_machine_counts_for_nothing(void **state)
{
	(void)state;
	struct mount a = start_at("the one before");
	struct ticket *ta = queue_many(&a, 15, export);
	struct governor_view view;

	assert_int_equal(go_now(&a, 900000), 15);
	end(&a);
	struct mount b = start(1000);
	governor_view(b.g, &view);
	assert_int_equal(view.jobs, 0);
	end(&b);
	free(ta);
}

static void test_a_damaged_file_is_a_new_one(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket *ta = queue_many(&a, 15, export);
	struct governor_view view;

	assert_int_equal(go_now(&a, 1000), 15);
	int fd = open_file();
	assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, 200), 4);
	close(fd);
	look(&b, 1001);
	governor_view(b.g, &view);
	assert_int_equal(view.jobs, 0);
	look(&a, 1002); /* which tells its own again */
	look(&b, 1003);
	governor_view(b.g, &view);
	assert_int_equal(view.jobs, 15);
	end(&a);
	end(&b);
	free(ta);
}

/* A disk that is full, for the looks between the two. */
static void fill_disk(struct rlimit *ret_usual)
{
	assert_int_equal(getrlimit(RLIMIT_FSIZE, ret_usual), 0);
	const struct rlimit none = { .rlim_cur = 0, .rlim_max = ret_usual->rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
}

static void empty_disk(const struct rlimit *usual_size)
{
	assert_int_equal(setrlimit(RLIMIT_FSIZE, usual_size), 0);
	signal(SIGXFSZ, SIG_DFL);
}

/* Nothing is told to the others, and nothing is forgotten here. */
static void test_a_write_that_fails_empties_no_bucket(void **state)
{
	(void)state;
	struct mount a = start(1000);
	struct ticket *ta = queue_many(&a, 81, export);
	struct rlimit usual_size;
	int64_t wait_ms = 0;
	int went = 0;

	fill_disk(&usual_size);
	for (int i = 0; i < 81; i++) {
		int n = go(&a, 1000, &wait_ms);
		for (went += n; n > 0; n--) {
			governor_request_over(a.g);
			governor_job_over(a.g);
		}
	}
	empty_disk(&usual_size);
	assert_int_equal(went, 80);
	assert_int_equal(wait_ms, 750);
	end(&a);
	free(ta);
}

static void test_a_refusal_outlives_a_write_that_fails(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket ours = whoami, other = whoami;
	struct rlimit usual_size;
	int64_t wait_ms;

	governor_refused(a.g, EP_WHOAMI, 1000, 6000);
	governor_queue(a.g, &ours);
	fill_disk(&usual_size);
	look(&a, 1000);
	int n = go_now(&a, 1500);
	empty_disk(&usual_size);
	assert_int_equal(n, 0);
	look(&a, 1500);
	governor_queue(b.g, &other);
	assert_int_equal(go(&b, 1500, &wait_ms), 0);
	assert_int_equal(wait_ms, 4500);
	end(&a);
	end(&b);
}

/* The sum of the file would be the same: what is asked is whether it was written. */
static void test_who_has_nothing_to_tell_does_not_write(void **state)
{
	(void)state;
	const struct timespec long_ago[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct mount a = start(1000);
	struct ticket t = whoami;
	struct stat st;

	int fd = open_file();
	assert_int_equal(futimens(fd, long_ago), 0);
	look(&a, 1001);
	look(&a, 5000);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mtime, 1000);
	governor_queue(a.g, &t);
	assert_int_equal(go_now(&a, 5001), 1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_not_equal(st.st_mtime, 1000);
	close(fd);
	end(&a);
}

static int jobs_seen(const struct mount *m)
{
	struct governor_view view;
	governor_view(m->g, &view);
	return view.jobs;
}

static struct ticket *die_with(struct mount *m, size_t jobs, int64_t now_ms)
{
	struct ticket *t = queue_many(m, jobs, export);
	assert_int_equal(go_now(m, now_ms), jobs);
	end(m);
	return t;
}

/* What never comes is not taken out of another one's. */
static void test_a_job_that_was_no_orphan_takes_no_later_ones_place(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket *ta = queue_many(&a, 2, export);

	governor_job_taken(b.g);
	shared_adopt(b.s, 1, 1000);
	look(&b, 1000);
	assert_int_equal(go_now(&a, 1000), 2);
	end(&a);
	look(&b, 31000);
	assert_int_equal(jobs_seen(&b), 3);
	end(&b);
	free(ta);
}

/* What was taken up of a mount that is still going: it has half a minute to go. */
static void test_what_is_owed_is_owed_for_half_a_minute(void **state)
{
	(void)state;
	static const struct {
		int64_t after_ms;
		int jobs;
	} rows[] = { { 29999, 2 }, { 30000, 3 } };

	for (size_t i = 0; i < countof(rows); i++) {
		struct mount a = start(1000), b = start(1000);
		governor_job_taken(b.g);
		shared_adopt(b.s, 1, 1000);
		look(&b, 1000);
		struct ticket *ta = die_with(&a, 2, 1000);
		look(&b, 1000 + rows[i].after_ms);
		look(&b, 1001 + rows[i].after_ms);
		assert_int_equal(jobs_seen(&b), rows[i].jobs);
		end(&b);
		assert_int_equal(truncate(path, 0), 0);
		free(ta);
	}
}

/* As the client does of a job that it cannot follow any more. */
static void leave(struct mount *m, int64_t now_ms)
{
	governor_job_left(m->g);
	shared_leave(m->s, 1);
	look(m, now_ms);
}

static void adopt(struct mount *m, int64_t now_ms)
{
	governor_job_adopted(m->g);
	shared_adopt(m->s, 1, now_ms);
	look(m, now_ms);
}

static void test_a_job_that_is_left_counts_once_and_is_no_death(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket *ta = queue_many(&a, 15, export);
	struct ticket t = export;
	uint64_t deaths = shared_deaths(b.s);

	assert_int_equal(go_now(&a, 1000), 15);
	for (int i = 0; i < 15; i++) {
		leave(&a, 1100);
		look(&b, 1101);
		assert_int_equal(jobs_seen(&a), 15);
		assert_int_equal(jobs_seen(&b), 15);
	}
	assert_int_equal(governor_jobs(a.g), 0);
	governor_queue(b.g, &t);
	assert_int_equal(go_now(&b, 1200), 0);
	assert_int_equal(shared_deaths(b.s), deaths);
	assert_int_equal(shared_deaths(a.s), deaths);
	end(&a);
	end(&b);
	free(ta);
}

/* Each minute it is taken up, and left again; then it can be followed to its end. */
static void test_a_job_may_be_left_and_taken_up_for_ever_and_leaks_nothing(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket *ta = queue_many(&a, 15, export);
	struct ticket t = export;
	int64_t now_ms = 2000;

	assert_int_equal(go_now(&a, 1000), 15);
	leave(&a, 1100);
	for (int i = 0; i < 60; i++, now_ms += 60000) {
		struct mount *m = i % 3 ? &a : &b;
		adopt(m, now_ms);
		look(&a, now_ms + 1);
		assert_int_equal(jobs_seen(&a), 15);
		assert_int_equal(governor_jobs(m->g), m == &a ? 15 : 1);
		leave(m, now_ms + 2000);
		look(&b, now_ms + 2001);
		assert_int_equal(jobs_seen(&b), 15);
		assert_int_equal(jobs_seen(m), 15);
	}
	adopt(&b, now_ms);
	governor_job_over(b.g);
	look(&b, now_ms + 1);
	look(&a, now_ms + 2);
	assert_int_equal(jobs_seen(&a), 14);
	governor_queue(a.g, &t);
	assert_int_equal(go_now(&a, now_ms + 3), 1);
	end(&a);
	end(&b);
	free(ta);
}

/* A record outlives a start of the machine, and orphans that are forgotten after ten minutes. */
static void test_a_job_that_was_no_orphan_is_one_when_it_is_left(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	int64_t now_ms = 2000;

	for (int i = 0; i < 6; i++, now_ms += i % 2 ? 5000 : 60000) {
		adopt(&b, now_ms);
		assert_int_equal(jobs_seen(&b), 1);
		leave(&b, now_ms + 2000);
		look(&a, now_ms + 2001);
		look(&b, now_ms + 2002);
		assert_int_equal(jobs_seen(&a), 1);
		assert_int_equal(jobs_seen(&b), 1);
	}
	end(&a);
	end(&b);
}

/* It was taken up while who left it was still going, and left before that one had gone. */
static void test_what_is_owed_is_paid_by_who_dies_not_by_what_was_left(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);

	governor_job_taken(b.g);
	shared_adopt(b.s, 1, 1000);
	look(&b, 1000);
	leave(&b, 1100);
	struct ticket *ta = die_with(&a, 1, 1200);
	look(&b, 1300);
	look(&b, 1301);
	assert_int_equal(jobs_seen(&b), 1);
	adopt(&b, 61000);
	assert_int_equal(jobs_seen(&b), 1);
	governor_job_over(b.g);
	look(&b, 61001);
	assert_int_equal(jobs_seen(&b), 0);
	end(&b);
	free(ta);
}

/* Nothing has happened since, so nobody has looked at the file. */
static void test_what_was_owed_long_ago_is_not_owed_with_something_new(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000), c = start(1000);

	adopt(&b, 1000);
	governor_job_over(b.g);
	look(&b, 1001);
	struct ticket *ta = die_with(&a, 2, 40000);
	governor_job_adopted(b.g);
	shared_adopt(b.s, 1, 40001);
	look(&b, 40001);
	look(&c, 40002);
	assert_int_equal(jobs_seen(&c), 2);
	end(&b);
	end(&c);
	free(ta);
}

static void test_a_job_that_was_left_has_ended_after_ten_minutes(void **state)
{
	(void)state;
	struct mount a = start(1000);
	struct ticket *ta = queue_many(&a, 15, export);
	struct ticket t = export;

	assert_int_equal(go_now(&a, 1000), 15);
	leave(&a, 5000);
	governor_queue(a.g, &t);
	assert_int_equal(go_now(&a, 5000 + 599999), 0);
	assert_int_equal(go_now(&a, 5000 + 600000), 1);
	assert_int_equal(jobs_seen(&a), 15);
	end(&a);
	free(ta);
}

/* The mount that left it dies before it could say so, or after: one place all the same. */
static void test_a_job_that_was_left_by_a_mount_that_dies_counts_once(void **state)
{
	(void)state;
	for (int told = 0; told < 2; told++) {
		struct mount a = start(1000), b = start(1000);
		struct ticket *ta = queue_many(&a, 3, export);
		int before = jobs_seen(&b);

		assert_int_equal(go_now(&a, 1000), 3);
		governor_job_left(a.g);
		shared_leave(a.s, 1);
		if (told)
			look(&a, 1001);
		end(&a);
		look(&b, 1002);
		assert_int_equal(jobs_seen(&b), before + 3);
		end(&b);
		free(ta);
	}
}

static void test_a_job_that_is_left_is_told_when_the_file_can_be_written_again(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket *ta = queue_many(&a, 2, export);
	struct rlimit usual_size;

	assert_int_equal(go_now(&a, 1000), 2);
	fill_disk(&usual_size);
	leave(&a, 1001);
	look(&a, 1002);
	assert_int_equal(jobs_seen(&a), 2);
	look(&b, 1002);
	assert_int_equal(jobs_seen(&b), 2);
	empty_disk(&usual_size);
	look(&a, 1003);
	look(&b, 1003);
	assert_int_equal(jobs_seen(&a), 2);
	assert_int_equal(jobs_seen(&b), 2);
	end(&a);
	end(&b);
	free(ta);
}

/* Nothing can be told, and the count here stays what it was. */
static void test_a_job_that_is_left_alone_still_counts(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket *tb = queue_many(&b, 2, export);

	assert_int_equal(go_now(&b, 1000), 2);
	assert_true(shared_begin(a.s, a.g, 1000)); /* and there it stands */
	assert_false(shared_begin(b.s, b.g, 1000));
	leave(&b, 3000);
	assert_int_equal(jobs_seen(&b), 2);
	governor_job_adopted(b.g);
	shared_adopt(b.s, 1, 3001);
	look(&b, 3001);
	assert_int_equal(jobs_seen(&b), 2);
	shared_end(a.s, a.g);
	look(&b, 3002);
	look(&a, 3002);
	assert_int_equal(jobs_seen(&b), 2);
	assert_int_equal(jobs_seen(&a), 2);
	end(&a);
	end(&b);
	free(tb);
}

/* Its sum is right: who wrote it was no qxfs, or a broken one. */
static void test_a_count_of_orphans_that_cannot_be_is_a_damaged_file(void **state)
{
	(void)state;
	static const int64_t counts[] = { -1, 65, 1 << 30, INT64_MIN, INT64_MAX };
	const off_t at = 2 * sizeof(uint32_t) + SYS_BOOT_ID + sizeof(uint64_t);
	char bytes[16384];

	for (size_t i = 0; i < countof(counts); i++) {
		struct mount a = start(1000);
		struct ticket *ta = die_with(&a, 15, 1000);
		struct mount b = start(1000); /* with fifteen orphans */
		int64_t orphans;
		int fd = open_file();
		ssize_t n = pread(fd, bytes, sizeof(bytes), 0);
		assert_in_range(n, at + 16, sizeof(bytes) - 1);
		memcpy(&orphans, bytes + at, sizeof(orphans));
		assert_int_equal(orphans, 15); /* it is what this means to damage */
		memcpy(bytes + at, &counts[i], sizeof(counts[i]));
		uint64_t sum = hash_quick(bytes, (size_t)n - sizeof(sum));
		memcpy(bytes + n - sizeof(sum), &sum, sizeof(sum));
		assert_int_equal(pwrite(fd, bytes, (size_t)n, 0), n);
		look(&b, 1001);
		assert_int_equal(jobs_seen(&b), 0);
		look(&b, 700000); /* nor do they come back, or end */
		assert_int_equal(jobs_seen(&b), 0);
		close(fd);
		end(&b);
		free(ta);
	}
}

static void test_an_adoption_is_told_when_the_file_can_be_written_again(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000), c = start(1000);
	struct ticket *ta = die_with(&a, 2, 1000);
	struct rlimit usual_size;

	look(&c, 1000);
	fill_disk(&usual_size);
	governor_job_taken(b.g);
	shared_adopt(b.s, 1, 1001);
	look(&b, 1001);
	look(&b, 1002);
	assert_int_equal(jobs_seen(&b), 2);
	empty_disk(&usual_size);
	look(&b, 1003);
	look(&c, 1003);
	assert_int_equal(jobs_seen(&c), 2);
	end(&b);
	end(&c);
	free(ta);
}

/* Who has the lock stands still: what goes out meanwhile counts all the same, and so does what was
 * adopted. */
static void test_what_was_decided_alone_is_told_later(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000), c = start(1000);
	struct ticket *ta = die_with(&a, 2, 1000), *tb = queue_many(&b, 80, export);
	struct ticket other = export;
	int64_t wait_ms;

	look(&c, 1000);
	look(&b, 1000);
	assert_true(shared_begin(c.s, c.g, 1000));
	assert_false(shared_begin(b.s, b.g, 1000));
	governor_job_taken(b.g);
	shared_adopt(b.s, 1, 3000);
	for (int i = 0; i < 80; i++) {
		assert_true(go_now(&b, 3000) >= 0);
		governor_request_over(b.g);
		governor_job_over(b.g);
	}
	shared_end(c.s, c.g);
	look(&b, 3000);
	look(&c, 3000);
	assert_int_equal(jobs_seen(&c), 2);
	governor_queue(c.g, &other);
	assert_int_equal(go(&c, 3000, &wait_ms), 0);
	assert_int_equal(wait_ms, 750);
	end(&b);
	end(&c);
	free(ta);
	free(tb);
}

static void test_mounts_of_another_version_are_left_alone(void **state)
{
	(void)state;
	struct mount a = start(1000);
	uint32_t version = 77, found = 0;
	struct ticket t = whoami;

	int fd = open_file();
	assert_int_equal(pwrite(fd, &version, sizeof(version), 0), sizeof(version));
	struct mount b = start_at(BOOT);
	governor_queue(b.g, &t);
	assert_int_equal(go_now(&b, 1000), 1); /* by its own count */
	assert_int_equal(pread(fd, &found, sizeof(found), 0), sizeof(found));
	assert_int_equal(found, version);
	end(&b);
	end(&a);
	struct mount c = start(2000); /* nobody uses it any more */
	assert_int_equal(pread(fd, &found, sizeof(found), 0), sizeof(found));
	assert_int_not_equal(found, version);
	close(fd);
	end(&c);
}

static void test_a_mount_stopped_with_the_lock_is_waited_for_and_then_not(void **state)
{
	(void)state;
	struct mount a = start(1000), b = start(1000);
	struct ticket t = whoami;

	assert_true(shared_begin(a.s, a.g, 1000)); /* and there it stands */
	governor_queue(b.g, &t);
	assert_false(shared_begin(b.s, b.g, 1000));
	assert_false(shared_begin(b.s, b.g, 2999));
	assert_int_equal(go_now(&b, 3000), 1);
	shared_end(a.s, a.g);
	look(&b, 3001);
	look(&a, 3002);
	struct governor_view view;
	governor_view(a.g, &view);
	assert_int_equal(view.requests, 1);
	end(&a);
	end(&b);
}

static void test_there_are_places_for_64_mounts_and_more_are_alone(void **state)
{
	(void)state;
	struct mount m[65];
	struct ticket t = whoami;

	for (int i = 0; i < 64; i++)
		m[i] = start(1000);
	m[64] = start_at(BOOT);
	governor_queue(m[64].g, &t);
	assert_int_equal(go_now(&m[64], 1000), 1);
	for (int i = 0; i < 65; i++)
		end(&m[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_file, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_three_mounts_have_30_requests_between_them),
		TEST(test_two_mounts_have_15_jobs_between_them),
		TEST(test_a_bucket_is_filled_by_all),
		TEST(test_a_refusal_of_one_holds_all_and_halves_the_jobs),
		TEST(test_a_refusal_is_not_wiped_out_by_news_of_others),
		TEST(test_background_work_waits_for_people_of_other_mounts),
		TEST(test_whose_last_turn_is_longer_ago_goes_first),
		TEST(test_a_mount_that_stands_still_is_not_waited_for),
		TEST(test_a_mount_of_a_small_share_is_not_waited_for_while_it_cannot_go),
		TEST(test_a_dead_mounts_requests_are_free_at_once),
		TEST(test_a_dead_mounts_jobs_count_until_somebody_follows_them),
		TEST(test_jobs_that_nobody_follows_have_ended_after_ten_minutes),
		TEST(test_orphans_age_each_from_its_own_death),
		TEST(test_a_job_taken_from_a_mount_that_is_going_is_counted_once),
		TEST(test_who_begins_takes_a_dead_mounts_place_and_finds_its_jobs),
		TEST(test_who_waits_for_a_job_is_woken_when_one_ends),
		TEST(test_a_mount_that_has_nothing_to_do_is_told_of_others_ends),
		TEST(test_a_file_of_an_earlier_start_of_the_machine_counts_for_nothing),
		TEST(test_a_damaged_file_is_a_new_one),
		TEST(test_a_write_that_fails_empties_no_bucket),
		TEST(test_a_refusal_outlives_a_write_that_fails),
		TEST(test_who_has_nothing_to_tell_does_not_write),
		TEST(test_a_job_that_was_no_orphan_takes_no_later_ones_place),
		TEST(test_what_is_owed_is_owed_for_half_a_minute),
		TEST(test_a_job_that_is_left_counts_once_and_is_no_death),
		TEST(test_a_job_may_be_left_and_taken_up_for_ever_and_leaks_nothing),
		TEST(test_a_job_that_was_no_orphan_is_one_when_it_is_left),
		TEST(test_what_is_owed_is_paid_by_who_dies_not_by_what_was_left),
		TEST(test_what_was_owed_long_ago_is_not_owed_with_something_new),
		TEST(test_a_job_that_was_left_has_ended_after_ten_minutes),
		TEST(test_a_job_that_was_left_by_a_mount_that_dies_counts_once),
		TEST(test_a_job_that_is_left_is_told_when_the_file_can_be_written_again),
		TEST(test_a_job_that_is_left_alone_still_counts),
		TEST(test_a_count_of_orphans_that_cannot_be_is_a_damaged_file),
		TEST(test_an_adoption_is_told_when_the_file_can_be_written_again),
		TEST(test_what_was_decided_alone_is_told_later),
		TEST(test_mounts_of_another_version_are_left_alone),
		TEST(test_a_mount_stopped_with_the_lock_is_waited_for_and_then_not),
		TEST(test_there_are_places_for_64_mounts_and_more_are_alone),
	};
	return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}

/* check_park.c: each interleaving of park.c's states, one by one, without a mount.
 *
 * libfuse and the tree are played by this file: a reply is recorded and checked against the rules
 * (once, and after unregistering), tree_wait does what the test wants.
 * tests/stress/hammer.c meets them all by chance, on a real mount.
 */
#include "../../fs/front/notify.h"
#include "../../fs/front/park.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <qxfs/base/worker.h>

/* libfuse, played. */

struct fuse_req {
	pthread_mutex_t mutex; /* libfuse calls back and unregisters under it */
	fuse_interrupt_func_t func;
	void *data;
	bool interrupted; /* before it was registered */
	atomic_uint replies;
	atomic_int err;         /* of the reply; 0: opened */
	atomic_bool registered; /* at the time of the reply */
	struct fuse_file_info fi;
	int reply_returns;
};

static struct lot *lot;
static atomic_uint notices;
static atomic_uint notices_at_reply;
static void (*on_reply)(void);

static struct fuse_req *new_req(void)
{
	struct fuse_req *req = calloc(1, sizeof(*req));
	assert_non_null(req);
	pthread_mutex_init(&req->mutex, NULL);
	return req;
}

static void free_req(struct fuse_req *req)
{
	pthread_mutex_destroy(&req->mutex);
	free(req);
}

void fuse_req_interrupt_func(fuse_req_t req, fuse_interrupt_func_t func, void *data)
{
	pthread_mutex_lock(&req->mutex);
	req->func = func;
	req->data = data;
	if (req->interrupted && func)
		func(req, data);
	pthread_mutex_unlock(&req->mutex);
}

/* The kernel's INTERRUPT arrives. */
static void interrupt(struct fuse_req *req)
{
	pthread_mutex_lock(&req->mutex);
	req->interrupted = true;
	if (req->func)
		req->func(req, req->data);
	pthread_mutex_unlock(&req->mutex);
}

static void record_reply(struct fuse_req *req, int err)
{
	/* A request whose mutex is held is one whose callback or registration is still running. */
	bool busy = pthread_mutex_trylock(&req->mutex) != 0;
	atomic_store(&req->registered, busy || req->func);
	if (!busy)
		pthread_mutex_unlock(&req->mutex);
	atomic_store(&notices_at_reply, atomic_load(&notices));
	atomic_store(&req->err, err);
	if (on_reply)
		on_reply();
	atomic_fetch_add(&req->replies, 1);
}

int fuse_reply_err(fuse_req_t req, int err)
{
	record_reply(req, err);
	return 0;
}

int fuse_reply_open(fuse_req_t req, const struct fuse_file_info *fi)
{
	req->fi = *fi;
	record_reply(req, 0);
	return req->reply_returns;
}

int fuse_lowlevel_notify_inval_inode(struct fuse_session *se, fuse_ino_t node, off_t off, off_t len)
{
	(void)se, (void)len;
	assert_int_equal(node, 7);
	assert_int_equal(off, -1);
	atomic_fetch_add(&notices, 1);
	return -ENOENT;
}

/* The tree, played. */

static struct {
	void (*on_wait)(void); /* what happens inside tree_wait */
	tree_done_fn *done;
	void *arg;
	atomic_uint waits, cancels, closes;
} tree;
static struct tree_handle handle;

void tree_wait(struct tree *t, const struct tree_ask *ask, const struct tree_caller *who,
               tree_done_fn *done, void *arg)
{
	(void)t, (void)ask, (void)who;
	tree.done = done;
	tree.arg = arg;
	atomic_fetch_add(&tree.waits, 1);
	if (tree.on_wait)
		tree.on_wait();
}

void tree_cancel(struct tree *t, void *arg)
{
	(void)t;
	(void)arg;
	atomic_fetch_add(&tree.cancels, 1);
}

void tree_close(struct tree *t, struct tree_handle *h)
{
	(void)t;
	assert_ptr_equal(h, &handle);
	atomic_fetch_add(&tree.closes, 1);
}

/* Helpers. */

static struct notifier *notifier;
static struct fuse_req *req;

static int set_up(void **state)
{
	(void)state;
	memset(&tree, 0, sizeof(tree));
	on_reply = NULL;
	handle = (struct tree_handle){ .node = 7, .fd = -1, .keep_cache = true };
	atomic_store(&notices, 0);
	req = new_req();
	return notifier_new(NULL, &notifier) < 0 || lot_new(NULL, notifier, &lot) < 0;
}

static int tear_down(void **state)
{
	(void)state;
	lot_close(lot);
	notifier_stop(notifier);
	lot_free(lot);
	notifier_free(notifier);
	free_req(req);
	return 0;
}

static const struct parked opening = { .ask = { .verb = TREE_OPEN, .node = 7 } };

/* Thread 0 cannot be seen in /proc: its wait ends as soon as the watcher looks. */
static void park_as(pid_t tid)
{
	struct tree_caller who = { .pid = tid };
	lot_park(lot, req, &opening, &who);
}

static void pause_ms(long ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000 };
	nanosleep(&t, NULL);
}

static void await_reply(struct fuse_req *r)
{
	for (unsigned i = 0; i < 2000 && atomic_load(&r->replies) == 0; i++)
		pause_ms(1);
	assert_int_equal(atomic_load(&r->replies), 1);
	assert_false(atomic_load(&r->registered));
}

static void finish(int err)
{
	tree.done(tree.arg, err, err == 0 ? &handle : NULL);
}

/* Tests. */

static void succeed(void)
{
	finish(0);
}

static void test_done_inside_tree_wait(void **state)
{
	(void)state;
	tree.on_wait = succeed;
	park_as(0);
	await_reply(req);
	assert_int_equal(req->err, 0);
	assert_int_equal(req->fi.fh, (uintptr_t)&handle);
	assert_int_equal(req->fi.keep_cache, 1);
	assert_int_equal(req->fi.noflush, 1);
	assert_int_equal(req->fi.direct_io, 0);
	assert_int_equal(tree.closes, 0);
}

static void *succeed_elsewhere(void *arg)
{
	(void)arg;
	finish(0);
	return NULL;
}

static void succeed_on_another_thread(void)
{
	pthread_t thread;
	assert_int_equal(thread_start(&thread, "jobs", succeed_elsewhere, NULL), 0);
	pthread_join(thread, NULL);
}

static void test_done_elsewhere_before_tree_wait_returns(void **state)
{
	(void)state;
	tree.on_wait = succeed_on_another_thread;
	park_as(0);
	await_reply(req);
	assert_int_equal(req->err, 0);
	interrupt(req); /* nobody is registered any more */
}

static void test_done_later(void **state)
{
	(void)state;
	park_as(0);
	assert_int_equal(req->replies, 0);
	finish(-EIO);
	await_reply(req);
	assert_int_equal(req->err, EIO);
}

static void test_a_cancelled_wait_is_eintr(void **state)
{
	(void)state;
	park_as(0);
	finish(-ECANCELED);
	await_reply(req);
	assert_int_equal(req->err, EINTR);
}

static void test_interrupt_while_parked(void **state)
{
	(void)state;
	park_as(0);
	interrupt(req);
	await_reply(req);
	assert_int_equal(req->err, EINTR);
	pause_ms(20);
	assert_int_equal(tree.cancels, 1);
	finish(0); /* it was on its way */
	assert_int_equal(req->replies, 1);
	assert_int_equal(tree.closes, 1);
}

static void let_the_watcher_try(void)
{
	pause_ms(30);
	assert_int_equal(req->replies, 0);
	assert_int_equal(tree.cancels, 0);
}

/* libfuse calls back inside the registration, whose mutex must not be freed by a reply, and the
 * wait must not be cancelled before the tree knows of it. */
static void test_interrupt_inside_registration(void **state)
{
	(void)state;
	req->interrupted = true;
	tree.on_wait = let_the_watcher_try;
	park_as(0);
	await_reply(req);
	assert_int_equal(req->err, EINTR);
	pause_ms(20);
	assert_int_equal(tree.cancels, 1);
	finish(-ECANCELED);
	assert_int_equal(req->replies, 1);
}

static void interrupt_then_succeed(void)
{
	interrupt(req);
	pause_ms(20);
	finish(0);
}

static void test_done_wins_over_an_interrupt_while_parking(void **state)
{
	(void)state;
	tree.on_wait = interrupt_then_succeed;
	park_as(0);
	await_reply(req);
	assert_int_equal(req->err, 0);
	assert_int_equal(tree.cancels, 0);
	assert_int_equal(tree.closes, 0);
}

static void test_a_benign_signal_is_looked_at_again(void **state)
{
	sigset_t set, before;
	(void)state;
	/* A child, stopped, with SIGUSR1 pending: it stays until SIGTERM is pending too. */
	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	pid_t pid = fork();
	if (pid == 0) {
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
		raise(SIGSTOP);
		_exit(0);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	int status;
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGUSR1);

	park_as(pid);
	interrupt(req);
	pause_ms(170);
	assert_int_equal(req->replies, 0);
	kill(pid, SIGTERM);
	await_reply(req);
	assert_int_equal(req->err, EINTR);
	finish(-ECANCELED);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/* SIGCONT takes a pending SIGSTOP away: the silence that follows is not the freezer's. */
static void test_a_signal_that_went_away_ends_no_wait(void **state)
{
	int status;
	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
		raise(SIGSTOP);
		for (;;)
			pause();
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGSTOP);
	park_as(pid);
	interrupt(req);
	pause_ms(100); /* it is seen */
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, WCONTINUED), pid);
	pause_ms(170);
	assert_int_equal(req->replies, 0);

	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGTERM); /* pending: it cannot be taken */
	await_reply(req);
	assert_int_equal(req->err, EINTR);
	finish(-ECANCELED);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static void test_changed_attributes_go_first(void **state)
{
	(void)state;
	handle.attr_changed = true;
	park_as(0);
	finish(0);
	await_reply(req);
	assert_int_equal(req->err, 0);
	assert_int_equal(req->fi.keep_cache, 0);
	assert_int_equal(notices, 1);
	assert_int_equal(notices_at_reply, 1);
	assert_int_equal(tree.closes, 0);
}

static void test_a_handle_the_kernel_refuses_is_closed(void **state)
{
	(void)state;
	req->reply_returns = -ENOENT;
	park_as(0);
	finish(0);
	await_reply(req);
	assert_int_equal(tree.closes, 1);
}

static atomic_bool done_came;

static void *cancel_late(void *arg)
{
	(void)arg;
	pause_ms(30);
	assert_int_equal(req->replies, 1);
	atomic_store(&done_came, true);
	finish(-ECANCELED);
	return NULL;
}

static void test_close_answers_and_waits_for_done(void **state)
{
	pthread_t thread;
	(void)state;
	park_as(0);
	assert_int_equal(thread_start(&thread, "jobs", cancel_late, NULL), 0);
	lot_close(lot);
	assert_true(atomic_load(&done_came));
	await_reply(req);
	assert_int_equal(req->err, EINTR);
	assert_int_equal(tree.cancels, 1);
	pthread_join(thread, NULL);

	struct fuse_req *late = new_req();
	struct tree_caller who = { .pid = 0 };
	lot_park(lot, late, &opening, &who);
	await_reply(late);
	assert_int_equal(late->err, EINTR);
	assert_int_equal(tree.waits, 1);
	free_req(late);
}

/* What a FORGET or an OPEN on another worker might do while we are in the reply: take the lock of
 * the lot. Holding it here would be a deadlock, and the test would run out of time. */
static void park_another(void)
{
	struct fuse_req *other = new_req();
	struct tree_caller who = { .pid = 0 };

	on_reply = NULL;
	tree.on_wait = succeed;
	lot_park(lot, other, &opening, &who);
	assert_int_equal(other->replies, 1);
	free_req(other);
}

static void test_no_lock_is_held_during_a_reply(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 3; way++) {
		struct fuse_req *before = req;
		req = new_req();
		tree.on_wait = NULL;
		park_as(0);
		tree_done_fn *done = tree.done;
		void *arg = tree.arg;
		on_reply = park_another;
		if (way == 0) {
			done(arg, -EIO, NULL);
		} else if (way == 1) {
			interrupt(req);
			await_reply(req);
			done(arg, -ECANCELED, NULL);
		} else {
			done(arg, 0, &handle);
		}
		await_reply(req);
		free_req(req);
		req = before;
	}
}

static pthread_t closer;

static void *close_lot(void *arg)
{
	(void)arg;
	lot_close(lot);
	return NULL;
}

static void begin_to_close(void)
{
	assert_int_equal(thread_start(&closer, "closer", close_lot, NULL), 0);
	pause_ms(30);
	assert_int_equal(req->replies, 0); /* still parking: lot_park itself answers */
}

static void test_close_while_parking(void **state)
{
	(void)state;
	tree.on_wait = begin_to_close;
	park_as(0);
	await_reply(req);
	assert_int_equal(req->err, EINTR);
	assert_int_equal(tree.cancels, 1);
	finish(-ECANCELED);
	pthread_join(closer, NULL);
	assert_int_equal(req->replies, 1);
}

/* Listings: read from local files, so not by whoever says that they are there. */

static pthread_t answerer;
static atomic_uint listed;

static void list(struct tree *t, fuse_req_t r, const struct parked *what, struct tree_handle *none)
{
	(void)t;
	assert_null(none);
	assert_int_equal(what->off, 11);
	answerer = pthread_self();
	atomic_fetch_add(&listed, 1);
	record_reply(r, 0);
}

static void park_listing(void)
{
	struct tree_caller who = { .pid = 0 };
	const struct parked what = { .ask = { .verb = TREE_READDIR }, .answer = list, .off = 11 };

	atomic_store(&listed, 0);
	lot_park(lot, req, &what, &who);
}

static void test_a_listing_is_answered_by_the_lots_own_thread(void **state)
{
	(void)state;
	park_listing();
	tree.done(tree.arg, 0, NULL);
	await_reply(req);
	assert_int_equal(atomic_load(&listed), 1);
	assert_false(pthread_equal(answerer, pthread_self()));
}

static void test_a_listing_that_fails_is_answered_at_once(void **state)
{
	(void)state;
	park_listing();
	tree.done(tree.arg, -EIO, NULL);
	assert_int_equal(req->replies, 1);
	assert_int_equal(req->err, EIO);
	assert_int_equal(atomic_load(&listed), 0);
}

static void test_a_listing_given_up_is_not_answered_again(void **state)
{
	(void)state;
	park_listing();
	interrupt(req);
	await_reply(req);
	assert_int_equal(req->err, EINTR);
	tree.done(tree.arg, 0, NULL);
	lot_close(lot); /* whatever is still to be answered has been */
	assert_int_equal(req->replies, 1);
	assert_int_equal(atomic_load(&listed), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_listing_is_answered_by_the_lots_own_thread),
		TEST(a_listing_that_fails_is_answered_at_once),
		TEST(a_listing_given_up_is_not_answered_again),
		TEST(done_inside_tree_wait),
		TEST(done_elsewhere_before_tree_wait_returns),
		TEST(done_later),
		TEST(a_cancelled_wait_is_eintr),
		TEST(interrupt_while_parked),
		TEST(interrupt_inside_registration),
		TEST(done_wins_over_an_interrupt_while_parking),
		TEST(a_benign_signal_is_looked_at_again),
		TEST(a_signal_that_went_away_ends_no_wait),
		TEST(changed_attributes_go_first),
		TEST(a_handle_the_kernel_refuses_is_closed),
		TEST(no_lock_is_held_during_a_reply),
		TEST(close_answers_and_waits_for_done),
		TEST(close_while_parking),
	};
	return cmocka_run_group_tests_name("park", tests, NULL, NULL);
}

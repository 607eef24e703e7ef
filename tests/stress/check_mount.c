/* check_mount.c: each operation on a real mount. */
#include "harness.h"

#include <qxfs/base/worker.h>
#include <qxfs/front/control.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t deed(struct remote *r, enum deed deed, const char *path)
{
	struct ask ask = { .verb = REMOTE_DO, .flags = (int)deed };
	(void)snprintf(ask.path, sizeof(ask.path), "%s", path);
	return remote_ask(r, &ask).ret;
}

static struct told stat_of(struct remote *r, const char *path)
{
	struct ask ask = { .verb = REMOTE_STAT };
	(void)snprintf(ask.path, sizeof(ask.path), "%s", path);
	return remote_ask(r, &ask);
}

static struct told fstat_of(struct remote *r, int64_t fd)
{
	return remote_ask(r, &(struct ask){ .verb = REMOTE_FSTAT, .fd = (int)fd });
}

static struct told check_of(struct remote *r, int64_t fd, unsigned file, uint64_t off, uint64_t n)
{
	return remote_ask(
		r, &(struct ask){
			   .verb = REMOTE_CHECK, .fd = (int)fd, .file = file, .off = off, .n = n });
}

static struct told list_of(struct remote *r, const char *path, bool with_stat)
{
	struct ask ask = { .verb = REMOTE_LIST, .flags = with_stat };
	(void)snprintf(ask.path, sizeof(ask.path), "%s", path);
	return remote_ask(r, &ask);
}

static void test_mount_names_its_type_and_source(void)
{
	struct mount m;
	char line[1024], device[32];
	bool found = false;

	mount_up(&m, &(struct fake_config){ .files = 1 });
	(void)snprintf(device, sizeof(device), " 0:%u ", session_connection(m.session));
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	CHECK(mounts);
	while (fgets(line, sizeof(line), mounts))
		if (strstr(line, harness_dir)) {
			found = true;
			CHECK(strstr(line, device));
			CHECK(strstr(line, " - fuse.qxfs qxfs:a,b.example "));
			CHECK(strstr(line, "default_permissions"));
			CHECK(strstr(line, "nosuid,nodev"));
			CHECK(geteuid() != 0 || strstr(line, "allow_other"));
		}
	fclose(mounts);
	CHECK(found);
	mount_down(&m);
}

static void test_refusals(void)
{
	static const struct {
		enum deed deed;
		const char *path;
		int err;
	} rows[] = {
		{ DEED_CREATE, "new", EPERM },        { DEED_CREATE, "f0000", EROFS },
		{ DEED_MKDIR, "new", EPERM },         { DEED_MKNOD, "new", EPERM },
		{ DEED_SYMLINK, "new", EPERM },       { DEED_LINK, "new", EPERM },
		{ DEED_UNLINK, "f0000", EPERM },      { DEED_RMDIR, "big", EPERM },
		{ DEED_RENAME, "f0000", EPERM },      { DEED_CHMOD, "f0000", EPERM },
		{ DEED_CHOWN, "f0000", EPERM },       { DEED_TRUNCATE, "f0000", EROFS },
		{ DEED_TOUCH_ATIME, "f0000", EPERM }, { DEED_TOUCH, "big", EPERM },
		{ DEED_TOUCH, "f0000", 0 },           { DEED_READLINK, "link", 0 },
		{ DEED_READLINK, "f0000", EINVAL },   { DEED_GETXATTR, "f0000", EOPNOTSUPP },
		{ DEED_TCGETS, "f0000", ENOTTY },
	};
	struct mount m;
	mount_up(&m, &(struct fake_config){ .files = 2 });
	struct remote r = remote_new();

	fake_ready(m.tree, 0, false);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t ret = deed(&r, rows[i].deed, rows[i].path);
		if (geteuid() != 0 && ret == -EACCES) /* modes: the kernel itself refused */
			continue;
		if (ret != -rows[i].err)
			fprintf(stderr, "row %zu:\n", i);
		CHECK_EQ(ret, -rows[i].err);
	}
	CHECK_EQ(stat_of(&r, "nothing").ret, -ENOENT);
	CHECK_EQ(stat_of(&r, "f0000/x").ret, -ENOTDIR);
	struct told disk = remote_ask(&r, &(struct ask){ .verb = REMOTE_STATFS });
	CHECK_EQ(disk.ret, 255);
	CHECK_EQ(disk.size, 1000);
	CHECK_EQ(disk.ino, 250);
	remote_end(&r);
	mount_down(&m);
}

static void test_files_are_read_whole(void)
{
	struct mount m;
	mount_up(&m, &(struct fake_config){ .files = 2, .ttl_s = 60 });
	struct remote r = remote_new();

	for (unsigned file = 0; file < 2; file++) { /* from an fd, from memory */
		const char *path = file ? "f0001" : "f0000";
		uint64_t length = fake_length(file, 0);
		fake_ready(m.tree, file, false);
		int64_t fd = remote_open(&r, path);
		CHECK(fd >= 0);
		CHECK_EQ(fstat_of(&r, fd).size, length);
		CHECK_EQ(check_of(&r, fd, file, 0, 1 << 20).ret, length);
		CHECK_EQ(check_of(&r, fd, file, length - 5, 100).ret, 5);
		CHECK_EQ(check_of(&r, fd, file, length, 100).ret, 0);
		CHECK_EQ(check_of(&r, fd, file, length + 5000, 100).ret, 0);
		remote_close(&r, fd);
	}
	remote_end(&r);
	mount_down(&m);
}

/* A node that stays pending keeps its estimate, so the kernel asks for bytes behind the length,
 * where those of a later generation are. (The tree must not do this: with O_DIRECT it is harmless,
 * but the page cache would fill up with zeros.) */
static void test_bytes_behind_the_length_are_not_served(void)
{
	struct mount m;
	mount_up(&m, &(struct fake_config){ .files = 1, .ttl_s = 60 });
	struct remote r = remote_new();
	uint64_t length = fake_length(0, 0);
	struct told t;

	remote_send(&r, &(struct ask){ .verb = REMOTE_OPEN,
	                               .flags = O_RDONLY | O_DIRECT,
	                               .path = "f0000" });
	CHECK_EQ(fake_await(m.tree, 1, 5000), 1);
	fake_fail(m.tree, 0, 0); /* "fails" well: a handle, and the node stays pending */
	CHECK(remote_take(&r, &t, 5000));
	CHECK(t.ret >= 0);
	CHECK_EQ(fstat_of(&r, t.ret).size, FAKE_ESTIMATE);
	CHECK_EQ(check_of(&r, t.ret, 0, 0, 1 << 20).ret, length);
	CHECK_EQ(check_of(&r, t.ret, 0, length, 4096).ret, 0);
	CHECK_EQ(check_of(&r, t.ret, 0, length + 5000, 100).ret, 0);
	remote_close(&r, t.ret);
	remote_end(&r);
	mount_down(&m);
}

static void test_size_is_exact_after_a_parked_open(void)
{
	struct mount m;
	struct told t;
	mount_up(&m, &(struct fake_config){ .files = 1, .ttl_s = 60 });
	struct remote r = remote_new();

	CHECK_EQ(stat_of(&r, "f0000").size, FAKE_ESTIMATE);
	remote_send_open(&r, "f0000");
	CHECK_EQ(fake_await(m.tree, 1, 5000), 1);
	CHECK(!remote_take(&r, &t, 50));
	fake_ready(m.tree, 0, false);
	CHECK(remote_take(&r, &t, 5000));
	CHECK(t.ret >= 0);
	CHECK_EQ(fstat_of(&r, t.ret).size, fake_length(0, 0));
	remote_close(&r, t.ret);
	remote_end(&r);
	mount_down(&m);
}

/* A ready node whose data had gone: the kernel keeps its old attributes for a minute. */
static void test_changed_attributes_reach_the_kernel_before_the_answer(void)
{
	struct mount m;
	mount_up(&m, &(struct fake_config){ .files = 2, .ttl_s = 60 });
	struct remote r = remote_new();

	for (unsigned file = 0; file < 2; file++) {
		const char *path = file ? "f0001" : "f0000";
		fake_ready(m.tree, file, true);
		int64_t fd = remote_open(&r, path);
		CHECK(fd >= 0);
		CHECK_EQ(fstat_of(&r, fd).size, fake_length(file, 0));
		CHECK_EQ(check_of(&r, fd, file, 0, 1 << 20).ret, fake_length(file, 0));
		remote_close(&r, fd);
	}
	remote_end(&r);
	mount_down(&m);
}

static void test_readers_of_a_replaced_node_keep_reading(void)
{
	struct mount m;
	mount_up(&m, &(struct fake_config){ .files = 2, .ttl_s = 60 });
	struct remote r = remote_new();

	for (unsigned file = 0; file < 2; file++) {
		const char *path = file ? "f0001" : "f0000";
		fake_ready(m.tree, file, false);
		int64_t old = remote_open(&r, path);
		CHECK_EQ(check_of(&r, old, file, 0, 100).ret, 100);
		struct told before = stat_of(&r, path);

		fake_replace(m.tree, file);
		fake_ready(m.tree, file, false);
		int64_t new = remote_open(&r, path);
		struct told t = check_of(&r, old, file, 0, 1 << 20);
		CHECK_EQ(t.ret, fake_length(file, 0));
		CHECK_EQ(t.version, 0);
		t = check_of(&r, new, file, 0, 1 << 20);
		CHECK_EQ(t.ret, fake_length(file, 1));
		CHECK_EQ(t.version, 1);
		CHECK_EQ(fstat_of(&r, old).size, fake_length(file, 0));
		CHECK_EQ(fstat_of(&r, new).size, fake_length(file, 1));
		CHECK_EQ(stat_of(&r, path).ino, before.ino); /* the name's */
		remote_close(&r, old);
		remote_close(&r, new);
	}
	remote_end(&r);
	mount_down(&m);
}

/* A program that touches a file and opens it must not get the node that the kernel knew. */
static void test_a_touch_is_answered_when_the_name_is_forgotten(void)
{
	struct mount m;
	mount_up(&m, &(struct fake_config){ .files = 1, .ttl_s = 60, .file_name_ttl_s = 60 });
	struct remote r = remote_new();

	fake_ready(m.tree, 0, false);
	for (unsigned version = 0; version < 50; version++) {
		int64_t fd = remote_open(&r, "f0000");
		CHECK_EQ(check_of(&r, fd, 0, 0, 100).version, version);
		remote_close(&r, fd);
		CHECK_EQ(deed(&r, DEED_TOUCH, "f0000"), 0);
	}
	remote_end(&r);
	mount_down(&m);
}

static void *close_mount(void *arg)
{
	mount_close(arg);
	return NULL;
}

/* The notice of a touch needs the folder's lock. A LOOKUP holds it that nobody will serve: when the
 * last worker is in the touch and the others have ended, waiting for either would be for ever. */
static void test_a_touch_and_a_lookup_do_not_hold_up_the_end(void)
{
	struct ask touch = { .verb = REMOTE_DO, .flags = DEED_TOUCH, .path = "f0000" };
	struct ask look = { .verb = REMOTE_STAT, .path = "nothing" };
	pthread_t closer;
	struct mount m;
	struct told t;

	mount_up(&m, &(struct fake_config){
			     .files = 1, .ttl_s = 60, .file_name_ttl_s = 60, .touch_ms = 900 });
	struct remote toucher = remote_new(), looker = remote_new();
	fake_ready(m.tree, 0, false);
	CHECK_EQ(stat_of(&toucher, "f0000").ret, 0);

	remote_send(&toucher, &touch);
	pause_ms(200);
	CHECK_EQ(thread_start(&closer, "closer", close_mount, &m), 0);
	pause_ms(200);
	remote_send(&looker, &look);
	CHECK(remote_take(&toucher, &t, 10000));
	CHECK_EQ(t.ret, 0);
	CHECK(remote_take(&looker, &t, 10000));
	pthread_join(closer, NULL);
	remote_end(&toucher);
	remote_end(&looker);
	mount_down(&m);
}

static void test_listings_are_complete(void)
{
	struct mount m;
	mount_up(&m, &(struct fake_config){ .files = 400, .ttl_s = 60 });
	struct remote r = remote_new();
	uint64_t names = 3; /* "." and ".." */
	for (unsigned i = 0; i < BIG_ENTRIES; i++)
		names += 8 + i * 7919 % 242;

	for (unsigned round = 0; round < 3; round++) {
		struct told t = list_of(&r, "big", round > 0);
		CHECK_EQ(t.ret, BIG_ENTRIES + 2);
		CHECK_EQ(t.size, names);
		CHECK_EQ(t.ino, 0);
		t = list_of(&r, ".", round > 0);
		CHECK_EQ(t.ret, 400 + 4);
		CHECK_EQ(t.ino, 0);
	}
	remote_end(&r);
	mount_down(&m);
}

/* Once a name has a new node, the kernel forgets the old one with as many lookups as it was told
 * of: also those of listings, without those of entries that did not fit. */
static void test_lookups_are_counted_exactly(void)
{
	struct mount m;
	mount_up(&m, &(struct fake_config){ .files = 400, .ttl_s = 60 });
	struct remote r = remote_new();

	for (unsigned round = 0; round < 4; round++) {
		CHECK_EQ(list_of(&r, ".", round % 2).ret, 404);
		CHECK_EQ(stat_of(&r, "f0007").ret, 0);
		for (unsigned i = 0; i < 400; i++)
			fake_replace(m.tree, i);
		CHECK_EQ(list_of(&r, ".", true).ret, 404);
	}
	CHECK(fake_count(m.tree).lookups > 4 * 2 * 400);
	remote_end(&r);
	mount_down(&m); /* checks for leaks */
}

static void test_control(void)
{
	struct mount m;
	mount_up(&m, &(struct fake_config){ .files = 1, .ttl_s = 60 });
	struct remote r = remote_new();
	struct ask ask = { .verb = REMOTE_IOCTL, .flags = CONTROL_STATUS };

	ask.fd = (int)remote_open(&r, ".");
	CHECK(ask.fd >= 0);
	struct told t = remote_ask(&r, &ask);
	CHECK_EQ(t.ret, 0);
	CHECK_EQ(t.size, 40000);
	CHECK_EQ(t.ino, CONTROL_PIECE);
	ask.n = 39999; /* the last byte */
	t = remote_ask(&r, &ask);
	CHECK_EQ(t.ino, 1);
	CHECK_EQ(t.mode, '\n');
	ask.n = 1 << 30;
	t = remote_ask(&r, &ask);
	CHECK_EQ(t.ret, 0);
	CHECK_EQ(t.ino, 0);

	ask.n = 0;
	ask.flags = CONTROL_WHY;
	(void)snprintf(ask.path, sizeof(ask.path), "a/b");
	CHECK_EQ(remote_ask(&r, &ask).size, 5);
	ask.path[0] = '\0';
	CHECK_EQ(remote_ask(&r, &ask).ret, -ENOENT);
	ask.flags = 99;
	CHECK_EQ(remote_ask(&r, &ask).ret, -EINVAL);
	ask.flags = CONTROL_STATUS;
	ask.file = CONTROL_VERSION + 1;
	CHECK_EQ(remote_ask(&r, &ask).ret, -EPROTONOSUPPORT);
	ask.file = 0;
	if (geteuid() == 0) {
		CHECK_EQ(deed(&r, DEED_BE_NOBODY, ""), 0);
		CHECK_EQ(remote_ask(&r, &ask).ret, -EACCES);
		CHECK_EQ(deed(&r, DEED_BE_ROOT, ""), 0);
	}
	int root = ask.fd;
	ask.fd = (int)remote_open(&r, "big");
	CHECK_EQ(remote_ask(&r, &ask).ret, -ENOTTY);
	remote_close(&r, ask.fd);
	remote_close(&r, root);
	remote_end(&r);
	mount_down(&m);
}

static void test_a_mount_that_fails_says_why(void)
{
	struct fake_config fake = { .files = 1 };
	struct session_config config = { .tree = fake_new(&fake) };
	struct session *session;
	struct qx_fail fail;

	config.mountpoint = "/nonexistent/x";
	CHECK(session_new(&config, &session, &fail) < 0);
	CHECK(fail.err > 0 && strstr(fail.why, "/nonexistent/x"));
	config.mountpoint = harness_dir;
	config.mount_options = "no_such_option";
	CHECK_EQ(session_new(&config, &session, &fail), -EINVAL);
	CHECK(strstr(fail.why, "no_such_option"));
	fake_free(config.tree);
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "mount_names_its_type_and_source", test_mount_names_its_type_and_source },
		{ "refusals", test_refusals },
		{ "files_are_read_whole", test_files_are_read_whole },
		{ "bytes_behind_the_length_are_not_served",
		  test_bytes_behind_the_length_are_not_served },
		{ "size_is_exact_after_a_parked_open", test_size_is_exact_after_a_parked_open },
		{ "changed_attributes_reach_the_kernel_before_the_answer",
		  test_changed_attributes_reach_the_kernel_before_the_answer },
		{ "readers_of_a_replaced_node_keep_reading",
		  test_readers_of_a_replaced_node_keep_reading },
		{ "a_touch_is_answered_when_the_name_is_forgotten",
		  test_a_touch_is_answered_when_the_name_is_forgotten },
		{ "a_touch_and_a_lookup_do_not_hold_up_the_end",
		  test_a_touch_and_a_lookup_do_not_hold_up_the_end },
		{ "listings_are_complete", test_listings_are_complete },
		{ "lookups_are_counted_exactly", test_lookups_are_counted_exactly },
		{ "control", test_control },
		{ "a_mount_that_fails_says_why", test_a_mount_that_fails_says_why },
		{ NULL, NULL },
	};
	return harness_main(argc, argv, scenarios);
}

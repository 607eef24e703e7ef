/* check_mountpoint.c: what is mounted where, which mount a path lies in, which folder may be used.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#include "../../fs/app/mountpoint.h"
#include "../../fs/app/mounts.h"

static const char sample[] =
	"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
	"23 22 0:21 / /proc rw,nosuid shared:5 - proc proc rw\n"
	"30 22 0:40 / /home/u/My\\040Data rw shared:9 master:1 - fuse.qxfs qxfs:fra1 rw\n"
	"31 22 0:41 / /home/u/My rw - fuse.sshfs u@h:/ rw\n"
	"32 22 0:42 / /srv/a rw - fuse.qxfs qxfs:az1 rw\n"
	"33 32 0:43 / /srv/a/inner rw - tmpfs tmpfs rw\n"
	"34 22 0:44 / /srv/b rw - fuse.qxfs old rw\n"
	"35 34 0:45 / /srv/b rw - fuse.qxfs new rw\n"
	"36 22 0:46 / /odd\\134040\\011x rw - tmpfs no\\012ne rw\n"
	"a line of another form\n"
	"\n"
	"37 22 0:47 / /cut rw -\n";

static struct mounts parse(const char *text)
{
	struct mounts m;
	assert_int_equal(mounts_parse(text, &m), 0);
	return m;
}

static const struct mount *find(const struct mounts *m, const char *point)
{
	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->list[i].point, point) == 0)
			return &m->list[i];
	}
	fail_msg("no mount at %s", point);
	return NULL;
}

static void test_octal_escapes_are_undone_once(void **state)
{
	(void)state;
	struct mounts m = parse(sample);

	assert_non_null(find(&m, "/home/u/My Data"));
	/* \134 is a backslash, and what follows it no escape. */
	assert_non_null(find(&m, "/odd\\040\tx"));
	assert_string_equal(find(&m, "/odd\\040\tx")->source, "no\nne");
	mounts_done(&m);
}

static void test_optional_fields_are_passed_over(void **state)
{
	(void)state;
	struct mounts m = parse(sample);

	assert_string_equal(find(&m, "/proc")->type, "proc");
	assert_string_equal(find(&m, "/home/u/My Data")->type, "fuse.qxfs");
	assert_string_equal(find(&m, "/home/u/My Data")->source, "qxfs:fra1");
	mounts_done(&m);
}

static void test_lines_of_another_form_are_passed_over(void **state)
{
	(void)state;
	struct mounts m = parse(sample);

	assert_int_equal(m.n, 9);
	mounts_done(&m);
}

static void test_the_longest_mount_holds_a_path(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		const char *source;
	} rows[] = {
		{ "/", "/dev/vda" },
		{ "/home/u/My Data", "qxfs:fra1" },
		{ "/home/u/My Data/surveys/x", "qxfs:fra1" },
		{ "/home/u/My Data2", "/dev/vda" },
		{ "/home/u/My/x", "u@h:/" },
		{ "/srv/a/x", "qxfs:az1" },
		{ "/srv/a/inner/x", "tmpfs" },
		{ "/srv/b", "new" },
		{ "/srv/b/x", "new" },
	};
	struct mounts m = parse(sample);

	for (size_t i = 0; i < countof(rows); i++) {
		const struct mount *holding = mounts_holding(&m, rows[i].path);
		assert_non_null(holding);
		assert_string_equal(holding->source, rows[i].source);
	}
	mounts_done(&m);
}

static void test_ours_are_told_by_their_type(void **state)
{
	(void)state;
	struct mounts m = parse(sample);

	assert_true(mount_is_qxfs(find(&m, "/srv/a")));
	assert_false(mount_is_qxfs(find(&m, "/home/u/My")));
	assert_false(mount_is_qxfs(NULL));
	mounts_done(&m);
}

static void test_this_machine_can_be_read(void **state)
{
	(void)state;
	struct mounts m;

	assert_int_equal(mounts_read(&m), 0);
	assert_non_null(mounts_holding(&m, "/"));
	mounts_done(&m);
}

/* --- paths --- */

struct folder {
	char path[64];        /* a real path without links */
	struct mounts mounts; /* a qxfs mount at PATH/q, which nobody serves */
};

static int make_folder(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));
	char made[] = "/tmp/qxfs-check-XXXXXX";
	char line[256];

	assert_non_null(f);
	assert_non_null(mkdtemp(made));
	qx_auto_free char *real = realpath(made, NULL);
	assert_non_null(real);
	(void)snprintf(f->path, sizeof(f->path), "%s", real);
	assert_int_equal(chdir(f->path), 0);
	assert_int_equal(mkdir("q", 0700), 0);
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(symlink("q", "link"), 0);
	assert_int_equal(symlink("../d", "q/inside"), 0);
	assert_int_equal(symlink("b", "a"), 0);
	assert_int_equal(symlink("a", "b"), 0);
	(void)snprintf(line, sizeof(line),
	               "22 1 8:0 / / rw - ext4 a rw\n"
	               "23 22 0:40 / %s/q rw - fuse.qxfs qxfs rw\n",
	               f->path);
	f->mounts = parse(line);
	*state = f;
	return 0;
}

static int remove_folder(void **state)
{
	struct folder *f = *state;
	static const char *const names[] = { "q/inside", "q", "d", "link", "a", "b", "file" };

	for (size_t i = 0; i < countof(names); i++)
		(void)remove(names[i]);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(f->path), 0);
	mounts_done(&f->mounts);
	free(f);
	return 0;
}

static void assert_resolves(const struct folder *f, const char *path, const char *below)
{
	char expected[256];
	qx_auto_free char *found = NULL;

	(void)snprintf(expected, sizeof(expected), "%s%s", f->path, below);
	assert_int_equal(mounts_resolve(&f->mounts, path, &found), 0);
	assert_string_equal(found, expected);
}

static void test_paths_become_absolute_and_normal(void **state)
{
	const struct folder *f = *state;
	qx_auto_free char *found = NULL;

	assert_resolves(f, "q", "/q");
	assert_resolves(f, "./d//..///q/x/", "/q/x");
	assert_resolves(f, "no/such/../thing", "/no/thing");
	assert_int_equal(mounts_resolve(&f->mounts, "/../..", &found), 0);
	assert_string_equal(found, "/");
}

static void test_links_outside_are_followed(void **state)
{
	const struct folder *f = *state;

	assert_resolves(f, "link/surveys", "/q/surveys");
	assert_resolves(f, "d/../link", "/q");
}

static void test_nothing_inside_a_mount_is_looked_at(void **state)
{
	const struct folder *f = *state;

	/* There is a link of that name: it is not read. */
	assert_resolves(f, "q/inside/x", "/q/inside/x");
	assert_resolves(f, "q/x/../../d", "/d");
}

static void test_a_circle_of_links_ends(void **state)
{
	const struct folder *f = *state;
	char *found = NULL;

	assert_int_equal(mounts_resolve(&f->mounts, "a", &found), -ELOOP);
	assert_null(found);
}

/* --- what may be mounted on --- */

static void refused(const char *path, int err, const char *said)
{
	struct qx_fail fail = { 0 };
	char *found = NULL;

	assert_int_equal(mountpoint_prepare(path, &found, &fail), -err);
	assert_int_equal(fail.err, err);
	if (!strstr(fail.why, said))
		fail_msg("%s does not say: %s", fail.why, said);
	assert_null(found);
}

static void test_a_folder_of_ours_will_do(void **state)
{
	const struct folder *f = *state;
	struct qx_fail fail = { 0 };
	char expected[128];
	char *found = NULL;

	assert_int_equal(mountpoint_prepare("d/../d/", &found, &fail), 0);
	(void)snprintf(expected, sizeof(expected), "%s/d", f->path);
	assert_string_equal(found, expected);
	free(found);
}

static void test_what_is_no_folder_is_refused(void **state)
{
	(void)state;
	int fd = open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);

	refused("nothing/here", ENOENT, "there is no folder");
	refused("file", ENOTDIR, "is not a folder");
	refused("/", EINVAL, "root of the machine");
}

static void test_cache_and_mount_point_must_lie_apart(void **state)
{
	(void)state;
	struct qx_fail fail = { 0 };

	assert_int_equal(mountpoint_apart("/m", "the cache", "/m/cache", &fail), -EINVAL);
	assert_non_null(strstr(fail.why, "the cache"));
	assert_int_equal(mountpoint_apart("/m/x", "the cache", "/m", &fail), -EINVAL);
	assert_int_equal(mountpoint_apart("/m", "the cache", "/m", &fail), -EINVAL);
	assert_int_equal(mountpoint_apart("/m", "the cache", "/mm", &fail), 0);
	assert_int_equal(mountpoint_apart("/m", "the cache", "/c", &fail), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_octal_escapes_are_undone_once),
		cmocka_unit_test(test_optional_fields_are_passed_over),
		cmocka_unit_test(test_lines_of_another_form_are_passed_over),
		cmocka_unit_test(test_the_longest_mount_holds_a_path),
		cmocka_unit_test(test_ours_are_told_by_their_type),
		cmocka_unit_test(test_this_machine_can_be_read),
		cmocka_unit_test_setup_teardown(test_paths_become_absolute_and_normal, make_folder,
		                                remove_folder),
		cmocka_unit_test_setup_teardown(test_links_outside_are_followed, make_folder,
		                                remove_folder),
		cmocka_unit_test_setup_teardown(test_nothing_inside_a_mount_is_looked_at,
		                                make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_a_circle_of_links_ends, make_folder,
		                                remove_folder),
		cmocka_unit_test_setup_teardown(test_a_folder_of_ours_will_do, make_folder,
		                                remove_folder),
		cmocka_unit_test_setup_teardown(test_what_is_no_folder_is_refused, make_folder,
		                                remove_folder),
		cmocka_unit_test(test_cache_and_mount_point_must_lie_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

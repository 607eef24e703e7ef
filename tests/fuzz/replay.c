/* replay.c: runs a fuzz target over files and folders of them, where there is no libFuzzer (gcc).
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#define INPUT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(int dirfd, const char *name)
{
	struct buf input = { 0 };
	int r = sys_read_file_at(dirfd, name, INPUT_MAX, &input);
	if (r == 0)
		(void)LLVMFuzzerTestOneInput((const uint8_t *)buf_text(&input), input.len);
	else
		(void)fprintf(stderr, "%s: cannot be read (%d)\n", name, r);
	buf_done(&input);
	return r;
}

static int replay_folder(const char *path, unsigned *count)
{
	DIR *dir = opendir(path);
	if (!dir)
		return -1;

	int r = 0;
	for (const struct dirent *entry; r == 0 && (entry = readdir(dir));) {
		struct stat st;
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) < 0 || !S_ISREG(st.st_mode))
			continue;
		r = replay_file(dirfd(dir), entry->d_name);
		++*count;
	}
	closedir(dir);
	return r;
}

int main(int argc, char *argv[])
{
	unsigned count = 0;
	int r = 0;

	for (int i = 1; i < argc && r == 0; i++) {
		struct stat st;
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
			r = replay_folder(argv[i], &count);
		} else {
			r = replay_file(AT_FDCWD, argv[i]);
			count++;
		}
	}
	(void)printf("%u inputs replayed\n", count);
	return r == 0 && count > 0 ? 0 : 1;
}

/* sys.h: the small things of the operating system that every room needs.
 *
 * Threads: every function may be called from any thread.
 * Errors:  0 or a positive count on success, else a negative errno.
 * Units:   `_ms` milliseconds, `_s` seconds, sizes in bytes.
 */
#ifndef QXFS_BASE_SYS_H
#define QXFS_BASE_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <qxfs/base/buf.h>

#define countof(array) (sizeof(array) / sizeof((array)[0]))

/* Cleanup by scope. Each accepts the "nothing" value (NULL, -1). */
void sys_free_cleanup(void *pointer_to_pointer);
void sys_close_cleanup(const int *fd);
#define qx_auto_free __attribute__((cleanup(sys_free_cleanup)))
#define qx_auto_fd __attribute__((cleanup(sys_close_cleanup))) int

/* Moves an fd out of its variable, which then holds -1. */
int sys_steal_fd(int *fd);

/* Milliseconds that never jump and go on during suspend (CLOCK_BOOTTIME): for waits and freshness.
 */
int64_t sys_now_ms(void);
/* Seconds of the calendar: for what people and files are shown. */
int64_t sys_wall_s(void);
/* "2026-01-15T08:00:00Z" into a buffer of at least 21 bytes; returns it. */
char *sys_format_time(int64_t wall_s, char *out);
/* Reads "2020-02-20T01:19:11Z" (also fractions, also +hh:mm); -EINVAL when it is none. */
int sys_parse_time(const char *text, int64_t *ret_wall_s);
/* "2020-02-19 18:16:42", also with a "T" between, as if it were UTC; *rest: what follows it. */
bool sys_parse_clock(const char *text, int64_t *ret_s, const char **rest);
/* Days since 1970 of a date of the Gregorian calendar; month 1 to 12. */
int64_t sys_days(int64_t year, int month, int day);
/* Strict decimal integer: whole text, no sign but '-', in [min, max]; else -EINVAL or -ERANGE. */
int sys_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret);
/* A path as one word for a shell, in quotes where it needs them: for remedies that people paste.
 * The caller frees it; NULL: no memory. */
char *sys_shell_word(const char *path);
/* Names this start of this machine, in letters, digits and '-'; "" if the kernel does not tell. */
#define SYS_BOOT_ID 40
void sys_boot_id(char ret[SYS_BOOT_ID]);
/* A random number from the kernel. */
uint64_t sys_random(void);

/* Makes every missing folder of `path` (0700) and opens the last one (O_DIRECTORY). Refuses, with
 * -EPERM, a last folder that belongs to somebody else or that others may read or write. */
int sys_open_private_dir(const char *path);
/* The same for one name below an open folder. */
int sys_open_private_dir_at(int dirfd, const char *name);
/* Reads a whole file of at most `max` bytes; -EFBIG when it is larger. */
int sys_read_file_at(int dirfd, const char *name, size_t max, struct buf *out);
/* Publishes bytes under `name`: temporary file (0600), write, fsync, rename, fsync of the folder.
 */
int sys_write_file_at(int dirfd, const char *name, const void *bytes, size_t len);
/* write(2) until all is written. */
int sys_write_all(int fd, const void *bytes, size_t len);
/* Do two files begin with the same bytes? 1; 0: no, or one of them ends before; or what the disk
 * said, negative. */
int sys_begin_alike(int a, int b, uint64_t length);
/* Takes an open-file-description lock over the whole file without waiting; -EAGAIN when it is held.
 */
int sys_lock_fd(int fd, bool exclusive);

#endif

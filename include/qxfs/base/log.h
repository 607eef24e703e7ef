/* log.h: one line per event.
 *
 * Level says who must act: error (the user), warn (look at it), info (once), debug (us).
 * Lines name ids, never people, never a credential; secrets live in a type that cannot be printed.
 *
 * Threads: any. Guards its sink with log.lock, a leaf (rank 5).
 */
#ifndef QXFS_BASE_LOG_H
#define QXFS_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Before the first thread. to_syslog: the journal; else stderr, with priorities if systemd reads
 * it. */
void log_setup(enum log_level highest, bool to_syslog);
void log_line(enum log_level level, const char *topic, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(topic, ...) log_line(LOG_LEVEL_ERROR, topic, __VA_ARGS__)
#define log_warn(topic, ...) log_line(LOG_LEVEL_WARN, topic, __VA_ARGS__)
#define log_info(topic, ...) log_line(LOG_LEVEL_INFO, topic, __VA_ARGS__)
#define log_debug(topic, ...) log_line(LOG_LEVEL_DEBUG, topic, __VA_ARGS__)

#endif

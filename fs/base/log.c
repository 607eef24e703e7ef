/* log.c: one line per event. A sink that is full or gone loses lines and nothing else; the program
 * ignores SIGPIPE (app/main). Names come from other people: a line cannot be forged with one, nor a
 * terminal steered. */
#include <qxfs/base/log.h>

#include <qxfs/base/sys.h>

#include <qxfs/base/utf8.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 1024
#define LINE_MAX_BYTES (64 + 4 * MESSAGE_MAX) /* every byte of a message may become \xNN */

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
	[LOG_LEVEL_WARN] = { "warn", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

static struct {
	enum log_level highest; /* set before the first thread */
	bool to_syslog;         /* set before the first thread */
	bool to_journal;        /* standard error is systemd's: set before the first thread */
	pthread_mutex_t lock;   /* log.lock: keeps lines whole */
} sink = { .highest = LOG_LEVEL_INFO, .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t escape(char *out, size_t room, const char *text)
{
	size_t used = 0;
	size_t left = strlen(text);

	while (left > 0 && used + 8 < room) {
		size_t step = utf8_valid(text, left);
		bool hostile = step == 0 || utf8_is_control(text);
		if (step == 0)
			step = 1;
		for (size_t i = 0; i < step; i++) {
			if (hostile)
				used += (size_t)snprintf(out + used, room - used, "\\x%02x",
				                         (unsigned char)text[i]);
			else
				out[used++] = text[i];
		}
		text += step;
		left -= step;
	}
	out[used] = '\0';
	return used;
}

static size_t put_head(char *out, size_t room, enum log_level level, const char *topic)
{
	char when[21];
	char thread[16] = "?";

	(void)pthread_getname_np(pthread_self(), thread, sizeof(thread)); /* "?" will do */
	if (sink.to_syslog)
		return (size_t)snprintf(out, room, "[%s] %.20s: ", thread, topic);
	if (sink.to_journal) /* it knows the time; the number is the priority, sd-daemon(3) */
		return (size_t)snprintf(out, room, "<%d>[%s] %.20s: ", levels[level].priority,
		                        thread, topic);
	return (size_t)snprintf(out, room,
	                        "%s %s [%s] %.20s: ", sys_format_time(sys_wall_s(), when),
	                        levels[level].name, thread, topic);
}

/* JOURNAL_STREAM is "DEVICE:INODE" of the stream that a service was started with. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char own[64];

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	(void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

void log_setup(enum log_level highest, bool to_syslog)
{
	sink.highest = highest;
	sink.to_syslog = to_syslog;
	sink.to_journal = !to_syslog && stderr_is_journal();
	if (to_syslog)
		openlog("qxfs", LOG_PID, LOG_DAEMON);
}

void log_line(enum log_level level, const char *topic, const char *format, ...)
{
	char message[MESSAGE_MAX];
	char line[LINE_MAX_BYTES + 16];

	if (level > sink.highest)
		return;

	va_list args;
	va_start(args, format);
	int len = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof(message))
		utf8_trim(message);

	size_t used = put_head(line, sizeof(line), level, topic);
	used += escape(line + used, LINE_MAX_BYTES - used, message);

	pthread_mutex_lock(&sink.lock);
	if (sink.to_syslog) {
		syslog(levels[level].priority, "%s", line);
	} else {
		line[used++] = '\n';
		ssize_t ignored = write(STDERR_FILENO, line, used);
		(void)ignored; /* a full disk must not stop the file system */
	}
	pthread_mutex_unlock(&sink.lock);
}

/* head.c: the few header lines that decide something. */
#include "head.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <qxfs/base/sys.h>

void head_begin(struct head *h)
{
	*h = (struct head){ .length = -1, .retry_after_s = -1 };
}

static void read_length(struct head *h, const char *value)
{
	int64_t length;

	if (sys_parse_int(value, 0, INT64_MAX, &length) < 0 ||
	    (h->length >= 0 && h->length != length))
		h->two_lengths = true;
	else
		h->length = length;
}

static void read_retry_after(struct head *h, const char *value)
{
	size_t digits = strspn(value, "0123456789");

	h->retry_after_s = -1;
	h->retry_after_date[0] = '\0';
	if (digits > 0 && value[digits] == '\0') {
		if (sys_parse_int(value, 0, INT32_MAX, &h->retry_after_s) < 0)
			h->retry_after_s = INT32_MAX;
	} else {
		snprintf(h->retry_after_date, sizeof(h->retry_after_date), "%s", value);
	}
}

static void read_field(struct head *h, const char *name, const char *value)
{
	if (strcasecmp(name, "content-length") == 0)
		read_length(h, value);
	else if (strcasecmp(name, "transfer-encoding") == 0)
		h->chunked = true;
	else if (strcasecmp(name, "content-encoding") == 0)
		h->encoded = strcasecmp(value, "identity") != 0;
	else if (strcasecmp(name, "retry-after") == 0)
		read_retry_after(h, value);
	else if (strcasecmp(name, "date") == 0)
		snprintf(h->date, sizeof(h->date), "%s", value);
}

void head_line(struct head *h, const char *bytes, size_t len)
{
	char line[512];

	while (len > 0 && strchr(" \t\r\n", bytes[len - 1]))
		len--;
	if (len == 0) {
		h->over = true;
		return;
	}
	if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
		head_begin(h);
		return;
	}
	if (h->over || len >= sizeof(line)) /* a trailer; or longer than any field we read */
		return;
	memcpy(line, bytes, len);
	line[len] = '\0';
	char *value = strchr(line, ':');
	if (!value)
		return;
	*value++ = '\0';
	read_field(h, line, value + strspn(value, " \t"));
}

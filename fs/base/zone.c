/* zone.c: time zones from TZif files (RFC 8536).
 *
 *   header, data with 32-bit times      skipped: version 1, for old readers
 *   header, data with 64-bit times      transitions: from this moment on that offset
 *   newline, rule, newline              what holds after the last transition, as in TZ=
 *
 * "Slim" files have few transitions and live by the rule, "fat" ones have them up to 2037. */
#include <qxfs/base/zone.h>

#include <qxfs/base/hash.h>
#include <qxfs/base/sys.h>

#include "zone_rule.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATABASE "zoneinfo/"
#define ZONES "/usr/share/" DATABASE
#define NAME_MAX_LEN 60
#define FILE_MAX (256 * 1024)
#define HEADER 44
#define DAY_S 86400

struct zone {
	char name[NAME_MAX_LEN + 1];
	size_t count;
	int64_t *moments; /* ascending; count of them */
	int32_t *offsets; /* from moments[i] on */
	int32_t first;    /* before all of them */
	bool has_rule;    /* what holds from the last moment on */
	struct zone_rule rule;
	uint64_t print; /* of its file's bytes; 0: it has none */
};

/* --- the file -------------------------------------------------------------------------------- */

struct reader {
	const unsigned char *at;
	size_t left;
};

static const unsigned char *take(struct reader *r, size_t len)
{
	if (len > r->left)
		return NULL;
	r->at += len;
	r->left -= len;
	return r->at - len;
}

static int64_t big_endian(const unsigned char *bytes, int len)
{
	uint64_t n = bytes[0] & 0x80 ? UINT64_MAX : 0;
	for (int i = 0; i < len; i++)
		n = n << 8 | bytes[i];
	return (int64_t)n;
}

struct counts {
	size_t isut, isstd, leap, time, type, chars;
};

static bool take_counts(struct reader *r, struct counts *ret, char *ret_version)
{
	const unsigned char *head = take(r, HEADER);
	size_t n[6];

	if (!head || memcmp(head, "TZif", 4) != 0)
		return false;
	for (int i = 0; i < 6; i++)
		n[i] = (size_t)(big_endian(head + 20 + (ptrdiff_t)4 * i, 4) & 0xffffffff);
	for (int i = 0; i < 6; i++)
		if (n[i] > FILE_MAX)
			return false;
	*ret = (struct counts){ n[0], n[1], n[2], n[3], n[4], n[5] };
	*ret_version = (char)head[4];
	return true;
}

static int read_transitions(struct zone *z, struct reader *r, const struct counts *n)
{
	const unsigned char *moments = take(r, n->time * 8);
	const unsigned char *indexes = take(r, n->time);
	const unsigned char *types = take(r, n->type * 6);

	if (!moments || !indexes || !types || n->type == 0 ||
	    !take(r, n->chars + n->leap * 12 + n->isstd + n->isut))
		return -EBADMSG;
	z->moments = calloc(n->time + 1, sizeof(*z->moments));
	z->offsets = calloc(n->time + 1, sizeof(*z->offsets));
	if (!z->moments || !z->offsets)
		return -ENOMEM;

	z->count = n->time;
	z->first = (int32_t)big_endian(types, 4);
	for (size_t i = 0; i < n->time; i++) {
		if (indexes[i] >= n->type)
			return -EBADMSG;
		z->moments[i] = big_endian(moments + 8 * i, 8);
		z->offsets[i] = (int32_t)big_endian(types + (size_t)6 * indexes[i], 4);
		if (i > 0 && z->moments[i] <= z->moments[i - 1])
			return -EBADMSG;
	}
	return 0;
}

static int read_rule(struct zone *z, struct reader *r)
{
	char text[128];
	const unsigned char *end = r->left > 1 ? memchr(r->at + 1, '\n', r->left - 1) : NULL;

	if (!end || *r->at != '\n' || (size_t)(end - r->at) > sizeof(text))
		return -EBADMSG;
	size_t len = (size_t)(end - r->at) - 1;
	memcpy(text, r->at + 1, len);
	text[len] = '\0';
	z->has_rule = len > 0;
	return z->has_rule ? zone_rule_parse(text, &z->rule) : 0;
}

static int read_zone(struct zone *z, const struct buf *file)
{
	struct reader r = { (const unsigned char *)buf_text(file), file->len };
	struct counts n;
	char version;

	if (!take_counts(&r, &n, &version) || version < '2' ||
	    !take(&r, n.time * 5 + n.type * 6 + n.chars + n.leap * 8 + n.isstd + n.isut) ||
	    !take_counts(&r, &n, &version))
		return -EBADMSG;
	int err = read_transitions(z, &r, &n);
	return err < 0 ? err : read_rule(z, &r);
}

/* --- names ----------------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_+-/";
	size_t len = strlen(name);
	return len > 0 && len <= NAME_MAX_LEN && strspn(name, plain) == len && name[0] != '/' &&
	       isupper((unsigned char)name[0]);
}

static bool is_utc(const char *name)
{
	return strcmp(name, "Z") == 0 || strcmp(name, "UTC") == 0 || strcmp(name, "GMT") == 0;
}

static bool is_on_this_machine(const char *name)
{
	char path[sizeof(ZONES) + NAME_MAX_LEN];

	(void)snprintf(path, sizeof(path), ZONES "%s", name);
	return is_utc(name) || access(path, R_OK) == 0;
}

/* The zone that a file is, by where it lies, or by what it is a link to. */
static bool find_file(struct zone *z, const char *file, const char **ret_file)
{
	char target[256];
	ssize_t len = readlink(file, target, sizeof(target) - 1);

	target[len > 0 ? len : 0] = '\0';
	const char *at = strstr(len > 0 ? target : file, DATABASE);
	const char *name = at ? at + strlen(DATABASE) : "";
	bool named = is_name(name) && is_on_this_machine(name);
	if (!named && access(file, R_OK) != 0)
		return false;
	(void)snprintf(z->name, sizeof(z->name), "%s", named ? name : "local time");
	*ret_file = named ? NULL : file;
	return true;
}

/* TZ, as the C library reads it: a name, a file, or a rule. False: it is none. */
static bool find_tz(struct zone *z, const char *tz, const char **ret_file)
{
	tz += *tz == ':';
	if (*tz == '/')
		return find_file(z, tz, ret_file);
	bool named = !*tz || (is_name(tz) && is_on_this_machine(tz));
	if (!named && (strlen(tz) > NAME_MAX_LEN || zone_rule_parse(tz, &z->rule) < 0))
		return false;
	z->has_rule = !named;
	(void)snprintf(z->name, sizeof(z->name), "%s", *tz ? tz : "UTC");
	return true;
}

/* The machine's: *ret_file, a rule, or a name. */
static void find_local(struct zone *z, const char **ret_file)
{
	const char *tz = getenv("TZ");

	if (tz && find_tz(z, tz, ret_file))
		return;
	z->has_rule = false;
	if (!find_file(z, "/etc/localtime", ret_file))
		(void)snprintf(z->name, sizeof(z->name), "UTC");
}

static int load(struct zone *z, const char *file)
{
	char path[sizeof(ZONES) + NAME_MAX_LEN];
	struct buf bytes = { 0 };

	if (z->has_rule)
		return 0;
	if (!file && is_utc(z->name)) {
		(void)snprintf(z->name, sizeof(z->name), "UTC");
		return 0;
	}
	if (!file)
		(void)snprintf(path, sizeof(path), ZONES "%s", z->name);
	int r = sys_read_file_at(AT_FDCWD, file ? file : path, FILE_MAX, &bytes);
	if (r == 0)
		r = read_zone(z, &bytes);
	else if (r != -ENOMEM)
		r = -ENOENT; /* a folder, a file of somebody else: no zone of this machine */
	z->print = file ? hash_quick(buf_text(&bytes), bytes.len) : 0;
	buf_done(&bytes);
	return r;
}

int zone_new(const char *name, struct zone **ret)
{
	bool local = !name || !*name;
	const char *file = NULL;

	if (!local && !is_name(name))
		return -EINVAL;
	struct zone *z = calloc(1, sizeof(*z));
	if (!z)
		return -ENOMEM;
	if (local)
		find_local(z, &file);
	else
		(void)snprintf(z->name, sizeof(z->name), "%s", name);

	int r = load(z, file);
	if (r < 0 && r != -ENOMEM && local) { /* a machine with a wrong TZ still has files to show
		                               */
		zone_free(z);
		return zone_new("UTC", ret);
	}
	if (r < 0) {
		zone_free(z);
		return r;
	}
	*ret = z;
	return 0;
}

void zone_free(struct zone *z)
{
	if (!z)
		return;
	free(z->moments);
	free(z->offsets);
	free(z);
}

const char *zone_name(const struct zone *z)
{
	return z->name;
}

void zone_add_key(const struct zone *z, struct buf *out)
{
	buf_add_str(out, z->name);
	if (z->print)
		buf_addf(out, " %016llx", (unsigned long long)z->print);
}

/* --- times ----------------------------------------------------------------------------------- */

static int64_t offset_at(const struct zone *z, int64_t utc_s)
{
	size_t low = 0, high = z->count; /* moments[low - 1] <= utc_s < moments[high] */

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (z->moments[middle] <= utc_s)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == z->count && z->has_rule)
		return zone_rule_offset(&z->rule, utc_s);
	return low > 0 ? z->offsets[low - 1] : z->first;
}

int64_t zone_local_s(const struct zone *z, int64_t utc_s)
{
	return utc_s + offset_at(z, utc_s);
}

int64_t zone_utc_s(const struct zone *z, int64_t local_s)
{
	/* The offsets of a day before and after: of two moments with this clock the earlier has
	 * the larger offset. Where no moment has it, the clock is read by the offset before. */
	int64_t before = offset_at(z, local_s - DAY_S), after = offset_at(z, local_s + DAY_S);
	int64_t larger = before > after ? before : after;
	int64_t smaller = before > after ? after : before;

	if (zone_local_s(z, local_s - larger) == local_s)
		return local_s - larger;
	if (zone_local_s(z, local_s - smaller) == local_s)
		return local_s - smaller;
	return local_s - before;
}

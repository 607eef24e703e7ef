/* facts.c: what is known of a generation, one small JSON file each.
 *
 * Its last member, the seal, is a hash of all bytes before it: a flipped bit in a number would else
 * be read as another number, and a shorter length serves a cut file. */
#include <qxfs/store/cache.h>

#include "cache_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/json.h>
#include <qxfs/base/sys.h>

#define FACTS_VERSION 1
#define FACTS_MAX 65536
#define SEAL_HEAD ",\n\"seal\":\""
#define SEAL_TAIL "\"}\n"
#define SEAL_LEN (sizeof(SEAL_HEAD) - 1 + HASH_HEX_SIZE - 1 + sizeof(SEAL_TAIL) - 1)

void facts_done(struct facts *f)
{
	free(f->key);
	*f = (struct facts){ 0 };
}

/* --- to text --------------------------------------------------------------------------------- */

static void seal_of(char seal[HASH_HEX_SIZE], const char *text)
{
	const char *const parts[] = { text, NULL };
	hash_hex(seal, parts);
}

static void add_split(const struct facts_split *s, struct buf *out)
{
	if (s->part_bytes)
		buf_addf(out, ",\n\"part_bytes\":%" PRIu64, s->part_bytes);
	if (s->n == 0)
		return;
	buf_addf(out, ",\n\"whole_failed_s\":%" PRId64 ",\n\"cuts\":[", s->failed_s);
	for (int i = 0; i < s->n; i++)
		buf_addf(out, "%s%" PRId64, i ? "," : "", s->cuts[i]);
	buf_add_str(out, "]");
}

void gen_facts_add(const struct gen_facts *g, struct buf *out)
{
	buf_add_str(out, ",\n\"counts\":[");
	for (size_t i = 0; i < FACTS_COUNTS; i++)
		buf_addf(out, "%s%" PRId64, i ? "," : "", g->counts[i]);
	buf_add_str(out, "],\n\"last_modified\":");
	buf_add_json(out, g->last_modified);
	if (g->full_s) {
		buf_addf(out,
		         ",\n\"questions\":%" PRId64 ",\n\"full_s\":%" PRId64
		         ",\n\"token_s\":%" PRId64 ",\n\"token\":",
		         (int64_t)g->questions, g->full_s, g->token_s);
		buf_add_json(out, g->token);
	}
	buf_addf(out, ",\n\"exported_s\":%" PRId64 ",\n\"mtime_s\":%" PRId64, g->exported_s,
	         g->mtime_s);
}

static int facts_text(const struct facts *f, struct buf *out)
{
	char seal[HASH_HEX_SIZE];

	buf_clear(out);
	buf_addf(out, "{\"version\":%d,\n\"key\":", FACTS_VERSION);
	buf_add_json(out, f->key);
	buf_addf(out, ",\n\"data\":\"%s\",\n\"length\":%" PRIu64 ",\n\"crc\":%" PRIu64,
	         f->data_name, f->length, f->crc);
	gen_facts_add(&f->gen, out);
	if (f->gen.rows >= 0)
		buf_addf(out, ",\n\"rows\":%" PRId64, f->gen.rows);
	if (f->gen.since_s)
		buf_addf(out, ",\n\"since_s\":%" PRId64, f->gen.since_s);
	if (f->gen.outside[OUTSIDE_RECORDED] >= 0)
		buf_addf(out, ",\n\"outside_recorded\":%" PRId64, f->gen.outside[OUTSIDE_RECORDED]);
	if (f->gen.outside[OUTSIDE_STARTED] >= 0)
		buf_addf(out, ",\n\"outside_started\":%" PRId64, f->gen.outside[OUTSIDE_STARTED]);
	if (f->gen.base[0]) {
		buf_add_str(out, ",\n\"base\":");
		buf_add_json(out, f->gen.base);
	}
	add_split(&f->gen.split, out);
	buf_addf(out, ",\n\"took_ms\":%" PRId64 ",\n\"polled_ms\":%" PRId64, f->gen.took_ms,
	         f->gen.polled_ms);
	if (buf_failed(out))
		return -ENOMEM;

	seal_of(seal, buf_text(out));
	buf_addf(out, SEAL_HEAD "%s" SEAL_TAIL, seal);
	return buf_failed(out) ? -ENOMEM : 0;
}

/* --- from text ------------------------------------------------------------------------------- */

/* -EBADMSG: some byte is not what was written. */
static int check_seal(const char *text, size_t len)
{
	char seal[HASH_HEX_SIZE];

	if (len <= SEAL_LEN || memchr(text, '\0', len))
		return -EBADMSG;
	char *body = strndup(text, len - SEAL_LEN);
	if (!body)
		return -ENOMEM;
	seal_of(seal, body);
	free(body);

	const char *head = text + len - SEAL_LEN;
	const char *digits = head + sizeof(SEAL_HEAD) - 1;
	const char *tail = digits + HASH_HEX_SIZE - 1;
	bool right = memcmp(head, SEAL_HEAD, sizeof(SEAL_HEAD) - 1) == 0 &&
	             memcmp(digits, seal, HASH_HEX_SIZE - 1) == 0 &&
	             memcmp(tail, SEAL_TAIL, sizeof(SEAL_TAIL) - 1) == 0;
	return right ? 0 : -EBADMSG;
}

static bool read_uint(const struct json *j, const char *path, int64_t max, uint64_t *ret)
{
	int64_t n;
	if (!json_int(j, path, &n) || n < 0 || n > max)
		return false;
	*ret = (uint64_t)n;
	return true;
}

static bool read_counts(const struct json *j, int64_t counts[FACTS_COUNTS])
{
	if (!json_is_array(j, "counts") || json_len(j, "counts") != FACTS_COUNTS)
		return false;
	for (size_t i = 0; i < FACTS_COUNTS; i++)
		if (!json_int(json_at(j, "counts", i), NULL, &counts[i]))
			return false;
	return true;
}

/* The file names nothing but a data file of its own key, so no facts can lead elsewhere. */
static bool read_data_name(const struct json *j, const char *hash, char name[64])
{
	const char *text = json_str(j, "data");
	if (!text || !is_data_name(text) || strncmp(text, hash, HASH_HEX_SIZE - 1) != 0)
		return false;
	memcpy(name, text, strlen(text) + 1); /* is_data_name: 54 characters */
	return true;
}

/* What allows to append to it: all of it, or nothing. Without a token it was full then, and nothing
 * is appended: so are the records of a job whose export has not ended, and those of former builds
 * do not name it. */
static void read_continuation(const struct json *j, struct gen_facts *gen)
{
	const char *token = json_get(j, "token") ? json_str(j, "token") : "";
	int64_t questions;

	if (!token || !json_int(j, "questions", &questions) ||
	    strlen(token) >= sizeof(gen->token) || !json_int(j, "full_s", &gen->full_s) ||
	    !json_int(j, "token_s", &gen->token_s)) {
		gen->full_s = gen->token_s = 0;
		return;
	}
	gen->questions = (uint64_t)questions;
	memcpy(gen->token, token, strlen(token) + 1);
}

int gen_facts_read(const struct json *j, struct gen_facts *ret)
{
	const char *modified = json_str(j, "last_modified");

	if (!modified || strlen(modified) >= sizeof(ret->last_modified) ||
	    !read_counts(j, ret->counts) || !json_int(j, "exported_s", &ret->exported_s) ||
	    !json_int(j, "mtime_s", &ret->mtime_s))
		return -EBADMSG;
	memcpy(ret->last_modified, modified, strlen(modified) + 1);
	read_continuation(j, ret);
	return 0;
}

/* Which parts it came in: all of it, or nothing. */
static void read_split(const struct json *j, struct facts_split *ret)
{
	size_t n = json_len(j, "cuts");
	struct facts_split s = { 0 };

	if (!read_uint(j, "part_bytes", INT64_MAX, &s.part_bytes))
		return;
	ret->part_bytes = s.part_bytes;
	if (n == 0 || n > FACTS_CUTS || !json_is_array(j, "cuts") ||
	    !json_int(j, "whole_failed_s", &s.failed_s))
		return;
	for (s.n = 0; s.n < (int)n; s.n++)
		if (!json_int(json_at(j, "cuts", (size_t)s.n), NULL, &s.cuts[s.n]))
			return;
	*ret = s;
}

static int read_members(const struct json *j, const char *hash, struct facts *f)
{
	int64_t version;
	const char *key = json_str(j, "key");

	if (!json_int(j, "version", &version) || version != FACTS_VERSION || !key)
		return -EBADMSG;
	if (!read_data_name(j, hash, f->data_name) ||
	    !read_uint(j, "length", INT64_MAX, &f->length) ||
	    !read_uint(j, "crc", UINT32_MAX, &f->crc) || gen_facts_read(j, &f->gen) < 0 ||
	    !json_int(j, "took_ms", &f->gen.took_ms))
		return -EBADMSG;
	if (!json_int(j, "polled_ms", &f->gen.polled_ms) || f->gen.polled_ms < 0)
		f->gen.polled_ms = 0;
	if (!json_int(j, "rows", &f->gen.rows) || f->gen.rows < 0)
		f->gen.rows = -1;
	if (!json_int(j, "since_s", &f->gen.since_s))
		f->gen.since_s = 0;
	if (!json_int(j, "outside_recorded", &f->gen.outside[OUTSIDE_RECORDED]))
		f->gen.outside[OUTSIDE_RECORDED] = -1;
	if (!json_int(j, "outside_started", &f->gen.outside[OUTSIDE_STARTED]))
		f->gen.outside[OUTSIDE_STARTED] = -1;
	const char *base = json_str(j, "base");
	if (base && strlen(base) >= sizeof(f->gen.base))
		return -EBADMSG;
	if (base)
		memcpy(f->gen.base, base, strlen(base) + 1);
	read_split(j, &f->gen.split);
	f->key = strdup(key);
	return f->key ? 0 : -ENOMEM;
}

/* -EBADMSG: not a byte-exact facts file of this hash. */
static int facts_parse(const char *text, size_t len, const char *hash, struct facts *ret)
{
	struct json *j = NULL;
	struct facts f = { 0 };

	int r = check_seal(text, len);
	if (r == 0)
		r = json_parse(text, len, &j);
	if (r == 0)
		r = read_members(j, hash, &f);
	json_free(j);
	if (r == 0)
		*ret = f;
	return r;
}

/* --- files ----------------------------------------------------------------------------------- */

/* -EBADMSG: it is no file. */
int facts_stamp(const struct cache *c, const char *hash, struct stamp *ret)
{
	char path[GEN_PATH_SIZE];
	struct stat st;

	if (fstatat(c->gen_fd, gen_path(path, hash, "facts"), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	*ret = (struct stamp){ .inode = st.st_ino, .size = st.st_size, .mtime = st.st_mtim };
	return 0;
}

static int check_data(const struct cache *c, const struct facts *f)
{
	char path[GEN_PATH_SIZE];
	struct stat st;

	if (fstatat(c->gen_fd, gen_path_of(path, f->data_name), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? -EBADMSG : -errno;
	return S_ISREG(st.st_mode) && (uint64_t)st.st_size >= f->length ? 0 : -EBADMSG;
}

int facts_load(const struct cache *c, const char *hash, struct facts *ret, struct stamp *stamp)
{
	char path[GEN_PATH_SIZE];
	struct facts f = { 0 };
	struct buf text = { 0 };

	/* The stamp first: if the file is replaced before it is read, the stamp is too old, which
	 * only makes the next look read it again. */
	int r = facts_stamp(c, hash, stamp);
	if (r < 0)
		return r;
	r = sys_read_file_at(c->gen_fd, gen_path(path, hash, "facts"), FACTS_MAX, &text);
	if (r == 0)
		r = facts_parse(buf_text(&text), text.len, hash, &f);
	buf_done(&text);
	if (r == 0)
		r = check_data(c, &f);
	if (r < 0) {
		facts_done(&f);
		return r == -EFBIG ? -EBADMSG : r;
	}
	*ret = f;
	return 0;
}

int facts_store(const struct cache *c, const char *hash, const struct facts *f)
{
	char name[GEN_PATH_SIZE];
	struct buf text = { 0 };

	qx_auto_fd folder = gen_folder(c, hash);
	if (folder < 0)
		return folder;
	int r = facts_text(f, &text);
	if (r == 0 && text.len > FACTS_MAX)
		r = -ENAMETOOLONG; /* the key */
	if (r == 0) {
		(void)snprintf(name, sizeof(name), "%s.facts", hash);
		r = sys_write_file_at(folder, name, text.data, text.len);
	}
	buf_done(&text);
	return r;
}

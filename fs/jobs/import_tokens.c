/* import_tokens.c: JSON token by token. The grammar is strict.c's; here only strings are told from
 * the rest, and keys from values. */
#include "import_tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/strict.h>
#include <qxfs/base/utf8.h>

/* --- the keys of the open objects --------------------------------------------------------------
 */

/* Hashes of 64 bits instead of the keys: two keys of an object that share one are taken for equal.
 */
struct key_set {
	uint64_t *hashes; /* 0: free */
	size_t cap, n;
};

static uint64_t hash_of(const char *bytes, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3u;
	return h ? h : 1;
}

static bool insert(uint64_t *hashes, size_t cap, uint64_t hash)
{
	size_t i = hash & (cap - 1);

	while (hashes[i] && hashes[i] != hash)
		i = (i + 1) & (cap - 1);
	if (hashes[i])
		return false;
	hashes[i] = hash;
	return true;
}

static bool grow(struct key_set *set)
{
	size_t cap = set->cap ? 4 * set->cap : 16;
	uint64_t *hashes = calloc(cap, sizeof(*hashes));

	if (!hashes)
		return false;
	for (size_t i = 0; i < set->cap; i++)
		if (set->hashes[i])
			(void)insert(hashes, cap, set->hashes[i]); /* they differ */
	free(set->hashes);
	set->hashes = hashes;
	set->cap = cap;
	return true;
}

static void clear(struct key_set *set)
{
	if (set->n > 0)
		memset(set->hashes, 0, set->cap * sizeof(*set->hashes));
	set->n = 0;
}

static void compare_key(struct tokens *k, const char *raw, size_t len)
{
	struct key_set *set = &k->sets[k->depth];
	const char *name = raw + 1;
	size_t n = len - 2;

	if (memchr(raw, '\\', len)) {
		buf_clear(&k->name);
		(void)token_text(raw, len, &k->name); /* a NUL is as good as any other */
		name = buf_text(&k->name);
		n = k->name.len;
	}
	if (set->n >= TOKEN_KEYS_MAX)
		k->fault = TOKENS_TOO_MANY;
	else if (2 * set->n >= set->cap && !grow(set))
		k->fault = TOKENS_NO_MEMORY;
	else if (insert(set->hashes, set->cap, hash_of(name, n)))
		set->n++;
	else
		k->fault = TOKENS_TWICE;
	if (k->fault == TOKENS_TWICE) {
		size_t shown = n < sizeof(k->key) ? n : sizeof(k->key) - 1;
		memcpy(k->key, name, shown);
		k->key[shown] = '\0';
		utf8_trim(k->key);
	}
}

/* --- strings -----------------------------------------------------------------------------------
 */

static unsigned hex4(const char *digits)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		char c = digits[i];
		value = value << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

static void put_char(struct buf *out, unsigned c)
{
	char bytes[4] = { (char)c };
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = len; len > 1 && i-- > 0; c >>= 6)
		bytes[i] = (char)(0x80 | (c & 0x3f));
	if (len > 1)
		bytes[0] = (char)((unsigned char)bytes[0] | (0xf0 << (4 - len) & 0xf0));
	buf_add(out, bytes, len);
}

/* At "\uXXXX"; returns how many bytes it took. */
static size_t put_escaped(struct buf *out, const char *at, size_t left, bool *fine)
{
	unsigned c = hex4(at + 2);
	bool high = c >= 0xd800 && c < 0xdc00;

	*fine = *fine && c != 0;
	if (high && left >= 12 && at[6] == '\\' && at[7] == 'u') {
		unsigned low = hex4(at + 8);
		if (low >= 0xdc00 && low < 0xe000) {
			put_char(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
			return 12;
		}
	}
	put_char(out, c == 0 || (c >= 0xd800 && c < 0xe000) ? 0xfffd : c);
	return 6;
}

bool token_text(const char *raw, size_t len, struct buf *out)
{
	static const char letters[] = "bfnrt", bytes[] = "\b\f\n\r\t";
	bool fine = true;

	for (size_t i = 1; i + 1 < len;) {
		const char *escape = memchr(raw + i, '\\', len - 1 - i);
		size_t plain = escape ? (size_t)(escape - raw) - i : len - 1 - i;
		buf_add(out, raw + i, plain);
		i += plain;
		if (!escape)
			break;
		const char *letter = strchr(letters, raw[i + 1]);
		if (raw[i + 1] == 'u') {
			i += put_escaped(out, raw + i, len - 1 - i, &fine);
		} else {
			buf_add(out, letter ? bytes + (letter - letters) : raw + i + 1, 1);
			i += 2;
		}
	}
	return fine;
}

/* --- tokens ------------------------------------------------------------------------------------
 */

static void give(struct tokens *k, enum token token, const char *raw, size_t len)
{
	if (k->fault == TOKENS_FINE && !k->stopped)
		k->fn(k->arg, token, raw, len);
}

/* A string or word is whole. */
static void give_value(struct tokens *k, const char *raw, size_t len)
{
	bool is_key = k->key_next && raw[0] == '"';

	if (is_key && k->compares)
		compare_key(k, raw, len);
	give(k, is_key ? TOKEN_KEY : raw[0] == '"' ? TOKEN_STRING : TOKEN_WORD, raw, len);
	k->key_next = false;
	k->place = TOKEN_NONE;
}

static void end_part(struct tokens *k, const char *bytes, size_t len)
{
	if (k->part.len == 0) {
		give_value(k, bytes, len);
		return;
	}
	buf_add(&k->part, bytes, len);
	if (buf_failed(&k->part))
		k->fault = TOKENS_NO_MEMORY;
	else
		give_value(k, buf_text(&k->part), k->part.len);
	buf_clear(&k->part);
}

static void open_container(struct tokens *k, char c, const struct text *t, const char *piece,
                           size_t n)
{
	bool object = c == '{';

	k->at = text_place(t->mode, t->piece_at, piece, n);
	k->depth += k->depth < TOKEN_DEPTH_MAX; /* strict.c has looked */
	k->is_object[k->depth] = object;
	k->key_next = object;
	if (object && k->compares)
		clear(&k->sets[k->depth]);
	give(k, object ? TOKEN_OBJECT : TOKEN_ARRAY, &c, 1);
}

static void close_container(struct tokens *k, char c)
{
	give(k, TOKEN_CLOSE, &c, 1);
	k->depth -= k->depth > 0;
}

static void punctuation(struct tokens *k, const struct text *t, const char *piece, size_t n)
{
	char c = piece[n];

	if (c == '{' || c == '[')
		open_container(k, c, t, piece, n);
	else if (c == '}' || c == ']')
		close_container(k, c);
	else if (c == ',')
		k->key_next = k->is_object[k->depth];
	else if (c == '\n')
		k->line++;
}

static bool is_word_char(char c)
{
	return !strchr(" \t\r\n{}[],:\"", c);
}

/* From n on within a string or word, to its end or that of the piece. */
static size_t run(struct tokens *k, const char *piece, size_t n, size_t len)
{
	size_t begin = n;
	bool closed = false;

	if (k->place == IN_WORD) {
		while (n < len && is_word_char(piece[n]))
			n++;
		closed = n < len;
	} else {
		n += k->place != IN_ESCAPE && k->part.len == 0; /* its first quote */
		while (n < len && !closed) {
			char c = piece[n++];
			if (k->place == IN_ESCAPE)
				k->place = IN_STRING;
			else if (c == '\\')
				k->place = IN_ESCAPE;
			else
				closed = c == '"';
		}
	}
	if (closed) {
		end_part(k, piece + begin, n - begin);
		return n;
	}
	if (k->part.len == 0)
		k->part_at = begin;
	buf_add(&k->part, piece + begin, n - begin);
	if (k->part.len > TOKEN_BYTES_MAX)
		k->fault = TOKENS_TOO_LONG;
	if (buf_failed(&k->part))
		k->fault = TOKENS_NO_MEMORY;
	return n;
}

static void walk(struct tokens *k, const struct text *t, const char *piece, size_t len)
{
	for (size_t n = 0; n < len && k->fault == TOKENS_FINE && !k->stopped;) {
		if (k->place == TOKEN_NONE && piece[n] == '"')
			k->place = IN_STRING;
		else if (k->place == TOKEN_NONE && is_word_char(piece[n]))
			k->place = IN_WORD;
		if (k->place != TOKEN_NONE)
			n = run(k, piece, n, len);
		else
			punctuation(k, t, piece, n++);
	}
}

/* --- lines and columns -------------------------------------------------------------------------
 */

static uint64_t characters(const char *bytes, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)bytes[i] & 0xc0) != 0x80;
	return n;
}

static size_t line_start(const char *piece, size_t len, uint64_t *line)
{
	size_t start = 0;

	for (const char *lf; (lf = memchr(piece + start, '\n', len - start));) {
		start = (size_t)(lf - piece) + 1;
		++*line;
	}
	return start;
}

/* Where the n-th byte of this piece is. */
static void locate(struct tokens *k, const char *piece, size_t n)
{
	k->line = k->begin_line;
	size_t start = line_start(piece, n, &k->line);
	k->column = characters(piece + start, n - start) + 1;
	if (start == 0)
		k->column += k->begin_column;
}

static void note_position(struct tokens *k, const char *piece, size_t len)
{
	uint64_t line = k->line;

	if (k->part_at != SIZE_MAX) { /* a token is cut here */
		locate(k, piece, k->part_at);
		k->part_line = k->line;
		k->part_column = k->column;
		k->part_at = SIZE_MAX;
	}
	k->line = line;
	size_t start = line_start(piece, len, &k->begin_line);
	k->begin_column =
		characters(piece + start, len - start) + (start == 0 ? k->begin_column : 0);
	k->fed += len;
}

/* What is before the fault is read: it may hold another. */
static void note_bad(struct tokens *k, const struct text *t, const char *piece, size_t len)
{
	uint64_t at = strict_bad_at(k->strict);
	size_t n = at < k->fed ? 0 : (size_t)(at - k->fed);

	n = n < len ? n : len - 1;
	walk(k, t, piece, n);
	if (k->place == IN_WORD && at >= k->fed && !strict_in_word(k->strict))
		end_part(k, piece + n, 0); /* it was fine; what follows it was not */
	if (k->fault != TOKENS_FINE || k->stopped)
		return;
	k->fault = TOKENS_BAD;
	if (at >= k->fed || k->part.len == 0) {
		locate(k, piece, n);
		k->bad = piece[n];
		return;
	}
	k->line = k->part_line;
	k->column = k->part_column;
	k->bad = buf_text(&k->part)[0];
}

void tokens_feed(struct tokens *k, const struct text *t, const char *piece, size_t len)
{
	if (k->fault != TOKENS_FINE || k->stopped)
		return;
	if (k->strict && strict_feed(k->strict, piece, len) < 0) {
		note_bad(k, t, piece, len);
		return;
	}
	walk(k, t, piece, len);
	note_position(k, piece, len);
}

void tokens_end(struct tokens *k)
{
	if (k->fault != TOKENS_FINE || k->stopped || !k->strict)
		return;
	if (strict_finish(k->strict) < 0) {
		k->fault = TOKENS_CUT;
		k->column = k->begin_column + 1;
	}
}

int tokens_init(struct tokens *k, bool checked, bool compares, token_fn *fn, void *arg)
{
	memset(k, 0, sizeof(*k));
	k->fn = fn;
	k->arg = arg;
	k->line = k->begin_line = 1;
	k->part_at = SIZE_MAX;
	k->compares = compares;
	k->sets = compares ? calloc(TOKEN_DEPTH_MAX + 1, sizeof(*k->sets)) : NULL;
	if (compares && !k->sets)
		return -ENOMEM;
	int r = checked ? 0 : strict_new(TOKEN_DEPTH_MAX, &k->strict);
	if (r == 0 && k->strict)
		strict_be_exact(k->strict, "{[");
	return r;
}

void tokens_resume(struct tokens *k)
{
	k->stopped = k->key_next = false;
	k->place = TOKEN_NONE;
	k->part_at = SIZE_MAX;
	buf_clear(&k->part);
}

void tokens_done(struct tokens *k)
{
	for (size_t i = 0; k->sets && i <= TOKEN_DEPTH_MAX; i++)
		free(k->sets[i].hashes);
	free(k->sets);
	strict_free(k->strict);
	buf_done(&k->part);
	buf_done(&k->name);
	memset(k, 0, sizeof(*k));
}

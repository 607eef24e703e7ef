/* import_tokens.h: JSON token by token, of any size, from UTF-8 that comes in pieces. What comes is
 * first found to be JSON by the letter (base/strict.h); a key that an object has twice is told, as
 * nobody knows which one would be meant. Strings and numbers come as they are written, so that none
 * of them changes. Memory: the longest string, the keys of the open objects.
 * Threads: one at a time. */
#ifndef QXFS_JOBS_IMPORT_TOKENS_H
#define QXFS_JOBS_IMPORT_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/base/buf.h>

#include "import_text.h"

#define TOKEN_BYTES_MAX 5000000
#define TOKEN_KEYS_MAX 2000 /* of an object, where they are compared */
#define TOKEN_DEPTH_MAX 512

enum token {
	TOKEN_OBJECT, /* { */
	TOKEN_ARRAY,  /* [ */
	TOKEN_CLOSE,  /* } or ] */
	TOKEN_KEY,    /* with its quotes */
	TOKEN_STRING, /* with its quotes */
	TOKEN_WORD    /* a number, true, false, null */
};

enum tokens_fault {
	TOKENS_FINE,
	TOKENS_BAD,      /* no JSON, at line and column */
	TOKENS_CUT,      /* the file ends too early */
	TOKENS_TWICE,    /* `key` stands twice in one object */
	TOKENS_TOO_MANY, /* keys in one object */
	TOKENS_TOO_LONG, /* a string */
	TOKENS_NO_MEMORY
};

struct key_set;
struct tokens;
/* raw: borrowed. `at` of the brace or bracket: where it stands in the file. */
typedef void token_fn(void *arg, enum token token, const char *raw, size_t len);

struct tokens {
	token_fn *fn;
	void *arg;
	bool stopped; /* nothing more is to be called */
	enum tokens_fault fault;
	uint64_t line, column; /* of the token, or of the fault; from 1, in characters */
	char bad;              /* of TOKENS_BAD: the byte that is wrong */
	char key[64];          /* of TOKENS_TWICE: its beginning */
	unsigned depth;        /* objects and arrays that are open: inside of the token's */
	uint64_t at;           /* of TOKEN_OBJECT, TOKEN_ARRAY: where in the file it stands */

	/* private */
	struct strict *strict; /* NULL: it is known to be JSON */
	bool compares;         /* keys */
	enum text_mode mode;
	uint64_t fed, begin_line, begin_column; /* of this piece */
	enum { TOKEN_NONE, IN_STRING, IN_ESCAPE, IN_WORD } place;
	bool key_next;
	unsigned char is_object[TOKEN_DEPTH_MAX + 1];
	struct buf part; /* of a token that the end of a piece cut */
	size_t part_at;  /* where in the piece it begins; SIZE_MAX: not in this one */
	uint64_t part_line, part_column;
	struct key_set *sets;
	struct buf name;
};

/* checked: what comes is known to be JSON. compares: keys of an object with each other. -ENOMEM */
int tokens_init(struct tokens *k, bool checked, bool compares, token_fn *fn, void *arg);
void tokens_feed(struct tokens *k, const struct text *t, const char *piece, size_t len);
void tokens_end(struct tokens *k);
/* Goes on with an element of the array in which it was stopped. */
void tokens_resume(struct tokens *k);
void tokens_done(struct tokens *k);

/* A string's text, without quotes and escapes; false: it holds a NUL. A lone surrogate becomes
 * U+FFFD. Appends. */
bool token_text(const char *raw, size_t len, struct buf *out);

#endif

/* import_text.h: a file's bytes as UTF-8, whatever they are: UTF-8 with or without a mark, UTF-16
 * with one, or the charset of -o import_charset=. They come in pieces of any size; what is handed
 * on is valid UTF-8 without NULs once its pieces are joined, for a character may be cut by the end
 * of a piece. Memory: a piece of 4 KB. Threads: one at a time. */
#ifndef QXFS_JOBS_IMPORT_TEXT_H
#define QXFS_JOBS_IMPORT_TEXT_H

#include <iconv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/base/utf8.h>

enum text_mode { TEXT_UNKNOWN, TEXT_UTF8, TEXT_UTF16LE, TEXT_UTF16BE, TEXT_CHARSET };
enum text_fault {
	TEXT_FINE,
	TEXT_INVALID,   /* at fault_at: no character of this charset */
	TEXT_NUL,       /* at fault_at; UINT64_MAX: it is not known where */
	TEXT_NO_CHARSET /* nobody knows this name */
};

/* What comes: to be handed on. What is before a fault comes before it is told. */
typedef void text_fn(void *arg, const char *piece, size_t len);

#define TEXT_PIECE 4096
struct text {
	text_fn *fn;
	void *arg;
	const char *charset;
	enum text_mode mode;
	enum text_fault fault; /* final */
	uint64_t fault_at;     /* a byte of the file, from 0 */
	uint64_t piece_at;     /* where in the file the piece begins that is being handed on */

	/* private */
	uint64_t at; /* bytes taken */
	unsigned char head[4];
	size_t head_len;
	struct utf8 utf8;
	uint64_t char_at; /* where the character began that is being read */
	unsigned half_len;
	unsigned char half[4]; /* of UTF-16: what there is of a character */
	iconv_t converter;
	bool has_converter;
	size_t tail_len;
	char tail[32]; /* what there is of a character of the charset */
	size_t out_len;
	char out[TEXT_PIECE];
};

/* charset: borrowed; NULL or "": UTF-8 or UTF-16 by its mark. */
void text_init(struct text *t, const char *charset, text_fn *fn, void *arg);
/* Goes on in the middle of a file, at a place that text_place told. */
void text_resume(struct text *t, enum text_mode mode, uint64_t at);
enum text_fault text_feed(struct text *t, const void *bytes, size_t len);
enum text_fault text_end(struct text *t);
void text_done(struct text *t);
/* Where in the file the n-th byte of a piece came from that began at piece_at; of a charset it is
 * not known: 0. */
uint64_t text_place(enum text_mode mode, uint64_t piece_at, const char *piece, size_t n);
/* "UTF-8": for people. */
const char *text_name(const struct text *t);

#endif

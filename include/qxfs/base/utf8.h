/* utf8.h: one UTF-8 sequence (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF). */
#ifndef QXFS_BASE_UTF8_H
#define QXFS_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length (1 to 4) of the valid sequence at the start of these `len` bytes, 0 if none is there.
 */
size_t utf8_valid(const char *text, size_t len);
/* What a terminal obeys: C0, DEL, and C1 in its UTF-8 form. Reads on only behind 0xc2. */
bool utf8_is_control(const char *text);
/* Cuts a sequence that a full buffer left incomplete off the end of a C string. */
void utf8_trim(char *text);

/* The same for bytes that come in pieces; a zeroed struct stands between two characters. */
struct utf8 {
	unsigned char left; /* continuation bytes still to come */
	unsigned char low;  /* what the next of them may be */
	unsigned char high;
};

bool utf8_step(struct utf8 *u, unsigned char byte);

/* What some programs want before a text to know that it is UTF-8. */
#define UTF8_BOM "\xef\xbb\xbf"
#define UTF8_BOM_BYTES 3

#endif

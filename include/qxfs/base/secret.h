/* secret.h: a credential. Lives in locked memory that core dumps leave out, is wiped when freed,
 * and has no form that a formatter takes. Threads: immutable after secret_new; any. */
#ifndef QXFS_BASE_SECRET_H
#define QXFS_BASE_SECRET_H

#include <stddef.h>

struct secret;

/* Copies the text and wipes `text`. NULL when memory runs out. */
struct secret *secret_new(char *text);
/* "USER:SECRET" in base64, as HTTP Basic has it. NULL when memory runs out. */
struct secret *secret_new_basic(const char *user, const struct secret *s);
void secret_free(struct secret *s); /* NULL is fine */
size_t secret_len(const struct secret *s);
/* The text, for the one place that sends it (api/http.c) and for hashing; borrowed. */
const char *secret_reveal(const struct secret *s);
/* Wipes and frees a text that holds one; NULL is fine. */
void secret_free_text(char *text);

#endif

/* search.h: whom a search of a directory is for, said by a name.
 *
 *   search/lastName=M%C3%BCller,language=DE/contacts.csv    FIELD=VALUE, joined by commas: all hold
 *   by-email/ann@example.com                                an address as it is
 *
 * In a value the characters / , = % are written %2F %2C %3D %25; %XX stands for any byte but NUL,
 * the whole must be UTF-8. The fields are the table in search.c. A name is right or wrong by its
 * form, so nobody is asked about it.
 *
 * Pure; any thread. Errors: -ENOENT, as the lookup is to be answered, with words for people;
 * -ENOMEM. */
#ifndef QXFS_TREE_SEARCH_H
#define QXFS_TREE_SEARCH_H

#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>

int search_check(const char *name, struct qx_fail *why);
int search_check_email(const char *name, struct qx_fail *why);
/* Append the JSON of the POST. Names that mean the same give equal bytes; so do an address and the
 * search for it. */
int search_body(const char *name, struct buf *out);
int search_email_body(const char *address, struct buf *out);
/* Appends the name that the search for an address has. */
void search_email_name(const char *address, struct buf *out);

#endif

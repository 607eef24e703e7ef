/* setup.h: making and ending a tree: for app/ only; front/ knows tree.h. */
#ifndef QXFS_TREE_SETUP_H
#define QXFS_TREE_SETUP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <qxfs/api/client.h>
#include <qxfs/base/fail.h>
#include <qxfs/store/cache.h>
#include <qxfs/tree/config.h>

struct tree;

int tree_new(const struct tree_config *config, struct tree **ret);
/* Lists of the last mount from the state folder; 0 if all that a mount needs are there, -ENOENT if
 * one of these never was fetched. */
int tree_load_lists(struct tree *t);
/* Fetches every list of the account and waits for it; directories and mailing lists may be refused;
 * progress lines to `progress` (may be NULL). Not on a FUSE worker. 0 or a negative errno with
 * words. */
int tree_fetch_lists(struct tree *t, FILE *progress, struct qx_fail *fail);
/* The same, behind. */
void tree_refresh_lists(struct tree *t);
/* Begins no import any more; waits until those that are out have been answered, ten seconds at
 * most. Before client_stop. */
void tree_drain(struct tree *t);
/* After tree_stop, and when no handle is open any more. */
void tree_free(struct tree *t);

/* The node table as text: `qxfs --print-tree`. */
void tree_print_rows(FILE *out);
/* Spellings of dates/ and parameters of with/ as Markdown tables: `qxfs --print-parameters`. */
void tree_print_parameters(FILE *out);

#endif

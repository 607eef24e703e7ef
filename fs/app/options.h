/* options.h: the command line as two tables, from which it is parsed and `--help` is printed.
 *
 * A new mount option is one row in options.c and one field here; its default is the text of the
 * row. Threads: main only. Errors: -EINVAL with words and a remedy in `fail`.
 */
#ifndef QXFS_APP_OPTIONS_H
#define QXFS_APP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>
#include <qxfs/base/log.h>

struct options {
	/* flags */
	bool foreground;
	bool debug; /* and in the foreground */
	bool help, version, print_tree, print_parameters;

	/* -o */
	int64_t fresh_s;
	int64_t max_stale_s, keep_s;
	bool strict;
	int64_t refresh;       /* enum refresh_how */
	int64_t open_wait_s;   /* 0: as long as it takes */
	int64_t prefetch;      /* 0: none */
	int64_t notify_s;      /* 0: never; -1: not given */
	int64_t export_budget; /* 0: any number */
	char *crawlers;        /* NULL: the usual ones */
	int64_t job_timeout_s;
	int64_t share_permille;
	uint64_t cache_size; /* 0: half of what the disk has free */
	uint64_t max_export, split_at;
	char *cache_dir, *state_dir, *token_file; /* absolute; NULL: not given */
	bool api;
	char *audit;    /* NULL: none */
	char *only;     /* NULL: all surveys */
	int64_t hide;   /* bits of enum hidden */
	char *timezone; /* NULL: the machine's */
	bool csv_bom;
	bool allow_other;
	int64_t uid, gid;
	int64_t umask;  /* never negative after options_parse */
	int64_t log;    /* enum log_level */
	int64_t legacy; /* enum legacy_contacts */
	int64_t hold;   /* enum hold_when */
	int64_t import_delay_s, keep_imports_s;
	char *import_charset; /* NULL: not given */
	bool allow_resubscribe;
	struct buf kernel; /* "nosuid,nodev,…" for the kernel */

	char *profile;    /* NULL: none was given */
	char *mountpoint; /* as it was given; NULL: none was */
};

/* Fills a zeroed struct from `before` (a profile's options; NULL: none), then from the arguments
 * after the program's (or the command's) name. A mount point is wanted unless the person only asks
 * for help; `mountpoint_optional` is for `qxfs demo`.
 */
int options_parse(int argc, char *const argv[], bool mountpoint_optional, const char *before,
                  struct options *o, struct qx_fail *fail);
void options_done(struct options *o);

/* The two tables as people read them, below headings. */
void options_print_flags(FILE *out);
void options_print_mount(FILE *out);

#endif

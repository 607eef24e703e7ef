/* config.h: what a tree is made of and for. Plain data; immutable once the tree is made. */
#ifndef QXFS_TREE_CONFIG_H
#define QXFS_TREE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <qxfs/api/client.h>
#include <qxfs/base/events.h>
#include <qxfs/jobs/drops.h>
#include <qxfs/jobs/jobs.h>
#include <qxfs/jobs/lists.h>
#include <qxfs/store/cache.h>

#define PREFETCH_MAX 100

enum hidden { HIDE_DIRECTORY, HIDE_MAILINGLISTS, HIDE_EXCEL, HIDE_IMPORTS, HIDDEN_ };

struct tree_config {
	char account[33]; /* hash of host, brand and user */
	char host[256];
	char user[64];    /* the token's user, "" if unknown: whose surveys are in mine/ */
	uid_t uid, owner; /* of the files; of the mount */
	gid_t gid;
	mode_t umask;
	const char *timezone; /* borrowed while the tree is made; NULL: the machine's */
	bool csv_bom;         /* a BOM before each .csv */
	int64_t fresh_s;      /* 300 */
	enum refresh_how refresh;
	int64_t max_stale_s;  /* served without network: known to be current so lately; 0: never */
	int64_t open_wait_s;  /* 0: as long as it takes */
	int64_t tell_wait_s;  /* a wait is an event of its own from then on; 0: never */
	const char *crawlers; /* borrowed while the tree is made; see visitors.h */
	int64_t export_budget;
	unsigned prefetch; /* so many files are kept fresh: at most PREFETCH_MAX; 0: none */
	double share;      /* of the account's limits: 0.8 */
	enum legacy_contacts legacy;
	uint64_t split_at;     /* so many bytes the service exports at once; more in parts */
	int64_t job_timeout_s; /* an export that does not move for so long has failed */
	const char *cache_dir, *state_dir; /* where they lie, for people; borrowed while the tree
	                                      lives */
	struct client *client;             /* borrowed, outlives the tree */
	struct cache *cache;               /* borrowed */
	struct dirs *dirs;                 /* borrowed */
	struct events *events;             /* borrowed; NULL: nobody is told what happened */
	struct journal *journal;     /* borrowed; NULL: it is damaged, nothing can be imported */
	struct qx_fail journal_fail; /* why, then */
	enum hold_when hold;
	bool allow_resubscribe;
	bool read_only;             /* nothing is sent */
	const char *import_charset; /* borrowed while the tree lives; NULL */
	int64_t import_delay_s, keep_imports_s;
	const char *audit; /* borrowed while the tree is made; see audit.h */
	bool api;          /* .qxfs/api is there */
	const char *only;  /* borrowed while the tree lives: ids of surveys between ':' or ','; all
	                      others do not exist; NULL: all exist */
	unsigned hide;     /* bits of enum hidden: they do not exist either */
};

#endif

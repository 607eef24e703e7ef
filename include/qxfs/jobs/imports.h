/* imports.h: sends what was given to import folders, and sees it through to its end.
 *
 * One sender for all mounts of an account (journal_sender_take); the others look every two seconds
 * while there is work, and take over. Of each target one submission at a time, in the order in
 * which they became whole; what is held, refused, failed or uncertain holds up nobody. What a crash
 * leaves is taken up again as its endpoint's repeat rule says.
 *
 * Threads: any; decided on the jobs thread, read and written on the pool. Events come from the jobs
 * thread.
 */
#ifndef QXFS_JOBS_IMPORTS_H
#define QXFS_JOBS_IMPORTS_H

#include <qxfs/jobs/drops.h>
#include <qxfs/jobs/jobs.h>

struct imports;
struct imports_config {
	struct jobs *jobs; /* borrowed; its client too */
	struct client *client;
	struct journal *journal;
	struct drops *drops;
	int64_t delay_s;     /* so long nothing must have changed */
	int64_t keep_s;      /* of what is done */
	const char *charset; /* borrowed; NULL */
	bool allow_resubscribe;
	/* The directory that a mailing list lies in; -ENOENT: none is known. Any thread. */
	int (*directory_of)(void *arg, const char *list, char out[LIST_OF_BYTES]);
	/* Whether these are the bytes of a file that this mount serves of the same target: nothing
	 * would change. Reads local files; a disk worker. */
	bool (*is_served)(void *arg, const struct entry *e, int fd);
	/* Something of the account may have changed by it. */
	void (*imported)(void *arg, const struct entry *e);
	void *arg;
};
int imports_new(const struct imports_config *config, struct imports **ret);
/* Something may be sent now. Any thread. */
void imports_poke(struct imports *im);
/* Somebody waits for it: it is sent without the delay. Any thread. */
void imports_hurry(struct imports *im, int64_t id);
/* Nothing new is begun; waits until what is out has been answered, or for ten seconds. Before
 * client_stop. */
void imports_drain(struct imports *im);
/* Waits for all that is out. After client_stop, before jobs_free: something may be posted still. */
void imports_end(struct imports *im);
/* After jobs_free. */
void imports_free(struct imports *im);

#endif

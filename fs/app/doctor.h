/* doctor.h: qxfs doctor: what its checks share. Each is a row of the table in doctor.c; it looks,
 * changes nothing, and tells what it found. No words hold a token. Threads: main only. */
#ifndef QXFS_APP_DOCTOR_H
#define QXFS_APP_DOCTOR_H

#include <stdbool.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>
#include <qxfs/base/json.h>

#include "credentials.h"
#include "mounts.h"
#include "options.h"
#include "places.h"
#include "profile.h"

/* UNKNOWN: it could not be looked at, and another line says why. */
enum level { LEVEL_OK, LEVEL_UNKNOWN, LEVEL_WARNING, LEVEL_FAULT };

struct doctor {
	/* who was named: one of them, or neither */
	const char *profile_name;
	char *dir; /* absolute, normal */

	struct mounts mounts;
	const struct mount *mount; /* dir's; NULL: nothing of ours is mounted there */
	struct json *status; /* what its daemon says; NULL: there is none, or it says nothing */

	/* without a mount: the account as a mount would find it */
	struct profile profile;
	struct options options; /* the profile's */
	struct places places;
	struct credentials credentials;
	const char *token_from; /* for people; NULL: there is no token */
	bool answered;          /* the service was asked, and it is this token's */
	bool dated;
	int64_t ahead_s, took_ms;

	/* what was found */
	bool json;
	const char *row; /* the check that looks now */
	struct buf out;
	bool any_fault;
};

/* One line. fail_set's words and remedy; of LEVEL_OK and LEVEL_UNKNOWN the words alone. */
void doctor_tell_fail(struct doctor *d, enum level level, const struct qx_fail *fail);
void doctor_tell(struct doctor *d, enum level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* doctor_account.c */
void doctor_config(struct doctor *d);
void doctor_token(struct doctor *d);
void doctor_service(struct doctor *d);
void doctor_clock(struct doctor *d);
void doctor_limits(struct doctor *d);
void doctor_read(struct doctor *d);

#endif

/* visitors.c: crawlers, and budgets of first exports. */
#include "visitors.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

/* Of GNOME, KDE, Xfce, Recoll and mlocate. The kernel cuts a program's name at 15 bytes. */
static const char usual[] = "tracker-miner:tracker-extract:localsearch:baloo_file:recollindex:"
			    "updatedb:tumblerd:gdk-pixbuf-thum:gnome-desktop-t:totem-video-thu:"
			    "evince-thumbnai:ffmpegthumbnail:kioslave5_thumb:thumbnail.so";

/* File managers, and what shows files in their way: GIO tells a file's kind by its name, and by its
 * first bytes where the name leaves a doubt, as `.json` does. It opens with O_NOATIME for that
 * alone, and goes by the name if it cannot; what it copies or shows it opens as anybody does.
 * Backups open with O_NOATIME, too, and read all: hence the names. */
static const char glancing[] = "gio:nautilus:org.gnome.Nauti:thunar:Thunar:nemo:caja:"
			       "io.elementary.f:xdg-desktop-por:gvfsd";

#define WINDOW_MS 600000
#define ACCOUNTS_MAX 256 /* beyond, the one that began longest ago is forgotten */
#define NAME_SEEN (sizeof(((struct tree_caller *)NULL)->program) - 1)

/* What a session has begun. */
struct account {
	bool of_user; /* no session is known of it, or it stands for many people */
	int64_t id;   /* of the session, or of the user */
	int64_t since_ms;
	int64_t spent; /* 0: the place is free */
};

struct visitors {
	char *crawlers;
	int64_t budget;
	pthread_mutex_t lock;
	struct account accounts[ACCOUNTS_MAX]; /* guarded by lock */
};

struct visitors *visitors_new(const char *crawlers, int64_t budget)
{
	struct visitors *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	pthread_mutex_init(&v->lock, NULL);
	v->budget = budget;
	v->crawlers = strdup(crawlers ? crawlers : usual);
	if (!v->crawlers) {
		visitors_free(v);
		return NULL;
	}
	return v;
}

void visitors_free(struct visitors *v)
{
	if (!v)
		return;
	pthread_mutex_destroy(&v->lock);
	free(v->crawlers);
	free(v);
}

static bool is_one_of(const char *names, const char *program)
{
	for (const char *name = names; *name && program[0];) {
		size_t len = strcspn(name, ":");
		if (len > 0 && strncmp(name, program, len < NAME_SEEN ? len : NAME_SEEN) == 0)
			return true;
		name += len + (name[len] == ':');
	}
	return false;
}

bool visitor_is_crawler(const struct visitors *v, const struct tree_caller *who)
{
	return is_one_of(v->crawlers, who->program) ||
	       (who->glances && v->crawlers[0] && is_one_of(glancing, who->program));
}

/* smbd does the work of many people in one session. */
static struct account account_of(const struct tree_caller *who)
{
	bool of_user = who->session <= 0 || strncmp(who->program, "smbd", 4) == 0;
	return (struct account){ .of_user = of_user,
		                 .id = of_user ? (int64_t)who->uid : (int64_t)who->session };
}

/* Its place, a free one, or the oldest's. Lock held. */
static struct account *place_for(struct visitors *v, const struct account *who, int64_t now_ms)
{
	struct account *place = &v->accounts[0];

	for (size_t i = 0; i < countof(v->accounts); i++) {
		struct account *a = &v->accounts[i];
		if (a->spent > 0 && now_ms - a->since_ms >= WINDOW_MS)
			a->spent = 0;
		if (a->spent > 0 && a->of_user == who->of_user && a->id == who->id)
			return a;
		if (place->spent > 0 && (a->spent == 0 || a->since_ms < place->since_ms))
			place = a;
	}
	*place = *who;
	place->since_ms = now_ms;
	return place;
}

int visitor_spend(struct visitors *v, const struct tree_caller *who, int64_t now_ms,
                  struct qx_fail *fail)
{
	if (v->budget == 0)
		return 0;
	const struct account known = account_of(who);
	pthread_mutex_lock(&v->lock);
	struct account *a = place_for(v, &known, now_ms);
	bool may = a->spent < v->budget;
	a->spent += may;
	int64_t wait_s = (a->since_ms + WINDOW_MS - now_ms + 999) / 1000;
	pthread_mutex_unlock(&v->lock);
	if (may)
		return 0;
	fail_set(fail, EDQUOT,
	         "this %s has begun %lld first exports within ten minutes, all that export_budget= "
	         "allows",
	         known.of_user ? "user" : "session", (long long)v->budget);
	fail_remedy(fail,
	            "Go on in %lld s. A backup that is meant to read everything is mounted with "
	            "export_budget=0.",
	            (long long)wait_s);
	return -EDQUOT;
}

/* emails.c: by-email/ADDRESS. What is found is a generation, the same as that of the search for the
 * address. The link leads to the one contact that has it or, if several have it, to the search,
 * which shows them all: nobody is silently left out. */
#include "house.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/json.h>
#include <qxfs/base/sys.h>

#include "contents.h"
#include "ids.h"
#include "search.h"

#define ONE_BYTES (256 * 1024) /* one contact is not longer: a longer answer has several */

struct generation *email_found(struct tree *t, const struct node_row *row, const char *arg)
{
	/* Another mount may have searched, or the search itself was read. */
	struct generation *gen = content_cached(t, row, arg), *fresh = NULL;

	pthread_mutex_lock(&t->lock);
	struct place *p = place_get(t, row, arg);
	if (p && gen && gen != p->gen) {
		struct generation *former = p->gen;
		p->gen = gen;
		gen = former;
	}
	if (p && place_is_fresh(t, p))
		fresh = generation_ref(p->gen);
	if (p)
		place_release(t, p);
	pthread_mutex_unlock(&t->lock);
	generation_unref(gen);
	return fresh;
}

/* {"all": [ … ]}: what base/json.h reads is an object. */
static int read_found(struct tree *t, struct generation *gen, struct json **ret)
{
	struct buf text = { 0 };
	char piece[16384];

	qx_auto_fd fd = cache_open(t->config.cache, gen);
	if (fd < 0)
		return fd;
	buf_add_str(&text, "{\"all\":");
	for (uint64_t at = 0; at < gen->length;) {
		uint64_t left = gen->length - at;
		ssize_t n = pread(fd, piece, left < sizeof(piece) ? (size_t)left : sizeof(piece),
		                  (off_t)at);
		if (n <= 0)
			break; /* it will not be JSON */
		buf_add(&text, piece, (size_t)n);
		at += (uint64_t)n;
	}
	buf_add_str(&text, "}");
	int r = buf_failed(&text) ? -ENOMEM : json_parse(buf_text(&text), text.len, ret);
	buf_done(&text);
	return r == -EBADMSG ? -EIO : r;
}

/* The only contact that was found, "" if there are several; false: nobody. */
static bool only_one(const struct json *found, char id[ARG_MAX_BYTES])
{
	bool any = false;

	id[0] = 0;
	for (size_t i = 0; i < json_len(found, "all"); i++) {
		const char *its = json_str(json_at(found, "all", i), "id");
		if (!its || !id_is_contact(its) || (any && strcmp(its, id) == 0))
			continue;
		memcpy(id, any ? "" : its, any ? 1 : strlen(its) + 1);
		if (any)
			break;
		any = true;
	}
	return any;
}

/* To the search for the address of this place. */
static void add_search(const char *arg, struct buf *out)
{
	char address[ARG_MAX_BYTES];

	buf_add_str(out, "../search/");
	if (arg_part(arg, 1, address))
		search_email_name(address, out);
	buf_add_str(out, "/contacts.json");
}

int email_target(struct tree *t, const char *arg, struct generation *gen, struct buf *out)
{
	struct json *found = NULL;
	char id[ARG_MAX_BYTES] = "";

	int r = gen->length > ONE_BYTES ? 0 : read_found(t, gen, &found);
	if (r < 0)
		return r;
	bool any = !found || only_one(found, id);
	json_free(found);
	if (!any)
		return -ENODATA;
	if (id[0])
		buf_addf(out, "../contacts/%s.json", id);
	else
		add_search(arg, out);
	return buf_failed(out) ? -ENOMEM : 0;
}

void email_longest(const char *arg, struct buf *out)
{
	static const char contact[] = "../contacts/CID_0123456789abcdef0123456789abcdef.json";

	add_search(arg, out);
	if (out->len < sizeof(contact) - 1) {
		buf_clear(out);
		buf_add_str(out, contact);
	}
}

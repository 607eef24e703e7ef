/* tables.c: places and nodes in hash tables that grow, and who keeps them alive.
 *
 * A node lives while the kernel counts lookups of it or somebody pins it; a place while it has
 * nodes, or something is known of it that no file tells. */
#include "house.h"

#include <stdlib.h>
#include <string.h>

#include <qxfs/base/hash.h>

#define FIRST_CHAINS 256

static size_t place_chain(const struct table *table, uint64_t ino)
{
	return (size_t)(ino & (table->n_chains - 1));
}

static size_t node_chain(const struct table *table, uint64_t id)
{
	return (size_t)(id & (table->n_chains - 1));
}

static void move_place(struct table *to, struct place *p)
{
	size_t at = place_chain(to, p->ino);
	p->next = to->chains[at];
	to->chains[at] = p;
}

static void move_node(struct table *to, struct node *n)
{
	size_t at = node_chain(to, n->id);
	n->next = to->chains[at];
	to->chains[at] = n;
}

/* Room for one more. Without memory the chains only get longer. */
static bool grow(struct table *table, bool nodes)
{
	if (table->n_chains && table->n < table->n_chains)
		return true;
	struct table bigger = { .n_chains = table->n_chains ? table->n_chains * 2 : FIRST_CHAINS };
	bigger.chains = calloc(bigger.n_chains, sizeof(void *));
	if (!bigger.chains)
		return table->n_chains > 0;
	for (size_t i = 0; i < table->n_chains; i++) {
		while (table->chains[i] && nodes) {
			struct node *n = table->chains[i];
			table->chains[i] = n->next;
			move_node(&bigger, n);
		}
		while (table->chains[i] && !nodes) {
			struct place *p = table->chains[i];
			table->chains[i] = p->next;
			move_place(&bigger, p);
		}
	}
	bigger.n = table->n;
	free(table->chains);
	*table = bigger;
	return true;
}

static struct place *find_at(struct tree *t, uint64_t ino, const struct node_row *row,
                             const char *arg)
{
	if (!t->places.n_chains)
		return NULL;
	struct place *p = t->places.chains[place_chain(&t->places, ino)];
	while (p && (p->row != row || strcmp(p->arg, arg) != 0))
		p = p->next;
	return p;
}

struct place *place_find(struct tree *t, const struct node_row *row, const char *arg)
{
	return find_at(t, row_ino(t, row, arg), row, arg);
}

struct place *place_get(struct tree *t, const struct node_row *row, const char *arg)
{
	uint64_t ino = row_ino(t, row, arg);
	struct place *p = find_at(t, ino, row, arg);
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p || !(p->arg = strdup(arg)) || !grow(&t->places, false)) {
		if (p)
			free(p->arg);
		free(p);
		return NULL;
	}
	p->row = row;
	p->ino = ino;
	p->responses = p->columns = -1;
	move_place(&t->places, p);
	t->places.n++;
	return p;
}

struct place *place_base(struct tree *t, const struct node_row *row, const char *arg)
{
	char base_arg[ARG_MAX_BYTES];

	node_base_arg(row, arg, base_arg);
	return place_find(t, node_base(row), base_arg);
}

void place_release(struct tree *t, struct place *p)
{
	/* A touch must be remembered; what the last GET said makes better sizes. */
	if (p->nodes || p->touched_ms || p->stale || p->seen || p->catalog)
		return;
	void **link = &t->places.chains[place_chain(&t->places, p->ino)];
	struct place *x = *link;
	if (x == p) {
		*link = p->next;
	} else {
		while (x->next != p)
			x = x->next;
		x->next = p->next;
	}
	t->places.n--;
	generation_unref(p->gen);
	free(p->arg);
	free(p);
}

struct node *node_find(struct tree *t, uint64_t id)
{
	if (!t->nodes.n_chains)
		return NULL;
	struct node *n = t->nodes.chains[node_chain(&t->nodes, id)];
	while (n && n->id != id)
		n = n->next;
	return n;
}

struct node *node_new(struct tree *t, struct place *p)
{
	struct node *n = calloc(1, sizeof(*n));
	if (!n || !grow(&t->nodes, true)) {
		free(n);
		return NULL;
	}
	n->id = t->next_id++;
	n->place = p;
	p->nodes++;
	move_node(&t->nodes, n);
	t->nodes.n++;
	return n;
}

void node_fill(struct node *n, struct generation *gen)
{
	struct place *p = n->place;

	n->refilled = n->refilled || n->gen;
	generation_unref(n->gen);
	n->gen = generation_ref(gen);
	n->ready = true;
	if (!p->stale)
		n->mtime_s = gen->mtime_s;
	if (p->pending == n)
		p->pending = NULL;
	else if (p->current && p->current->ready)
		return; /* an older node whose bytes came again: lookups have a better one */
	p->current = n;
}

void node_release(struct tree *t, struct node *n)
{
	struct place *p = n->place;
	if (n->lookups || n->pins || n->id == TREE_ROOT)
		return;

	void **link = &t->nodes.chains[node_chain(&t->nodes, n->id)];
	struct node *x = *link;
	if (x == n) {
		*link = n->next;
	} else {
		while (x->next != n)
			x = x->next;
		x->next = n->next;
	}
	t->nodes.n--;
	if (p->current == n)
		p->current = NULL;
	if (p->pending == n)
		p->pending = NULL;
	p->nodes--;
	generation_unref(n->gen);
	text_unref(n->text);
	free(n);
	place_release(t, p);
}

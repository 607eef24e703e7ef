/* xlsx_types.c: which column is what: by the schema, never by what the cells look like. */
#include "schema.h"
#include "xlsx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct typist {
	struct xlsx *x;
	bool labels;
	const struct column **sorted; /* by ImportId */
};

static int by_import_id(const void *a, const void *b)
{
	return strcmp((*(const struct column *const *)a)->import_id,
	              (*(const struct column *const *)b)->import_id);
}

/* Codes whose labels are the codes themselves (a scale of 0 to 10) are numbers in both files. */
static bool labels_are_codes(const struct json *codes)
{
	struct buf code = { 0 }, label = { 0 };
	bool same = true;

	for (size_t i = 0; i < json_len(codes, NULL) && same; i++) {
		buf_clear(&code);
		buf_clear(&label);
		schema_code(json_at(codes, NULL, i), &code);
		schema_label(json_at(codes, NULL, i), &label);
		same = strcmp(buf_text(&code), buf_text(&label)) == 0;
	}
	buf_done(&code);
	buf_done(&label);
	return same;
}

static bool labels_are_truth(const struct json *codes)
{
	const char *a = json_str(json_at(codes, NULL, 0), "label");
	const char *b = json_str(json_at(codes, NULL, 1), "label");

	if (json_len(codes, NULL) != 2 || !a || !b)
		return false;
	return (strcasecmp(a, "false") == 0 && strcasecmp(b, "true") == 0) ||
	       (strcasecmp(a, "true") == 0 && strcasecmp(b, "false") == 0);
}

static enum cell_kind kind_of_metadata(enum metadata_type type, bool labels)
{
	switch (type) {
	case METADATA_NUMBER:
		return CELL_NUMBER;
	case METADATA_CODE:
		return labels ? CELL_TEXT : CELL_NUMBER;
	case METADATA_BOOL:
		return CELL_TRUTH;
	case METADATA_DATE:
		return CELL_DATE;
	case METADATA_TEXT:
		break;
	}
	return CELL_TEXT;
}

static enum cell_kind kind_of_property(const struct property *p, const struct column *c,
                                       bool labels)
{
	bool is_number = strcmp(p->type, "number") == 0 || strcmp(p->type, "integer") == 0;
	bool is_ticked = strcmp(p->type, "array") == 0 && c->choice_id[0]; /* 1, or its label */

	if (c->is_label)
		return CELL_TEXT;
	if (strcmp(p->format, "date-time") == 0)
		return CELL_DATE;
	if (strcmp(p->type, "boolean") == 0)
		return CELL_TRUTH;
	if (is_ticked)
		return labels ? CELL_TEXT : CELL_NUMBER;
	if (!is_number)
		return CELL_TEXT;
	if (p->codes && labels_are_truth(p->codes))
		return CELL_TRUTH;
	return labels && p->codes && !labels_are_codes(p->codes) ? CELL_TEXT : CELL_NUMBER;
}

static int take_property(void *arg, const struct property *p)
{
	struct typist *t = arg;
	struct heading *h = &t->x->heading;
	bool is_other = p->data_type[0] && strcmp(p->data_type, "metadata") != 0;
	size_t low = 0, high = h->count;

	if (!is_other && metadata_find(p->key)) /* known without a schema */
		return 0;
	while (low < high) { /* the first of those with this ImportId */
		size_t middle = low + (high - low) / 2;
		if (strcmp(t->sorted[middle]->import_id, p->key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < h->count && strcmp(t->sorted[low]->import_id, p->key) == 0; low++) {
		const struct column *c = t->sorted[low];
		t->x->columns[c - h->columns].kind = kind_of_property(p, c, t->labels);
	}
	return 0;
}

static int take_schema(struct typist *t)
{
	struct xlsx *x = t->x;

	t->sorted = calloc(x->heading.count, sizeof(*t->sorted));
	if (!t->sorted)
		return -ENOMEM;
	for (size_t i = 0; i < x->heading.count; i++)
		t->sorted[i] = &x->heading.columns[i];
	qsort(t->sorted, x->heading.count, sizeof(*t->sorted), by_import_id);
	int r = schema_read(x->in, x->in->schema_fd, x->in->schema_len, take_property, t);
	free(t->sorted);
	if (r == -EBADMSG) { /* a file with fewer types is better than none; About says so */
		x->schema_failed = true;
		r = 0;
	}
	return r;
}

/* A few zones are kept; all columns of an export name the same. */
static int take_zone(struct xlsx *x, const char *name, const struct zone **ret)
{
	struct zone *z = NULL;

	*ret = NULL;
	for (size_t i = 0; i < x->zones_count; i++)
		if (strcmp(zone_name(x->zones[i]), name) == 0) {
			*ret = x->zones[i];
			return 0;
		}
	if (x->zones_count == ZONES_MAX)
		return 0;
	int r = zone_new(name, &z);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	x->zones[x->zones_count++] = z;
	*ret = z;
	return 0;
}

int xlsx_types(struct xlsx *x, bool labels)
{
	struct typist t = { .x = x, .labels = labels };
	struct heading *h = &x->heading;

	for (size_t i = 0; i < h->count; i++) {
		const struct metadata *known = metadata_find(h->columns[i].import_id);
		if (known)
			x->columns[i].kind = kind_of_metadata(known->type, labels);
		if (strcmp(h->columns[i].import_id, "_recordId") == 0)
			x->id_column = i;
	}
	int r = x->in->schema_fd >= 0 ? take_schema(&t) : 0;
	for (size_t i = 0; i < h->count && r == 0; i++) {
		const char *zone = h->columns[i].zone;
		if (zone[0])
			x->columns[i].kind = CELL_DATE;
		if (zone[0])
			r = take_zone(x, strcmp(zone, "Z") == 0 ? "UTC" : zone,
			              &x->columns[i].from);
	}
	return r;
}

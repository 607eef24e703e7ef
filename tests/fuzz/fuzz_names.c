/* fuzz_names.c: names that people gave to surveys and lists, as names of files.
 *
 * The input is names, each ended by a NUL; ids are made here. Each name by itself is one that any
 * file system takes, and stays as it is when it is made safe again. Together no two are equal, also
 * where case does not count; it does not matter in which order they come; and who has a bare name
 * keeps it, whoever comes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/utf8.h>
#include <utf8proc.h>

#include "../../fs/tree/names.h"

#define NAMES_MAX 24
#define LENGTH (NAME_BYTES - NAME_SUFFIX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* abort() where assert() would vanish under NDEBUG. */
static void must(bool fact)
{
	if (!fact)
		abort();
}

static char *map(const char *text, utf8proc_option_t options)
{
	utf8proc_uint8_t *out = NULL;
	must(utf8proc_map((const utf8proc_uint8_t *)text, 0, &out,
	                  UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | options) >= 0);
	return (char *)out;
}

static void is_name(const char *name, size_t max)
{
	size_t len = strlen(name);

	must(len > 0 && len <= max);
	must(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
	must(name[len - 1] != '.' && name[len - 1] != ' ');
	for (size_t i = 0, step; i < len; i += step) {
		step = utf8_valid(name + i, len - i);
		must(step > 0);
		must(step > 1 || ((unsigned char)name[i] >= ' ' && name[i] != 0x7f &&
		                  !strchr("/\\<>:\"|?*", name[i])));
		must(step != 2 || (unsigned char)name[i] != 0xc2 ||
		     (unsigned char)name[i + 1] >= 0xa0);
	}
	char *composed = map(name, 0);
	must(strcmp(composed, name) == 0);
	free(composed);
}

static void try_alone(const char *raw)
{
	static const size_t lengths[] = { LENGTH, 60, 12 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		char *name = name_safe(raw, lengths[i]);
		must(name != NULL);
		is_name(name, lengths[i]);
		char *again = name_safe(name, lengths[i]);
		must(again && strcmp(again, name) == 0);
		free(again);
		free(name);
	}
}

static void are_different(const struct named *all, size_t n)
{
	char *folded[NAMES_MAX];

	for (size_t i = 0; i < n; i++) {
		folded[i] = map(all[i].name, UTF8PROC_CASEFOLD);
		for (size_t k = 0; k < i; k++)
			must(strcmp(folded[i], folded[k]) != 0);
	}
	for (size_t i = 0; i < n; i++)
		free(folded[i]);
}

/* It bears its own name, or one with its id. */
static bool is_bare(const struct named *item)
{
	char suffix[32];
	size_t len = strlen(item->name);
	char *own = name_safe(item->raw, LENGTH);

	must(own != NULL);
	bool bare = strcmp(own, item->name) == 0;
	free(own);
	int n = snprintf(suffix, sizeof(suffix), " [%s]", item->id);
	must(bare || (len > (size_t)n && strcmp(item->name + len - n, suffix) == 0));
	return bare;
}

static void make(struct named *all, size_t n, struct reserved *kept)
{
	must(names_make(all, n, kept) == 0);
	for (size_t i = 0; i < n; i++)
		is_name(all[i].name, LENGTH);
	are_different(all, n);
}

static void drop(struct named *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(all[i].name);
}

static void try_together(const struct named *given, size_t n)
{
	struct named all[NAMES_MAX], turned[NAMES_MAX], half[NAMES_MAX], later[NAMES_MAX];
	struct reserved *kept = reserved_new();

	must(kept != NULL);
	for (size_t i = 0; i < n; i++) {
		all[i] = half[i] = later[i] = given[i];
		turned[n - 1 - i] = given[i];
	}
	make(all, n, NULL);
	make(turned, n, NULL);
	for (size_t i = 0; i < n; i++)
		must(strcmp(all[i].name, turned[n - 1 - i].name) == 0);
	drop(all, n);
	drop(turned, n);

	/* Some were there first: who of them has a bare name keeps it, and no path leads elsewhere.
	 */
	make(half, n / 2, kept);
	make(later, n, kept);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n / 2; k++)
			must((strcmp(later[i].name, half[k].name) == 0) == (i == k));
	for (size_t i = 0; i < n; i++)
		(void)is_bare(&later[i]);
	drop(half, n / 2);
	drop(later, n);
	reserved_free(kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const born[] = { "2020", "2019", "", "2020" };
	char ids[NAMES_MAX][16];
	struct named all[NAMES_MAX];
	size_t n = 0;
	char *text = malloc(size + 1), *end = text + size;

	if (!text)
		return 0;
	memcpy(text, data, size);
	*end = '\0';
	for (char *raw = text; raw < end && n < NAMES_MAX; raw += strlen(raw) + 1) {
		(void)snprintf(ids[n], sizeof(ids[n]), n % 3 ? "SV_%zu" : "id%zu", n);
		all[n] = (struct named){ ids[n], raw, born[n % 4], NULL };
		try_alone(raw);
		n++;
	}
	try_together(all, n);
	free(text);
	return 0;
}

/* fuzz_paths.c: names below .qxfs/api/, which any program may look up, and addresses of pages. What
 * is taken is one path below the base with a sound query; what is refused, a sentence. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/api/paths.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fact)
{
	if (!fact)
		abort();
}

static bool has_only(const struct buf *b, const char *allowed)
{
	return strlen(buf_text(b)) == b->len && strspn(buf_text(b), allowed) == b->len;
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."

/* What the client makes of it passes the client's own door. */
static void is_sound(const struct buf *path, const struct buf *query)
{
	struct qx_fail why = { 0 };
	struct buf url = { 0 };
	const char *args[] = { buf_text(path), NULL };

	must(path->len > 0 && has_only(path, LETTERS "/"));
	must(!strstr(buf_text(path), "//") && !strstr(buf_text(path), ".."));
	must(buf_text(path)[0] != '/' && buf_text(path)[path->len - 1] != '/');
	must(has_only(query, LETTERS "~%&="));
	buf_add_str(&url, "https://host.invalid");
	must(endpoint_path(EP_API, args, &url) == 0);
	must(strcmp(buf_text(&url) + strlen("https://host.invalid" PATHS_BASE), args[0]) == 0);
	if (query->len)
		buf_addf(&url, "?%s", buf_text(query));
	must(path_check_url(buf_text(&url), &why) == 0);
	must(path_endpoint(args[0]) < EP_N_);
	buf_done(&url);
}

static void try_name(const char *name)
{
	struct buf path = { 0 }, query = { 0 };
	struct qx_fail why = { 0 };

	int r = path_parse(name, &path, &query, &why);
	if (r == 0)
		is_sound(&path, &query);
	else
		must((r == -ENOENT || r == -EPERM) && why.err == -r && why.why[0] && !path.len &&
		     !query.len);
	/* Component by component, as the kernel asks, nothing gets through that it does not take.
	 */
	const char *last = strrchr(name, '/');
	if (path_check_last(last ? last + 1 : name, &why) < 0)
		must(r < 0);
	buf_done(&path);
	buf_done(&query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qx_fail why = { 0 };
	char *name = strndup((const char *)data, size);

	if (name) {
		try_name(name);
		int r = path_check_url(name, &why);
		must(r == 0 || (r == -EPERM && why.why[0]));
		must(r < 0 || strstr(name, "API") || strchr(name, '%'));
	}
	free(name);
	return 0;
}

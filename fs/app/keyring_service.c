/* keyring_service.c: libsecret. Runs in a process of its own, which ends when it has answered: what
 * GLib allocates is not freed. */
#include "keyring_service.h"

#include <libsecret/secret.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const SecretSchema schema = {
	.name = "org.qxfs.Credential",
	.flags = SECRET_SCHEMA_NONE,
	.attributes = { { "profile", SECRET_SCHEMA_ATTRIBUTE_STRING },
	                { "host", SECRET_SCHEMA_ATTRIBUTE_STRING },
	                { "kind", SECRET_SCHEMA_ATTRIBUTE_STRING } },
};

static const char *kind_of(const struct keyring_item *item)
{
	return item->client ? "client_secret" : "token";
}

/* Else GLib would start a bus of its own where X11 is. */
static bool has_bus(void)
{
	const char *bus = getenv("DBUS_SESSION_BUS_ADDRESS");
	const char *folder = getenv("XDG_RUNTIME_DIR");
	g_autofree char *path = folder ? g_strconcat(folder, "/bus", NULL) : NULL;

	return (bus && *bus) || (path && access(path, F_OK) == 0);
}

/* The one that new items go to, as it is: made or unlocked by nobody. */
static enum keyring_verdict look_at_default(SecretService *service)
{
	g_autoptr(SecretCollection) first = secret_collection_for_alias_sync(
		service, SECRET_COLLECTION_DEFAULT, SECRET_COLLECTION_NONE, NULL, NULL);

	if (!first)
		return KEYRING_AWAY;
	return secret_collection_get_locked(first) ? KEYRING_LOCKED : KEYRING_DONE;
}

static enum keyring_verdict find(SecretService *service, const struct keyring_item *item,
                                 char **ret)
{
	g_autoptr(GHashTable) wanted = secret_attributes_build(
		&schema, "profile", item->profile, "host", item->host, "kind", kind_of(item), NULL);
	GList *items = secret_service_search_sync(service, &schema, wanted,
	                                          SECRET_SEARCH_ALL | SECRET_SEARCH_LOAD_SECRETS,
	                                          NULL, NULL);
	bool locked = false;

	for (GList *at = items; at && !*ret; at = at->next) {
		SecretValue *value = secret_item_get_secret(at->data);
		const char *text = value ? secret_value_get_text(value) : NULL;
		locked = locked || secret_item_get_locked(at->data);
		*ret = text ? strdup(text) : NULL;
		if (value)
			secret_value_unref(value);
	}
	if (*ret)
		return KEYRING_DONE;
	/* What a locked keyring has is not seen by all services. */
	enum keyring_verdict v = locked ? KEYRING_LOCKED : look_at_default(service);
	return v == KEYRING_DONE ? KEYRING_MISSING : v;
}

/* Of the profile all but what `but` is; NULL: all. */
static void forget(SecretService *service, const char *profile, const struct keyring_item *but)
{
	g_autoptr(GHashTable) wanted = secret_attributes_build(&schema, "profile", profile, NULL);
	GList *items =
		secret_service_search_sync(service, &schema, wanted, SECRET_SEARCH_ALL, NULL, NULL);

	for (GList *at = items; at; at = at->next) {
		g_autoptr(GHashTable) has = secret_item_get_attributes(at->data);
		bool stays = but && g_strcmp0(g_hash_table_lookup(has, "host"), but->host) == 0 &&
		             g_strcmp0(g_hash_table_lookup(has, "kind"), kind_of(but)) == 0;
		if (!stays) /* one that cannot be removed is of no use to anybody */
			(void)secret_item_delete_sync(at->data, NULL, NULL);
	}
}

static enum keyring_verdict keep(SecretService *service, const struct keyring_item *item,
                                 const char *secret)
{
	g_autofree char *label =
		g_strdup_printf("qxfs: profile %s at %s", item->profile, item->host);
	enum keyring_verdict v = look_at_default(service);

	if (v != KEYRING_DONE)
		return v;
	if (!secret_password_store_sync(&schema, SECRET_COLLECTION_DEFAULT, label, secret, NULL,
	                                NULL, "profile", item->profile, "host", item->host, "kind",
	                                kind_of(item), NULL))
		return KEYRING_AWAY;
	return KEYRING_DONE;
}

enum keyring_verdict keyring_ask(const struct keyring_question *q, char **ret)
{
	*ret = NULL;
	SecretService *service =
		has_bus() ? secret_service_get_sync(SECRET_SERVICE_OPEN_SESSION, NULL, NULL) : NULL;

	if (!service)
		return KEYRING_AWAY;
	switch (q->verb) {
	case KEYRING_FIND:
		return find(service, &q->item, ret);
	case KEYRING_KEEP:
		return keep(service, &q->item, q->secret);
	case KEYRING_FORGET:
		forget(service, q->item.profile, q->item.host ? &q->item : NULL);
		return KEYRING_DONE;
	case KEYRING_PROBE:
		break;
	}
	return look_at_default(service);
}

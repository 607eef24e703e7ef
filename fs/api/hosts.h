/* hosts.h: what the room itself asks about URLs. Pure; any thread. */
#ifndef QXFS_API_HOSTS_H
#define QXFS_API_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

/* Its host is 127.0.0.0/8, ::1 or localhost. */
bool url_is_loopback(const char *url);

/* The host a URL names, for messages; "another place" when it names none that can be shown. */
void url_host_for_people(const char *url, char *out, size_t size);

#endif

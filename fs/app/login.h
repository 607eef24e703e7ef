/* login.h: qxfs login [PROFILE]: asks a person for host and token, asks the service whose token it
 * is, and keeps both as a profile. Threads: main only. Returns the exit status. */
#ifndef QXFS_APP_LOGIN_H
#define QXFS_APP_LOGIN_H

int command_login(int argc, char *const argv[]);

#endif

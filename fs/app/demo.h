/* demo.h: `qxfs demo [DIR]`: a sandbox account, mounted; no token, no network. Threads: main only.
 */
#ifndef QXFS_APP_DEMO_H
#define QXFS_APP_DEMO_H

/* The arguments behind "demo"; the exit status. */
int command_demo(int argc, char *const argv[]);

#endif

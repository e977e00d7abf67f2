/* A file system of its own on a loop device over memory, and the ioctl that cuts its power. All of
 * it lives in a mount namespace of the process and is gone with it. Needs root. */
#ifndef WB_TESTS_CRASH_MEDIUM_H
#define WB_TESTS_CRASH_MEDIUM_H

#include <stdbool.h>

enum medium_cut {
    CUT_FROZEN, /* all that was written is on the medium */
    CUT_LOGGED, /* the log is, the bytes are not */
    CUT_SUDDEN  /* what was not asked for is not */
};

struct medium {
    const char *kind;  /* ext4, xfs */
    const char *place; /* where it is mounted */
    char device[32];
    int loop_fd;
};

/* Makes it, not mounted. False, with what is missing in `ret_why`, where the machine does not allow
 * it. */
bool medium_make(struct medium *medium, const char *kind, const char *place, const char **ret_why);
/* Mounts it, replaying its log; false when it cannot, errno says why. */
bool medium_mount(const struct medium *medium);
/* From now on nothing reaches the medium; every write fails. */
bool medium_cut(const struct medium *medium, enum medium_cut how);
bool medium_unmount(const struct medium *medium);

#endif

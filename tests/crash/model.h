/* What would be on the medium if the power failed now, going by the calls that were made and the
 * letter of POSIX: bytes are there when their file was synced, a name when its folder was; what
 * failed to sync is lost. Nothing is taken for durable that a file system may only happen to
 * write. */
#ifndef WB_TESTS_CRASH_MODEL_H
#define WB_TESTS_CRASH_MODEL_H

#include <sys/stat.h>

#include "tests/crash/inject.h"

enum { MODEL_NODES = 128, MODEL_REMOVALS = 256, MODEL_NAME = 256, MODEL_TEXT = 400 };

struct model_node {
    ino_t inode;
    bool unsynced; /* bytes of a file, names made in a folder */
    bool removed;  /* names taken from a folder */
    bool lost;
};

/* Not synced yet. */
struct model_removal {
    ino_t folder;
    char name[MODEL_NAME];
};

struct model {
    char root[256];
    struct model_node nodes[MODEL_NODES];
    int count;
    struct model_removal removals[MODEL_REMOVALS];
    int removal_count;
    char broken[MODEL_TEXT]; /* the first call that broke a rule; "" when none did */
};

/* All that is there counts as durable. */
void model_begin(struct model *model, const char *root);
/* inject_watch; `arg` is the model. */
void model_watch(void *arg, pid_t pid, const struct call *call, int64_t real, int64_t told);
/* Whether the file's bytes and its name (or that there is none) survive; `above`: the names of the
 * folders above it as well. */
bool model_keeps(const struct model *model, const char *path, bool above);
/* Whether the names that were made in a folder survive; true when there is none. */
bool model_keeps_made(const struct model *model, const char *path);
/* Whether what was removed under this name, wherever, stays away. */
bool model_keeps_removed(const struct model *model, const char *name);

#endif

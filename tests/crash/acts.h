/* What transfer does to a node, as acts: each can be stopped anywhere and done again, as the
 * planner has it done again from what the log knows. The crash sweep and the tests of failing
 * library calls run the same ones. */
#ifndef WB_TESTS_CRASH_ACTS_H
#define WB_TESTS_CRASH_ACTS_H

#include "core/store/store.h"

enum { ACT_NAMES = 8, ACT_ROOT_MAX = 200 };

/* A final name with the letter of what it holds before and after the act; 0: nothing. A letter
 * stands for contents, mode and time: `a` to `d` files of several blocks, `e` an empty one, `h` one
 * that is written back by ranges, `l` and `m` symbolic links, `s` a stranger's file. */
struct act_name {
    const char *path;
    char before;
    char after;
};

/* What the log would know of the copy of one name. */
struct act_item {
    char instance[64];
    char tag[WB_TAG_MAX]; /* "": not proved */
    char landed[WB_TAG_MAX];
    char instance_fenced[64]; /* "": none that was told to publish and did not */
};

/* Outlives the process that acts. */
struct act_memory {
    unsigned runs; /* nonces are drawn from it */
    struct act_item items[ACT_NAMES];
    char replaces[ACT_NAMES][WB_TAG_MAX]; /* the files that are there before the act */
    struct act_item older;
    bool older_gone;
    char marker[WB_MARKER_MAX]; /* as it was told */
};

struct act_world {
    char root[ACT_ROOT_MAX];
    const struct act *act;
    struct act_memory *memory;
};

enum act_flag {
    ACT_KEEP = 1,        /* publish replaces nothing but what is ours */
    ACT_OURS = 2,        /* what is there before is ours */
    ACT_RANGES = 4,      /* copied as ranges, in no order */
    ACT_NO_REPLACE = 8,  /* the file system cannot rename without replacing */
    ACT_GARBAGE = 16,    /* there are instances that nobody knows of */
    ACT_DISCARDS = 32,   /* what it removes must not come back */
    ACT_UNHEARD = 512,   /* one failure is all that it is told to stand */
    ACT_MARKS = 256,     /* the staging area has to be durable when it is done */
    ACT_NO_RESERVE = 64, /* the file system cannot reserve space */
    ACT_WAY_OUT = 128,   /* there is a link `way` to `out` beside the root */
};

struct act {
    const char *name;
    enum wb_rc (*run)(struct act_world *world, struct wb_store *store, struct wb_err *err);
    enum wb_category expects; /* UNKNOWN: that it succeeds */
    unsigned flags;           /* of act_flag */
    struct act_name names[ACT_NAMES];
};

extern const struct act acts[];
extern const size_t act_count;

/* Makes the empty folder `world->root` what it is before the act and forgets what the log knew.
 * Ends the process with a message when it cannot. */
void act_prepare(struct act_world *world);
/* Opens the node, does the act (again), closes it. */
enum wb_rc act_run(struct act_world *world, struct wb_err *err) WB_MUST_USE;
/* Whether the name holds the whole file, mode and time included; letter 0: nothing. */
bool act_name_is(const struct act_world *world, const char *path, char letter);
/* Discards whatever nobody knows of; false when anything but the marker is left. */
bool act_sweeps_clean(struct act_world *world);
/* Another file, letter `s`, takes the place of the act's first name at once. */
void act_stranger_comes(const struct act_world *world);
/* Removes all below the folder and the folder itself. */
void act_remove_tree(const char *path);

#endif

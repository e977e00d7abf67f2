/* A place for one process of a stage on this machine: a folder for local state and a name that
 * outlives the process. Who is killed and started again gets the same name, so that its group gives
 * it back its partitions at once and its hanging transaction is fenced at once; two processes that
 * run at the same time never get the same one. */
#ifndef WB_STAGE_SLOT_H
#define WB_STAGE_SLOT_H

#include "core/base/config.h"

enum { WB_SLOT_FOLDER_MAX = 512, WB_SLOT_NAME_MAX = 128 };

struct wb_slot {
    char folder[WB_SLOT_FOLDER_MAX]; /* ours alone while the slot is held */
    char name[WB_SLOT_NAME_MAX];     /* unique everywhere: "planner-0-<random>" */
    int lock_fd;
};

/* Takes the first free slot of `stage` below state_dir/<prefix>-<cluster>/; the lock goes with the
 * process. Asks the cluster for its id: UNREACHABLE without one. */
enum wb_rc wb_slot_take(const struct wb_config *config, const char *stage, struct wb_slot *ret,
                        struct wb_err *err) WB_MUST_USE;
void wb_slot_release(struct wb_slot *slot);

#endif

/* Watching a tree of a file-system node: an event for each file that is written or goes, none
 * missed whatever happens to the process or to the kernel's queue. */
#ifndef WB_PRODUCER_WATCH_H
#define WB_PRODUCER_WATCH_H

#include "core/stage/service.h"

struct wb_watch_target {
    const char *node;
    struct wb_span prefix; /* below the node's root; empty: all */
    int64_t quiet_ms;      /* a file nobody closed is published when it was left alone so long */
};

/* A stage whose env.arg is a struct wb_watch_target: copy it and set .arg. */
extern const struct wb_stage_ops wb_watch_stage;

/* One scan: publishes what changed since the last one and waits until the log has it. `ret_sent`
 * counts the events. */
enum wb_rc wb_watch_once(const struct wb_stage_env *env, int64_t *ret_sent,
                         struct wb_err *err) WB_MUST_USE;

#endif

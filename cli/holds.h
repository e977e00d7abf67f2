/* What holds work up: nodes that are sick or drained, and nodes, links, rules and files that an
 * operator paused. No job in the log says so itself; whoever shows jobs lays this over them. */
#ifndef WB_CLI_HOLDS_H
#define WB_CLI_HOLDS_H

#include "core/stage/registry.h"

/* A waiting job that fits source, target, rule and path is parked. */
struct wb_hold {
    const char *source; /* NULL: any */
    const char *target;
    const char *rule;
    struct wb_span path; /* empty: any */
    bool parks;          /* false: it only slows down */
    const char *what;    /* "b", "link", "rule all", "file" */
    const char *state;   /* "sick", "degraded", "draining", "paused" */
    const char *reason;  /* may be "" */
    int64_t since_ms;
};

struct wb_holds {
    struct wb_hold *items;
    size_t count;
};

/* In the arena. */
void wb_holds_load(struct wb_registry *registry, struct wb_arena *arena, struct wb_holds *ret);

/* The jobs that a scope ("node/b", "link/a/b", "rule/all", "file/a:raw/x") names, as one hold or,
 * for a node, two. Returns their number, 0 for what is no scope. */
size_t wb_hold_of_scope(const char *scope, struct wb_arena *arena, struct wb_hold ret[2]);

/* Whether a job is among those of the hold, waiting or not. */
bool wb_hold_covers(const struct wb_hold *hold, const struct wb_job *job);

/* "dc2 sick 5m: connection refused" in `out`; without the time when `now_ms` is 0. Returns `out`.
 */
const char *wb_hold_text(const struct wb_hold *hold, int64_t now_ms, char *out, size_t size);

#endif

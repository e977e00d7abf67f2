/* How a node does, by its two sides: as a source, and as a target. Pure: outcomes, probes and time
 * in; state, window and what is excused out.
 *
 *   up    -> sick:     failures in a row
 *   sick  -> trial:    probes pass, the hold is over
 *   trial -> up:       the window is full again
 *   trial -> sick:     one failure; held twice as long
 *   up   <-> degraded: slow, throttled, a few failures
 *
 * A sick side takes no work. A trial lets a trickle through, and doubles its window with each
 * success. Otherwise the window grows by one with each full window of successes and is halved by
 * failures and slowness, at most once in CUT_EVERY_MS. */
#ifndef WB_PLANNER_HEALTH_H
#define WB_PLANNER_HEALTH_H

#include "core/wire/records.h"

enum wb_side { WB_SIDE_SOURCE, WB_SIDE_TARGET, WB_SIDE_COUNT };

/* From the settings. */
struct wb_health_policy {
    int32_t sick_after;    /* failures in a row */
    int32_t recover_after; /* probes passed in a row */
    int32_t slow_factor;
    int64_t probe_every_ms;
    int64_t hold_least_ms;
    int64_t hold_most_ms;
    int64_t min_free_bytes;
    int32_t window_least; /* tasks */
    int32_t window_most;
};

enum { WB_LATENCY_BUCKETS = 28 };

/* Durations of late, in buckets of powers of two (ms); old ones fade. */
struct wb_latency {
    uint32_t count[WB_LATENCY_BUCKETS];
    uint32_t total;
    int64_t usual_us; /* slow and quick moving averages */
    int64_t recent_us;
};

struct wb_side_state {
    enum wb_node_state state; /* UP, DEGRADED, SICK */
    bool trial;
    int64_t since_ms;
    struct wb_err error; /* last one that counted against the node */
    int32_t failures;    /* in a row */
    int32_t passes;      /* probes, in a row, while sick */
    int32_t relapses;
    int64_t hold_until_ms; /* no work before */
    int64_t ok_ms;         /* when the last success ended */
    int64_t probe_due_ms;
    int64_t probed_ms;    /* when the last probe was given out */
    int64_t window_milli; /* tasks, in thousandths */
    int64_t cut_ms;
    struct wb_latency latency;
};

/* What a change of a side is told by: static texts for logs and metrics, NULL when nothing did. */
struct wb_health_change {
    const char *state; /* "sick", "recovering", "up", "degraded" */
    const char
        *window; /* why the window was cut or opened: "failure", "slow", "sick", "recovery" */
};

/* Up, with a full window, to be probed soon; or as a former planner left it. */
void wb_side_init(struct wb_side_state *side, const struct wb_health_policy *policy,
                  const struct wb_side_health *known, int64_t now_ms);

/* An operation that ended at `now_ms`: `err` NULL for a success, `took_ms` -1 when its time says
 * nothing of the node. Only errors of classes that a node can have as a whole count. */
struct wb_health_change wb_side_outcome(struct wb_side_state *side,
                                        const struct wb_health_policy *policy,
                                        const struct wb_err *err, int64_t took_ms, int64_t now_ms);
/* An answer to a probe; `free_bytes` -1: not known. */
struct wb_health_change wb_side_probed(struct wb_side_state *side,
                                       const struct wb_health_policy *policy,
                                       const struct wb_err *err, int64_t free_bytes,
                                       int64_t took_ms, int64_t now_ms);

/* A probe is to be given out now; sets when the next one is. */
bool wb_side_probe_due(struct wb_side_state *side, const struct wb_health_policy *policy,
                       int64_t now_ms);

/* May take work now. */
bool wb_side_open(const struct wb_side_state *side, int64_t now_ms);
/* Whether a failure of an operation that began at `begun_ms` is the node's and not the file's: of a
 * class that a node can have, and the node is sick, or was when it began. What makes it sick is
 * excused as well: ask before and after _outcome. A file that fails on trial is tried itself: else
 * one that always fails would keep its node sick for ever. */
bool wb_side_excuses(const struct wb_side_state *side, const struct wb_err *err, int64_t begun_ms);
/* Tasks that may be in flight; at least 1 while it is open. */
int64_t wb_side_window(const struct wb_side_state *side, const struct wb_health_policy *policy);
/* Milliseconds below which `percent` of the operations of late stayed; -1: none. */
int64_t wb_latency_at(const struct wb_latency *latency, int percent);
/* Why it is not simply up, for people; "" when it is. */
const char *wb_side_reason(const struct wb_side_state *side);

#endif

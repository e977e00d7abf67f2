/* The shell around the planner's core: between its files only.
 *
 * A *turn* takes a batch of records and timers, steps the links that they concern in memory, and
 * then puts everything that came of it into the log in one transaction together with the offsets
 * consumed. The ledger is committed after the log. If the log refuses, the turn never happened. */
#ifndef WB_PLANNER_SHELL_H
#define WB_PLANNER_SHELL_H

#include "core/base/map.h"
#include "core/stage/registry.h"
#include "core/stage/service.h"
#include "core/stage/slot.h"
#include "core/wire/codec.h"
#include "core/wire/log.h"
#include "planner/ledger.h"
#include "planner/mime.h"
#include "planner/rules.h"

enum { WB_INPUTS = 3, WB_TOPIC_TEXT = 256 };

/* What is known of one home partition while it is ours. */
struct wb_part {
    bool ours;
    struct wb_ledger *ledger;
    bool touched;             /* its ledger has changes of this turn */
    int64_t begun[WB_INPUTS]; /* where this turn began, by input topic; -1: from the start */
    int64_t next[WB_INPUTS];  /* next to consume */
    int64_t written[2];       /* jobs, replicas: one past what this turn wrote; 0: nothing */
};

/* A link in memory for one turn. */
struct wb_loaded {
    struct wb_link link;
    struct wb_part *part;
    struct wb_policy policy;
    enum wb_standing standing; /* as it counts now */
    enum wb_lane lane;
    struct wb_loaded *next; /* of this turn, in order */
};

/* Jobs of one target, all partitions of ours together. */
struct wb_load {
    char target[64];
    int64_t count[WB_LANE_COUNT][WB_STANDING_COUNT];
};

/* A record that leaves as it came: sent home, or to dead. */
struct wb_passed {
    struct wb_message message;
    bool dead;
    struct wb_err why;
    int32_t home;
    struct wb_passed *next;
};

struct wb_planner_metrics {
    struct wb_metric *events;
    struct wb_metric *unmatched;
    struct wb_metric *ignored;
    struct wb_metric *forwarded;
    struct wb_metric *unreadable;
    struct wb_metric *ended[WB_END_DEAD + 1];
    struct wb_metric *aborts;
    struct wb_metric *turn_seconds;
    struct wb_metric *in_flight;
    struct wb_metric *waiting;
    struct wb_metric *rules;
};

struct wb_shell {
    const struct wb_stage_env *env;
    struct wb_slot slot;
    struct wb_registry *registry;
    struct wb_codec *codec;
    struct wb_consumer *consumer;
    struct wb_producer *producer;
    struct wb_mime *mime;
    char topics[WB_TOPIC_COUNT][WB_TOPIC_TEXT];
    int32_t partitions;
    struct wb_part *parts; /* by number */
    int32_t ours;

    /* nodes and rules as of `generation` */
    struct wb_arena *catalog;
    uint64_t generation;
    struct wb_rule **rules;
    size_t rule_count;
    struct wb_policy defaults;
    int64_t registry_due_ms;

    struct wb_map *loads; /* target -> struct wb_load */

    /* this turn */
    struct wb_arena *arena;
    struct wb_map *links; /* key -> struct wb_loaded */
    struct wb_loaded *first_link;
    struct wb_loaded **last_link;
    size_t link_count;
    struct wb_outbox outbox;
    struct wb_passed *first_passed;
    struct wb_passed **last_passed;
    size_t consumed;
    bool caught_up; /* rules are those of before the turn's first event, or newer */
    size_t consumed_bytes;
    int64_t now_ms;
    uint32_t next_task_partition;

    struct wb_planner_metrics metrics;
};

static inline const struct wb_config *wb_shell_config(const struct wb_shell *shell)
{
    return shell->env->config;
}

/* ---- links.c ---- */

/* Empties the turn. */
void wb_turn_reset(struct wb_shell *shell);
/* The link of a file and a target, from the ledger when it is not in memory yet. Its policy is that
 * of `route`, or of the rules as they are now when NULL. */
enum wb_rc wb_link_load(struct wb_shell *shell, struct wb_part *part, const char *target,
                        const char *source, struct wb_span path, const struct wb_policy *policy,
                        struct wb_loaded **ret, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_link_load_key(struct wb_shell *shell, struct wb_part *part, struct wb_span key,
                            struct wb_loaded **ret, struct wb_err *err) WB_MUST_USE;
/* One step of the core, counted; what is ready and has room is given out at once. */
void wb_link_step(struct wb_shell *shell, struct wb_loaded *loaded, struct wb_input *input);
/* How many more jobs of a target and lane may be in flight. */
int64_t wb_load_room(struct wb_shell *shell, const char *target, enum wb_lane lane);
/* Counts anew from the ledgers: after a rollback or when partitions came or went. */
enum wb_rc wb_loads_count(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;

/* ---- intake.c: records in ---- */

/* Takes one record of an input topic into the turn; borrows it. */
enum wb_rc wb_intake(struct wb_shell *shell, const struct wb_message *message,
                     struct wb_err *err) WB_MUST_USE;

/* ---- dispatch.c: time ---- */

/* Overdue answers, and jobs that wait and for which there is room. */
enum wb_rc wb_dispatch(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;

/* ---- flush.c: records out ---- */

/* Whether the turn has anything for the log. */
bool wb_flush_needed(const struct wb_shell *shell);
/* One transaction. On WB_ERROR the turn must be undone. */
enum wb_rc wb_flush(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;
/* Callback of the producer: notes the places of changelog records. */
void wb_flush_delivered(void *arg, uint64_t ticket, const char *topic, int32_t partition,
                        int64_t offset, const struct wb_err *err);

/* ---- restore.c ---- */

/* Opens the ledgers of partitions that became ours and brings them up to date with the log. */
enum wb_rc wb_restore(struct wb_shell *shell, const int32_t *partitions, size_t count,
                      struct wb_err *err) WB_MUST_USE;

/* ---- catalog.c ---- */

/* Takes in changes of nodes and rules. */
enum wb_rc wb_catalog_poll(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;
/* The same up to what the log holds now. */
enum wb_rc wb_catalog_catch_up(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;
/* The policy of a file's way to a target by the rules as they are; defaults when none matches. */
struct wb_policy wb_catalog_policy(struct wb_shell *shell, const char *target, const char *source,
                                   struct wb_span path);

#endif

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
#include "planner/health.h"
#include "planner/ledger.h"
#include "planner/mime.h"
#include "planner/rules.h"

enum { WB_INPUTS = 3, WB_TOPIC_TEXT = 256, WB_ENTROPY = 64, WB_TURN_ARENA = 1024 * 1024 * 1024 };

/* What is known of one home partition while it is ours. */
struct wb_part {
    bool ours;
    struct wb_ledger *ledger;
    bool compared; /* nothing is left to reconcile */
    bool replicas; /* jobs have been compared, replicas are */
    struct wb_ledger_place walk;
    int64_t begun[WB_INPUTS]; /* where this turn began, by input topic; -1: from the start */
    int64_t next[WB_INPUTS];  /* next to consume */
    int64_t written[2];       /* jobs, replicas: one past what this turn wrote; 0: nothing */
};

/* A link in memory for one turn. */
struct wb_loaded {
    struct wb_link link;
    struct wb_part *part;
    struct wb_policy policy;
    struct wb_ledger_known known; /* before the turn */
    enum wb_standing standing;    /* as it counts now */
    enum wb_lane lane;
    struct wb_queue *queue;
    int64_t bytes;
    struct wb_loaded *next; /* of this turn, in order */
};

/* A node as the planner sees it. */
struct wb_node_view {
    char name[64];
    struct wb_side_state side[WB_SIDE_COUNT];
    struct wb_side_state before[WB_SIDE_COUNT]; /* as they were when turn `turn` began */
    uint64_t turn;
    bool needed[WB_SIDE_COUNT]; /* rules read from it, write to it */
    bool held;                  /* draining or paused */
    int64_t free_bytes;
    char marker[64];
    int64_t flight[WB_SIDE_COUNT][WB_LANE_COUNT]; /* jobs */
    int64_t flight_bytes[WB_SIDE_COUNT][WB_LANE_COUNT];
    bool changed; /* worth a record */
    int64_t told_ms;
    struct wb_metric *window[WB_SIDE_COUNT];
    struct wb_metric *state[WB_SIDE_COUNT];
};

/* Jobs of one queue (ledger.h), all partitions of ours together. */
struct wb_queue {
    char name[WB_QUEUE_TEXT];
    char rule[64];
    int32_t priority;
    int32_t weight;
    bool held; /* its rule or link is paused */
    struct wb_node_view *source;
    struct wb_node_view *target;
    int64_t count[WB_LANE_COUNT][WB_STANDING_COUNT];
    int64_t credit[WB_LANE_COUNT]; /* jobs that it may give out before others of its target */
    struct wb_ledger_place others; /* where the search for other sources goes on */
    int32_t others_at;             /* partition and lane of it */
    int64_t others_due_ms;
};

/* What an operator holds up or calls off, as a pattern over links. */
struct wb_hold {
    const char *node;   /* of `node/…` */
    const char *source; /* of `link/…` and `file/…` */
    const char *target;
    const char *rule;
    struct wb_span path; /* data NULL: any */
    int64_t until_ms;    /* of a cancel */
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
    struct wb_metric *first_proof[WB_STRATEGY_STREAMING + 1];
    struct wb_metric *publish_gap[WB_STRATEGY_STREAMING + 1];
    struct wb_metric *aborts;
    struct wb_metric *turn_seconds;
    struct wb_metric *in_flight;
    struct wb_metric *waiting;
    struct wb_metric *parked;
    struct wb_metric *rules;
};

struct wb_shell {
    const struct wb_stage_env *env;
    struct wb_slot slot;
    struct wb_registry *registry;
    struct wb_codec *codec;
    struct wb_consumer *consumer;
    struct wb_producer *producer;
    struct wb_producer *teller; /* of nodes' health, which is no part of a turn */
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
    struct wb_health_policy health;
    struct wb_config *settings; /* the configuration with the log's settings over it */
    struct wb_hold *pauses;
    size_t pause_count;
    struct wb_hold *cancels;
    size_t cancel_count;
    uint64_t demands; /* digest of rules and cancels: what links must exist */
    int64_t registry_due_ms;

    struct wb_map *queues; /* name -> struct wb_queue */
    struct wb_map *nodes;  /* name -> struct wb_node_view */
    int64_t answered_ms;   /* latest begin of what transfer reported: workers are there */
    int64_t judged_ms;     /* the same of the verifier */

    /* this turn */
    uint64_t turn; /* its number, from 1 */
    struct wb_arena *arena;
    struct wb_map *links; /* key -> struct wb_loaded */
    struct wb_loaded *first_link;
    struct wb_loaded **last_link;
    size_t link_count;
    struct wb_outbox outbox;
    struct wb_passed *first_passed;
    struct wb_passed **last_passed;
    bool bare_letters; /* the log refused a letter for its size: this turn's go without the bytes */
    size_t consumed;
    bool caught_up; /* rules are those of before the turn's first event, or newer */
    size_t consumed_bytes;
    int64_t now_ms;
    uint32_t next_task_partition;
    struct wb_buf value;          /* one encoded record */
    uint64_t entropy[WB_ENTROPY]; /* random numbers, drawn in advance */
    size_t entropy_left;

    struct wb_planner_metrics metrics;
};

static inline const struct wb_config *wb_shell_config(const struct wb_shell *shell)
{
    return shell->settings ? shell->settings : shell->env->config;
}

/* With half of its memory used a turn takes nothing on any more; the rest is for the next one. */
static inline bool wb_turn_is_heavy(const struct wb_shell *shell)
{
    return wb_arena_left(shell->arena) < WB_TURN_ARENA / 2;
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
/* Whether a job that waits stands in that lane. The rules may have sent it to the other one since
 * it was saved: it is counted there from now on. */
bool wb_link_stands_in(struct wb_shell *shell, struct wb_loaded *loaded, enum wb_lane lane);
/* One step of the core, counted; what is ready and has room is given out at once. A job that is to
 * be given out but that nobody wants any more is called off, one that is paused put off. */
enum wb_rc wb_link_step(struct wb_shell *shell, struct wb_loaded *loaded, struct wb_input *input,
                        struct wb_err *err) WB_MUST_USE;
/* A proved replica of the link's file on another node, in the arena; NULL: none. With `node` that
 * of this node, else one whose node can be read now. */
enum wb_rc wb_link_other(struct wb_shell *shell, const struct wb_loaded *loaded, const char *node,
                         const struct wb_replica **ret, struct wb_err *err) WB_MUST_USE;

/* ---- queues.c ---- */

/* By its name, made when it is new; lives until the queues are counted anew. */
struct wb_queue *wb_queue_of(struct wb_shell *shell, const char *name);
/* Takes a link's job out of the counts and puts it in again as it is now. */
void wb_queue_recount(struct wb_shell *shell, struct wb_loaded *loaded);
/* How many more jobs of a queue and lane may be in flight; 0 while it is held up. */
int64_t wb_queue_room(struct wb_shell *shell, const struct wb_queue *queue, enum wb_lane lane);
/* The same for one side of a node alone. */
int64_t wb_side_room(const struct wb_shell *shell, const struct wb_node_view *node,
                     enum wb_side side, enum wb_lane lane);
/* Counts anew from the ledgers: after a rollback or when partitions came or went. */
enum wb_rc wb_queues_count(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;
/* Rules, pauses and weights changed. */
void wb_queues_refresh(struct wb_shell *shell);

/* ---- nodes.c ---- */

/* By its name, made when it is new; lives as long as the shell. */
struct wb_node_view *wb_node_view_of(struct wb_shell *shell, const char *name);
/* Definitions, rules, pauses or settings changed. */
void wb_nodes_refresh(struct wb_shell *shell);
/* Takes a result of a report into the health of the nodes that it used; true when its failure is a
 * node's and not the file's. `before`: the result of the report that was taken before it, NULL for
 * the first. */
bool wb_nodes_outcome(struct wb_shell *shell, const struct wb_report *report,
                      const struct wb_result *result, const struct wb_result *before,
                      enum wb_input_kind kind);
/* The answer to a probe. */
void wb_nodes_probed(struct wb_shell *shell, const struct wb_report *report);
/* What this turn was told of nodes will be told again. */
void wb_nodes_undo(struct wb_shell *shell);
/* Gives out the probes that are due. */
void wb_nodes_probe(struct wb_shell *shell);
/* Sends the records of nodes whose home is ours and that changed; no part of the transaction, which
 * would hide the topic's other records while it is open. */
enum wb_rc wb_nodes_tell(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;

/* ---- holds.c ---- */

/* What is paused and called off now; in the catalog's arena. */
void wb_holds_compile(struct wb_shell *shell);
/* `rule` is that of the job. */
bool wb_hold_matches(const struct wb_hold *hold, const struct wb_link *link, const char *rule);
/* A file of its own is paused. */
bool wb_link_is_paused(const struct wb_shell *shell, const struct wb_loaded *loaded);
/* When the latest cancel that concerns the link was said; 0: never. */
int64_t wb_link_cancelled_ms(const struct wb_shell *shell, const struct wb_loaded *loaded);

/* ---- reconcile.c ---- */

/* Compares what the ledgers hold with what rules and cancels demand, a part a turn: jobs that
 * nobody wants any more are called off, files that a new rule or node must have are asked for. */
enum wb_rc wb_reconcile(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;

/* ---- intake.c: records in ---- */

/* Takes one record of an input topic into the turn; borrows it. */
enum wb_rc wb_intake(struct wb_shell *shell, const struct wb_message *message,
                     struct wb_err *err) WB_MUST_USE;

/* ---- dispatch.c: time ---- */

/* Overdue answers, and jobs that wait and for which there is room. */
enum wb_rc wb_dispatch(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;

/* ---- flush.c: records out ---- */

/* One record into the turn's transaction. */
enum wb_rc wb_shell_send(struct wb_shell *shell, enum wb_topic topic, int32_t partition,
                         struct wb_span key, enum wb_record_type type, const void *record,
                         struct wb_err *err) WB_MUST_USE;
/* Whether the turn has anything for the log. */
bool wb_flush_needed(const struct wb_shell *shell);
/* One transaction. On WB_ERROR the turn must be undone. */
enum wb_rc wb_flush(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;
/* The ledgers take on what the turn changed; after _flush, and in turns without one. */
enum wb_rc wb_flush_ledgers(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;
/* Callback of the producer: notes the places of changelog records. */
void wb_flush_delivered(void *arg, uint64_t ticket, const char *topic, int32_t partition,
                        int64_t offset, const struct wb_err *err);

/* ---- restore.c ---- */

/* Opens the ledgers of partitions that became ours and brings them up to date with the log. */
enum wb_rc wb_restore(struct wb_shell *shell, const int32_t *partitions, size_t count,
                      struct wb_err *err) WB_MUST_USE;
/* Takes the turn's changes out of the ledgers, and reads what was not saved from the log again. */
enum wb_rc wb_restore_undone(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;

/* ---- catalog.c ---- */

/* Takes in changes of nodes and rules. */
enum wb_rc wb_catalog_poll(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;
/* The same up to what the log holds now. */
enum wb_rc wb_catalog_catch_up(struct wb_shell *shell, struct wb_err *err) WB_MUST_USE;
/* Partitions that were not compared with the present demands are compared from the start. */
void wb_catalog_compare(struct wb_shell *shell);
/* The policy of a file's way to a target by the rules as they are; defaults when none matches. */
struct wb_policy wb_catalog_policy(struct wb_shell *shell, const char *target, const char *source,
                                   struct wb_span path);

#endif

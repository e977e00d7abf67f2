/* The planner's core: a pure state machine. It knows no Kafka, storage, clock or randomness: time
 * and entropy come with each input, outputs go into an outbox, and memory into an arena that lives
 * for one turn of the shell.
 *
 * A *link* is one file on its way to one target: the job in flight (if any) and what is proved
 * there (if anything). A step takes one input for one link, changes the link in place, and says
 * what to send. docs/ARCHITECTURE.md draws the states. */
#ifndef WB_PLANNER_PLAN_H
#define WB_PLANNER_PLAN_H

#include "core/wire/records.h"

/* How files of one link are treated: the rules that match, merged with the configuration. */
struct wb_policy {
    const char *rule;          /* name of the first rule that matches; "" when none does now */
    enum wb_strategy strategy; /* AUTO or forced */
    struct wb_options options;
    bool deletes;
    int32_t priority;
    int32_t max_attempts;
    int64_t backoff_least_ms;
    int64_t backoff_most_ms;
    int64_t batch_below_bytes;
    int64_t direct_below_bytes;
    int64_t chunk_bytes;
    int64_t deadline_ms; /* an answer to a task is due by then */
    int32_t lost_most;   /* tasks in a row without an answer, then dead */
};

/* The link's dirty flags tell the shell what to write to the changelog and the ledger. */
struct wb_link {
    struct wb_span key; /* of jobs and replicas: target/source:path */
    const char *source;
    const char *target;
    struct wb_span path;
    int32_t partition;
    struct wb_job *job;         /* NULL: nothing in flight */
    struct wb_replica *replica; /* NULL: never ended */
    bool job_dirty;
    bool replica_dirty;
};

enum wb_input_kind {
    WB_INPUT_EVENT,   /* `event`: look at this file */
    WB_INPUT_GIVE,    /* the window has room: a WAITING job that is due may be given out */
    WB_INPUT_REPORT,  /* transfer's answer: `op`, `result` */
    WB_INPUT_VERDICT, /* verifier's answer: `op`, `result` */
    WB_INPUT_TIMER,   /* the job's `due_ms` has passed without an answer */
    WB_INPUT_CANCEL,  /* nobody wants what was accepted before `until_ms` */
    WB_INPUT_DEFER,   /* a WAITING job is not to be given out before `until_ms` */
    WB_INPUT_KIND_COUNT
};

struct wb_input {
    enum wb_input_kind kind;
    int64_t now_ms;
    uint64_t entropy; /* fresh random bits */
    const struct wb_event_ref *event;
    enum wb_op op;
    const struct wb_result *result;
    const char *from; /* REPORT, VERDICT: the node that was read instead of the source, or "" */
    bool excused;     /* a failure is a node's or the workers', not the file's: not counted */
    /* A proved replica of this file on another node: that of `from` where one was read, else any
     * that could be; NULL: none. */
    const struct wb_replica *other;
    int64_t until_ms;
    enum wb_end cancel_end; /* SUPERSEDED or DEAD */
    const char *reason;
};

/* One file of a task to be; the shell groups them into tasks. */
struct wb_intent {
    enum wb_op op;
    int32_t partition;
    const char *source;
    const char *from; /* "": the source itself is read */
    const char *target;
    struct wb_options options;
    int64_t max_file_bytes;
    int64_t not_after_ms;
    bool alone;    /* a task of its own: large files, ranges */
    int64_t bytes; /* to be moved, as far as known */
    struct wb_task_file file;
    struct wb_intent *next;
};

/* What a step wants sent; lists in order, all in the arena. */
struct wb_outbox {
    struct wb_arena *arena;
    struct wb_intent *first_intent;
    struct wb_intent **last_intent;
    size_t intent_count;
    struct wb_ended *first_ended;
    struct wb_ended **last_ended;
};

/* A link whose newest event ended: for chains, dead letters and metrics. */
struct wb_ended {
    const struct wb_link *link;
    const struct wb_replica *replica;
    struct wb_ended *next;
};

/* Empties it; what it will hold lives in the arena. */
void wb_outbox_init(struct wb_outbox *outbox, struct wb_arena *arena);
/* Appends an intent of `op`, all texts empty. */
struct wb_intent *wb_outbox_add(struct wb_outbox *outbox, enum wb_op op);

/* One step. Inputs that do not concern the link's present job (late, duplicated, of an older job)
 * change nothing but may ask for the discard of a stray instance. Everything that the link points
 * at afterwards lives in the arena or in what the input points at. */
void wb_plan_step(const struct wb_policy *policy, struct wb_link *link,
                  const struct wb_input *input, struct wb_outbox *outbox);

/* Whether a replica holds the version that the link's job is about, so that it may be read instead
 * of the source. */
bool wb_plan_other_fits(const struct wb_link *link, const struct wb_replica *other);

/* Small files travel in batches, large ones alone: each kind has a lane of its own, so that neither
 * holds up the other. */
enum wb_lane { WB_LANE_SMALL, WB_LANE_LARGE, WB_LANE_COUNT };

/* By the strategy that the job would get now. */
enum wb_lane wb_plan_lane(const struct wb_policy *policy, const struct wb_job *job);

/* What it has in flight at once, as far as known; 0: not known, or nothing. */
int64_t wb_plan_bytes(const struct wb_job *job);

/* Every move that there is from one state to another; UNKNOWN: before the first. Drawn in
 * docs/ARCHITECTURE.md. */
bool wb_plan_may_move(enum wb_job_state from, enum wb_job_state to);

/* True for the states in which a job counts against the window of its nodes. */
bool wb_plan_in_flight(enum wb_job_state state);

/* What a strategy was chosen for, for people; static texts. `mime` "" when not known, `size_bytes`
 * -1 when not known (then AUTO gives BATCH: the copy reports larger files back unread). */
enum wb_strategy wb_plan_strategy(const struct wb_policy *policy, int64_t size_bytes,
                                  const char *mime, const char **ret_reason);

/* Size of the ranges of a file: at least `policy->chunk_bytes`, at most 10,000 ranges. */
int64_t wb_plan_chunk_bytes(const struct wb_policy *policy, int64_t size_bytes);

/* Exponential with full jitter: uniform in [0, min(most, least * 2^attempt)], at least 1 ms. */
int64_t wb_plan_backoff_ms(int64_t least_ms, int64_t most_ms, int32_t attempt, uint64_t entropy);

#endif

/* What is asked of transfer: task files for the outbox. */
#include "planner/plan_parts.h"

void wb_outbox_init(struct wb_outbox *outbox, struct wb_arena *arena)
{
    *outbox = (struct wb_outbox){.arena = arena};
    outbox->last_intent = &outbox->first_intent;
    outbox->last_ended = &outbox->first_ended;
}

static int64_t deadline(const struct wb_step *step)
{
    return step->input->now_ms + step->policy->deadline_ms;
}

struct wb_intent *wb_outbox_add(struct wb_outbox *outbox, enum wb_op op)
{
    struct wb_intent *intent = wb_arena_alloc(outbox->arena, sizeof(*intent));
    intent->op = op;
    intent->source = intent->target = intent->from = "";
    intent->file.job = intent->file.instance = intent->file.tag = intent->file.replaces = "";
    *outbox->last_intent = intent;
    outbox->last_intent = &intent->next;
    outbox->intent_count++;
    return intent;
}

static struct wb_intent *append(struct wb_step *step, enum wb_op op)
{
    struct wb_intent *intent = wb_outbox_add(step->outbox, op);
    intent->partition = step->link->partition;
    intent->source = step->link->source;
    intent->target = step->link->target;
    intent->not_after_ms = deadline(step);
    intent->file.path = step->link->path;
    return intent;
}

const char *wb_tag_of_ours(const struct wb_step *step)
{
    if (*step->job->landed)
        return step->job->landed;
    return step->link->replica ? step->link->replica->tag : "";
}

struct wb_intent *wb_give(struct wb_step *step, enum wb_op op)
{
    struct wb_intent *intent = append(step, op);
    intent->options = step->job->options;
    intent->from = step->job->from;
    intent->alone = step->job->unanswered > 0; /* what ends its worker ends nobody else's copy */
    intent->file.job = step->job->id;
    intent->file.attempt = step->job->attempt;
    return intent;
}

/* Names of instances are never used again, so a discard is right at any time. */
void wb_give_discard(struct wb_step *step, const char *instance)
{
    struct wb_intent *intent = append(step, WB_OP_DISCARD);
    intent->file.instance = instance;
    intent->not_after_ms = 0;
}

void wb_drop_instance(struct wb_step *step)
{
    struct wb_job *job = step->job;
    if (*job->instance)
        wb_give_discard(step, job->instance);
    job->instance = job->tag = "";
    job->digests = job->given = wb_span_of(NULL, 0);
    job->range_tags = NULL;
    job->range_tag_count = 0;
    job->chunk_bytes = 0;
    job->first_proved_ms = job->copied_ms = 0;
    step->link->job_dirty = true;
}

void wb_give_fences(struct wb_step *step)
{
    const struct wb_job *job = step->job;
    for (size_t i = 0; i < job->fence_count; i++) {
        struct wb_intent *intent = wb_give(step, WB_OP_DISCARD);
        intent->file.instance = job->fences[i];
        intent->file.tag = i < job->fence_tag_count ? job->fence_tags[i] : "";
        intent->not_after_ms = 0;
    }
    wb_job_move(step, WB_JOB_FENCING, deadline(step));
}

void wb_give_publish(struct wb_step *step)
{
    struct wb_job *job = step->job;
    struct wb_intent *intent = wb_give(step, WB_OP_PUBLISH);
    intent->file.instance = job->instance;
    intent->file.tag = job->tag;
    intent->file.version = job->version;
    intent->alone |= job->strategy != WB_STRATEGY_BATCH;
    intent->file.replaces = wb_tag_of_ours(step);
    wb_job_move(step, WB_JOB_PUBLISHING, deadline(step));
}

static void give_delete(struct wb_step *step)
{
    struct wb_intent *intent = wb_give(step, WB_OP_DELETE);
    intent->file.tag = wb_tag_of_ours(step);
    wb_job_move(step, WB_JOB_DELETING, deadline(step));
}

static int64_t known_size(const struct wb_job *job)
{
    return job->version ? job->version->size_bytes : job->event.claim.size_bytes;
}

/* Workers that are slower than this are taken for gone. */
int64_t wb_whole_due_ms(const struct wb_step *step, int64_t allowed_ms)
{
    enum { BYTES_PER_MS = 4096 };
    int64_t size = known_size(step->job);
    return step->input->now_ms + allowed_ms + (size > 0 ? size / BYTES_PER_MS : 0);
}

/* What is proved counts only when the digest that the event claims was proved with it. */
static bool proof_fits_claim(const struct wb_replica *replica, const struct wb_event_ref *event)
{
    return replica && replica->version &&
           (event->sha256.len == 0 || wb_span_eq(event->sha256, replica->sha256));
}

static void fill_copy(struct wb_step *step, struct wb_intent *intent)
{
    const struct wb_job *job = step->job;
    const struct wb_replica *replica = step->link->replica;
    intent->file.version = wb_version_copy(step->arena, &job->event.claim);
    intent->file.sha256 = job->event.sha256;
    intent->file.fresh = job->fresh;
    intent->file.replaces = wb_tag_of_ours(step);
    if (proof_fits_claim(replica, &job->event)) {
        intent->file.known = replica->version;
        intent->file.tag = replica->tag;
    }
    intent->bytes = known_size(job) > 0 ? known_size(job) : 0;
}

static bool has_no_ranges(const struct wb_job *job)
{
    return job->whole || (job->version && job->version->kind != WB_FILE_REGULAR);
}

static void give_copy(struct wb_step *step, enum wb_strategy strategy)
{
    const struct wb_policy *policy = step->policy;
    bool forced = policy->strategy == strategy;
    bool batch = strategy == WB_STRATEGY_BATCH;
    struct wb_intent *intent = wb_give(step, WB_OP_COPY);
    fill_copy(step, intent);
    intent->alone |= !batch;
    /* A medium file may grow somewhat on the way; a forced strategy takes what comes. */
    intent->max_file_bytes = batch ? policy->batch_below_bytes - 1 : 2 * policy->direct_below_bytes;
    if (forced || has_no_ranges(step->job))
        intent->max_file_bytes = INT64_MAX;
    wb_job_move(step, WB_JOB_COPYING, wb_whole_due_ms(step, policy->deadline_ms));
}

static void give_open(struct wb_step *step)
{
    struct wb_intent *intent = wb_give(step, WB_OP_OPEN);
    fill_copy(step, intent);
    intent->alone = true;
    wb_job_move(step, WB_JOB_OPENING, deadline(step));
}

static void give_probe(struct wb_step *step)
{
    wb_give(step, WB_OP_PROBE);
    step->job->reason = "the name does not tell what it is";
    wb_job_move(step, WB_JOB_PROBING, deadline(step));
}

/* Only content can tell whether a larger file without a telling name is media. */
static bool needs_probe(const struct wb_step *step)
{
    const struct wb_policy *policy = step->policy;
    bool chooses = policy->strategy == WB_STRATEGY_AUTO || policy->strategy == WB_STRATEGY_UNKNOWN;
    return chooses && !step->job->whole && !*step->job->mime &&
           known_size(step->job) >= policy->batch_below_bytes;
}

/* A chunked or streaming copy needs to know the size before it opens the instance. */
static bool needs_size(const struct wb_step *step)
{
    enum wb_strategy asked = step->policy->strategy;
    return (asked == WB_STRATEGY_CHUNKED || asked == WB_STRATEGY_STREAMING) &&
           known_size(step->job) < 0;
}

static void give_written(struct wb_step *step)
{
    struct wb_job *job = step->job;
    if (wb_other_give(step))
        return;
    if (needs_probe(step) || needs_size(step)) {
        give_probe(step);
        return;
    }
    job->strategy = wb_plan_strategy(step->policy, known_size(job), job->mime, &job->reason);
    bool ranges = job->strategy == WB_STRATEGY_CHUNKED || job->strategy == WB_STRATEGY_STREAMING;
    if (ranges && has_no_ranges(job)) {
        job->strategy = WB_STRATEGY_DIRECT;
        job->reason = job->whole ? "the target takes no ranges" : "only regular files have ranges";
        ranges = false;
    }
    if (ranges)
        give_open(step);
    else
        give_copy(step, job->strategy);
}

void wb_give_next(struct wb_step *step)
{
    if (step->job->event.kind == WB_EVENT_DELETED) {
        wb_drop_instance(step);
        give_delete(step);
    } else if (*step->job->instance && step->job->chunk_bytes) {
        wb_job_move(step, WB_JOB_RANGING, deadline(step));
        wb_chunks_give(step);
    } else {
        give_written(step);
    }
}

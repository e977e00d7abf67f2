/* Birth, change and end of a job. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "planner/plan_parts.h"

struct wb_version *wb_version_copy(struct wb_arena *arena, const struct wb_version *version)
{
    struct wb_version *copy = wb_arena_alloc(arena, sizeof(*copy));
    *copy = *version;
    copy->etag = wb_arena_strdup(arena, version->etag ? version->etag : "");
    return copy;
}

struct wb_event_ref *wb_event_copy(struct wb_arena *arena, const struct wb_event_ref *event)
{
    struct wb_event_ref *copy = wb_arena_alloc(arena, sizeof(*copy));
    *copy = *event;
    copy->id = wb_arena_strdup(arena, event->id ? event->id : "");
    copy->mime = wb_arena_strdup(arena, event->mime ? event->mime : "");
    copy->claim.etag = wb_arena_strdup(arena, event->claim.etag ? event->claim.etag : "");
    copy->sha256 = wb_arena_span(arena, event->sha256);
    return copy;
}

/* As far as both say. */
static bool may_be_same(const struct wb_version *newer, const struct wb_version *older)
{
    return (newer->size_bytes < 0 || newer->size_bytes == older->size_bytes) &&
           (newer->mtime_ns < 0 || newer->mtime_ns == older->mtime_ns) &&
           (!*newer->etag || strcmp(newer->etag, older->etag) == 0);
}

/* That a newer event claims no digest does not take back what an older one claims of that version.
 */
static void keep_digest(struct wb_event_ref *into, const struct wb_event_ref *from)
{
    if (into->sha256.len || !from->sha256.len || into->kind != from->kind ||
        !may_be_same(&into->claim, &from->claim))
        return;
    into->sha256 = from->sha256;
    into->claim = from->claim;
}

void wb_event_merge(struct wb_event_ref *into, const struct wb_event_ref *from)
{
    keep_digest(into, from);
    into->count += from->count;
    if (from->accepted_ms < into->accepted_ms)
        into->accepted_ms = from->accepted_ms;
}

struct wb_err *wb_error_copy(struct wb_arena *arena, const struct wb_err *err)
{
    struct wb_err *copy = wb_arena_alloc(arena, sizeof(*copy));
    *copy = *err;
    return copy;
}

void wb_job_move(struct wb_step *step, enum wb_job_state state, int64_t due_ms)
{
    assert(wb_plan_may_move(step->job->state, state));
    step->job->state = state;
    step->job->due_ms = due_ms;
    step->job->updated_ms = step->input->now_ms;
    step->link->job_dirty = true;
}

void wb_job_requeue(struct wb_step *step)
{
    wb_job_move(step, WB_JOB_WAITING, step->input->now_ms);
}

static void adopt_policy(struct wb_job *job, const struct wb_policy *policy)
{
    job->rule = policy->rule;
    job->options = policy->options;
    job->deletes = policy->deletes;
    job->priority = policy->priority;
    job->max_attempts = policy->max_attempts;
}

static const char *new_id(const struct wb_step *step)
{
    return wb_arena_printf(step->arena, "%016llx", (unsigned long long)step->input->entropy);
}

void wb_job_begin(struct wb_step *step, const struct wb_event_ref *event)
{
    const struct wb_job *dead = step->link->job;
    struct wb_job *job = wb_arena_alloc(step->arena, sizeof(*job));
    job->landed = "";
    if (dead) {
        job->fences = dead->fences;
        job->fence_count = dead->fence_count;
        job->fence_tags = dead->fence_tags;
        job->fence_tag_count = dead->fence_tag_count;
        job->landed = dead->landed;
    }
    job->id = new_id(step);
    job->source = step->link->source;
    job->target = step->link->target;
    job->path = step->link->path;
    job->partition = step->link->partition;
    job->event = *wb_event_copy(step->arena, event);
    job->mime = job->event.mime;
    job->reason = job->instance = job->tag = job->from = "";
    job->created_ms = step->input->now_ms;
    adopt_policy(job, step->policy);
    step->link->job = step->job = job;
    if (job->fence_count)
        wb_give_fences(step);
    else
        wb_job_requeue(step);
}

static struct wb_replica *replica_next(struct wb_step *step)
{
    struct wb_replica *next = wb_arena_alloc(step->arena, sizeof(*next));
    const struct wb_link *link = step->link;
    if (link->replica)
        *next = *link->replica;
    next->source = link->source;
    next->target = link->target;
    next->path = link->path;
    next->partition = link->partition;
    if (!link->replica)
        next->tag = "";
    return next;
}

static void replica_prove(struct wb_replica *replica, const struct wb_job *job, int64_t now_ms)
{
    replica->version = job->version;
    replica->tag = job->tag;
    replica->proved_ms = now_ms;
    replica->sha256 = job->sha256;
    replica->chunk_bytes = job->chunk_bytes;
    replica->digests = job->digests;
    replica->strategy = job->strategy;
    replica->first_proved_ms = job->first_proved_ms;
    replica->copied_ms = job->copied_ms;
}

static void replica_forget(struct wb_replica *replica)
{
    replica->version = NULL;
    replica->tag = "";
    replica->proved_ms = 0;
    replica->sha256 = replica->digests = wb_span_of(NULL, 0);
    replica->chunk_bytes = 0;
    replica->first_proved_ms = replica->copied_ms = 0;
}

static void note_ended(struct wb_step *step, const struct wb_replica *replica)
{
    struct wb_ended *ended = wb_arena_alloc(step->arena, sizeof(*ended));
    ended->link = step->link;
    ended->replica = replica;
    *step->outbox->last_ended = ended;
    step->outbox->last_ended = &ended->next;
}

/* A newer event that names the very version that was just proved has nothing left to ask for. One
 * that stands for others, too, may hide what they asked for; one that came after the last look at
 * the target may be about what somebody did there since; one that claims a digest wants it proved.
 */
static void absorb_pending(struct wb_step *step)
{
    struct wb_job *job = step->job;
    struct wb_event_ref *pending = job->pending;
    const struct wb_result *last = step->input->result;
    if (!pending || !last || pending->accepted_ms > last->started_ms || pending->count != 1 ||
        pending->kind != WB_EVENT_WRITTEN || !*pending->claim.etag || pending->sha256.len ||
        !wb_version_same(&pending->claim, job->version))
        return;
    wb_event_merge(pending, &job->event);
    job->event = *pending;
    job->pending = NULL;
}

void wb_job_end(struct wb_step *step, enum wb_end end, const char *reason)
{
    struct wb_job *job = step->job;
    if (end == WB_END_VERIFIED)
        absorb_pending(step);
    struct wb_replica *replica = replica_next(step);
    replica->job = job->id;
    replica->end = end;
    replica->event_id = job->event.id;
    replica->event_time_ms = job->event.time_ms;
    replica->event_offset = job->event.offset;
    /* An end of the same turn is not in the log yet, and this record takes its place. */
    bool untold = step->link->replica_dirty && step->link->replica;
    replica->event_count = job->event.count + (untold ? step->link->replica->event_count : 0);
    replica->accepted_ms = job->event.accepted_ms;
    replica->ended_ms = step->input->now_ms;
    /* The attempt that failed for good is counted already. */
    replica->attempts = end == WB_END_DEAD && job->attempt > 0 ? job->attempt : job->attempt + 1;
    replica->reason = reason;
    replica->error = end == WB_END_DEAD ? job->error : NULL;
    replica->first_error = job->first_error;
    if (end == WB_END_VERIFIED && *job->tag)
        replica_prove(replica, job, step->input->now_ms);
    if (end == WB_END_DELETED)
        replica_forget(replica);
    if (*job->landed && end != WB_END_VERIFIED && end != WB_END_DELETED) {
        /* What lies there is ours, but it is not what was proved last. */
        replica_forget(replica);
        replica->tag = job->landed;
    }
    step->link->replica = replica;
    step->link->replica_dirty = true;
    note_ended(step, replica);

    const struct wb_event_ref *pending = job->pending;
    job->pending = NULL;
    if (end == WB_END_DEAD)
        wb_job_move(step, WB_JOB_DEAD, 0);
    else
        step->link->job = step->job = NULL;
    step->link->job_dirty = true;
    if (pending)
        wb_job_begin(step, pending);
}

/* An answer that is missing or came too late says nothing of the file. */
static bool counts(const struct wb_step *step, const struct wb_err *err)
{
    bool unanswered = err->scope == WB_SCOPE_TRANSFER && err->category == WB_CAT_TIMEOUT;
    return !step->input->excused && !unanswered && err->category != WB_CAT_EXPIRED &&
           err->category != WB_CAT_CANCELLED;
}

void wb_job_serve(struct wb_step *step, const struct wb_event_ref *event)
{
    struct wb_job *job = step->job;
    struct wb_event_ref *newest = wb_event_copy(step->arena, event);
    wb_event_merge(newest, &job->event);
    if (job->pending)
        wb_event_merge(newest, job->pending);
    job->pending = NULL;
    job->event = *newest;
    job->mime = newest->mime;
    job->from = "";
    job->fresh = false;
    job->id = new_id(step);
    step->link->job_dirty = true;
}

/* What is tried again looks at the source anew, so a newer event is served by the next attempt. */
static void take_pending(struct wb_step *step)
{
    const struct wb_event_ref *pending = step->job->pending;
    step->job->pending = NULL;
    if (pending)
        wb_job_serve(step, pending);
}

void wb_job_fail(struct wb_step *step, const struct wb_err *err)
{
    struct wb_job *job = step->job;
    job->error = wb_error_copy(step->arena, err);
    if (!job->first_error)
        job->first_error = job->error;
    if (counts(step, err))
        job->attempt++;
    if (strcmp(err->code, "POISON") == 0)
        job->unanswered = 1; /* whichever file of the task it was: each travels alone now */
    bool other = wb_other_take(step, err);
    bool used_up = job->attempt >= job->max_attempts && !other;
    if ((!err->retryable && !other && !step->input->excused) || used_up) {
        wb_job_end(step, WB_END_DEAD, used_up ? "attempts used up" : "can't be retried");
        return;
    }
    take_pending(step);
    int64_t wait_ms = other ? 1 : err->retry_after_ms;
    if (wait_ms <= 0)
        wait_ms = wb_plan_backoff_ms(step->policy->backoff_least_ms, step->policy->backoff_most_ms,
                                     job->attempt, step->input->entropy);
    if (job->fence_count)
        wb_give_fences(step);
    else
        wb_job_move(step, WB_JOB_WAITING, step->input->now_ms + wait_ms);
}

void wb_job_note_copied(struct wb_step *step)
{
    const struct wb_result *result = step->input->result;
    int64_t ended_ms = result->started_ms + result->duration_ms;
    if (ended_ms <= step->job->copied_ms)
        return;
    step->job->copied_ms = ended_ms;
    step->link->job_dirty = true;
}

bool wb_job_take_whole(struct wb_step *step, const struct wb_err *err)
{
    struct wb_job *job = step->job;
    if (job->whole || err->scope != WB_SCOPE_TARGET || err->category != WB_CAT_UNSUPPORTED)
        return false;
    wb_drop_instance(step);
    job->whole = true;
    wb_job_requeue(step);
    return true;
}

void wb_job_source_gone(struct wb_step *step)
{
    struct wb_job *job = step->job;
    /* What was published unheard is as good as proved: it is ours, and it is there. */
    bool proved = (step->link->replica && step->link->replica->version) || *job->landed;
    wb_drop_instance(step);
    if (proved && job->deletes && job->event.kind != WB_EVENT_DELETED) {
        job->event.kind = WB_EVENT_DELETED;
        job->reason = "the source no longer has it";
        wb_job_requeue(step);
    } else if (proved && !job->deletes) {
        wb_job_end(step, WB_END_SUPERSEDED, "the source no longer has it; the rule keeps the copy");
    } else {
        wb_job_end(step, WB_END_DELETED, "the source no longer has it");
    }
}

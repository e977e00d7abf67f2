/* Another proved replica of the same version as source, when the source itself can't give it: its
 * bytes are taken only if they digest to what was proved there. Whatever goes wrong with it sends
 * the job back to the source. */
#include <string.h>

#include "planner/plan_parts.h"

/* A replica keeps the version that its source had, etag included: size and time alone may be those
 * of an older file. An event that does not say so much could mean any. */
static bool names_version(const struct wb_version *claim, const struct wb_version *version)
{
    return claim->size_bytes == version->size_bytes && claim->mtime_ns == version->mtime_ns &&
           *claim->etag && strcmp(claim->etag, version->etag) == 0 &&
           version->kind == WB_FILE_REGULAR;
}

bool wb_plan_other_fits(const struct wb_link *link, const struct wb_replica *other)
{
    const struct wb_job *job = link->job;
    /* The source can't be asked whether an event is late: what is replicated from elsewhere could
     * be older than what the target has had. So only a target that never had the file is served,
     * and of several events that were taken together any may name the newest version. */
    if (!job || link->replica || *job->landed || job->event.count > 1)
        return false;
    const struct wb_version *wanted = job->version ? job->version : &job->event.claim;
    if (!other || !other->version || !other->digests.len || job->event.kind != WB_EVENT_WRITTEN)
        return false;
    bool sha256_fits = job->event.sha256.len == 0 || wb_span_eq(job->event.sha256, other->sha256);
    return sha256_fits && wanted->size_bytes >= 0 && wanted->mtime_ns >= 0 &&
           names_version(wanted, other->version);
}

bool wb_other_fits(const struct wb_step *step)
{
    return wb_plan_other_fits(step->link, step->input->other);
}

/* Kinds of failure that looking at the source once more is not likely to mend. */
static bool source_is_at_fault(const struct wb_err *err)
{
    return err->scope == WB_SCOPE_SOURCE &&
           (err->category == WB_CAT_IO || err->category == WB_CAT_CORRUPT ||
            err->category == WB_CAT_UNREACHABLE || err->category == WB_CAT_TIMEOUT ||
            err->category == WB_CAT_DENIED);
}

bool wb_other_take(struct wb_step *step, const struct wb_err *err)
{
    struct wb_job *job = step->job;
    if (step->source_next || *job->from || job->attempt >= job->max_attempts ||
        !source_is_at_fault(err) || !wb_other_fits(step))
        return false;
    job->from = wb_arena_strdup(step->arena, step->input->other->target);
    job->version = wb_version_copy(step->arena, step->input->other->version);
    return true;
}

static void forget(struct wb_step *step)
{
    step->job->from = "";
    step->job->version = NULL;
    step->link->job_dirty = true;
}

bool wb_other_give(struct wb_step *step)
{
    struct wb_job *job = step->job;
    const struct wb_replica *other = step->input->other;
    /* Its digests are those of its ranges. */
    if (other && other->chunk_bytes && job->whole) {
        if (*job->from)
            forget(step);
        return false;
    }
    if (!*job->from && other && wb_other_fits(step))
        job->from = wb_arena_strdup(step->arena, other->target);
    if (!*job->from)
        return false;
    if (!wb_other_fits(step) || strcmp(other->target, job->from) != 0) {
        forget(step);
        return false;
    }
    job->version = wb_version_copy(step->arena, other->version);
    job->strategy = other->chunk_bytes ? WB_STRATEGY_CHUNKED : WB_STRATEGY_DIRECT;
    job->reason = "the source can't be read; another proved replica serves as source";
    struct wb_intent *intent = wb_give(step, other->chunk_bytes ? WB_OP_OPEN : WB_OP_COPY);
    intent->file.version = job->version;
    intent->file.replaces = wb_tag_of_ours(step);
    intent->file.sha256 = job->event.sha256;
    intent->file.fresh = true; /* digests are compared with the replica's, not with the target's */
    intent->max_file_bytes = INT64_MAX;
    intent->alone = true;
    intent->bytes = job->version->size_bytes;
    if (other->chunk_bytes)
        wb_job_move(step, WB_JOB_OPENING, step->input->now_ms + step->policy->deadline_ms);
    else
        wb_job_move(step, WB_JOB_COPYING, wb_whole_due_ms(step, step->policy->deadline_ms));
    return true;
}

bool wb_other_digests_fit(const struct wb_step *step, size_t index, const struct wb_range *ranges,
                          size_t count)
{
    const struct wb_replica *other = step->input->other;
    if (!*step->input->from)
        return true;
    if (!other || strcmp(other->target, step->input->from) != 0 ||
        other->digests.len < (index + count) * WB_DIGEST_SIZE)
        return false;
    for (size_t i = 0; i < count; i++)
        if (ranges[i].digest.len != WB_DIGEST_SIZE ||
            memcmp(ranges[i].digest.data, other->digests.data + (index + i) * WB_DIGEST_SIZE,
                   WB_DIGEST_SIZE) != 0)
            return false;
    return true;
}

static const struct wb_err no_use = {.scope = WB_SCOPE_SOURCE,
                                     .category = WB_CAT_CHANGED,
                                     .retryable = true,
                                     .code = "REPLICA",
                                     .text = "the replica that was read is not what was proved"};

void wb_other_give_up(struct wb_step *step, const struct wb_err *err)
{
    wb_drop_instance(step);
    forget(step);
    step->source_next = true;
    wb_job_fail(step, err ? err : &no_use);
}

bool wb_other_failed(struct wb_step *step)
{
    const struct wb_result *result = step->input->result;
    if (!*step->input->from || result->outcome == WB_OUTCOME_COPIED ||
        result->outcome == WB_OUTCOME_OPENED || result->outcome == WB_OUTCOME_RANGED ||
        result->outcome == WB_OUTCOME_SEALED || result->outcome == WB_OUTCOME_MATCH)
        return false;
    bool at_target = result->error && result->error->scope == WB_SCOPE_TARGET;
    bool ours = strcmp(step->input->from, step->job->from) == 0;
    if (at_target || !ours || result->attempt != step->job->attempt)
        return false;
    wb_other_give_up(step, result->error);
    return true;
}

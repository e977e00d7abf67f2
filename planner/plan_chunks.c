/* Ranges of one large file: given out a few at a time, proved in any order, resumed at the first
 * one missing. A range that fails or does not match costs that range only: the others go on,
 * whatever the attempt that they were given in. */
#include <string.h>

#include "planner/plan_parts.h"

static size_t range_count(const struct wb_job *job)
{
    return job->given.len;
}

/* Makes `span` a copy in the arena that may be changed, and returns its bytes. */
static uint8_t *own(struct wb_arena *arena, struct wb_span *span)
{
    uint8_t *copy = wb_arena_alloc(arena, span->len);
    memcpy(copy, span->data, span->len);
    *span = wb_span_of(copy, span->len);
    return copy;
}

static uint8_t *given_of(struct wb_job *job, struct wb_arena *arena)
{
    return own(arena, &job->given);
}

static int64_t range_length(const struct wb_job *job, size_t index)
{
    int64_t offset = (int64_t)index * job->chunk_bytes;
    int64_t left = job->version->size_bytes - offset;
    return left < job->chunk_bytes ? left : job->chunk_bytes;
}

/* Index of the range that a result names, or -1 when it is none of ours. */
static int64_t range_index(const struct wb_job *job, const struct wb_range *range)
{
    if (range->offset < 0 || job->chunk_bytes <= 0 || range->offset % job->chunk_bytes)
        return -1;
    int64_t index = range->offset / job->chunk_bytes;
    if (index >= (int64_t)range_count(job) || range->length != range_length(job, (size_t)index))
        return -1;
    return index;
}

void wb_chunks_opened(struct wb_step *step)
{
    struct wb_job *job = step->job;
    const struct wb_result *result = step->input->result;
    /* A replica that serves as source keeps the version of the source, and its ranges. */
    if (!*step->input->from)
        job->version = wb_version_copy(step->arena, result->version);
    job->instance = wb_arena_strdup(step->arena, result->instance);
    job->chunk_bytes = *step->input->from
                           ? step->input->other->chunk_bytes
                           : wb_plan_chunk_bytes(step->policy, job->version->size_bytes);
    size_t count = (size_t)((job->version->size_bytes + job->chunk_bytes - 1) / job->chunk_bytes);
    job->given = wb_span_of(wb_arena_alloc(step->arena, count), count);
    job->digests =
        wb_span_of(wb_arena_alloc(step->arena, count * WB_DIGEST_SIZE), count * WB_DIGEST_SIZE);
    job->range_tags = wb_arena_alloc(step->arena, count * sizeof(*job->range_tags));
    job->range_tag_count = count;
    for (size_t i = 0; i < count; i++)
        job->range_tags[i] = "";
    wb_job_move(step, WB_JOB_RANGING, step->input->now_ms + step->policy->deadline_ms);
    wb_chunks_give(step);
}

static void give_range(struct wb_step *step, size_t index)
{
    struct wb_job *job = step->job;
    struct wb_intent *intent = wb_give(step, WB_OP_RANGE);
    struct wb_range *range = wb_arena_alloc(step->arena, sizeof(*range));
    range->offset = (int64_t)index * job->chunk_bytes;
    range->length = range_length(job, index);
    range->tag = "";
    /* After a failure what lies there is not to be trusted. */
    intent->file.fresh = job->attempt > 0;
    intent->file.ranges = range;
    intent->file.range_count = 1;
    intent->file.instance = job->instance;
    intent->file.version = job->version;
    intent->alone = true;
    intent->bytes = range->length;
}

static void give_seal(struct wb_step *step)
{
    struct wb_job *job = step->job;
    struct wb_intent *intent = wb_give(step, WB_OP_SEAL);
    size_t count = range_count(job);
    struct wb_range *ranges = wb_arena_alloc(step->arena, count * sizeof(*ranges));
    for (size_t i = 0; i < count; i++) {
        ranges[i].offset = (int64_t)i * job->chunk_bytes;
        ranges[i].length = range_length(job, i);
        ranges[i].tag = i < job->range_tag_count ? job->range_tags[i] : "";
    }
    intent->file.ranges = ranges;
    intent->file.range_count = count;
    intent->file.instance = job->instance;
    intent->file.version = job->version;
    intent->file.sha256 = job->event.sha256;
    intent->alone = true;
    /* SHA-256 is that of the file, which is read once more for it. */
    bool read_again = job->options.sha256 || job->event.sha256.len > 0;
    wb_job_move(step, WB_JOB_SEALING,
                read_again ? wb_whole_due_ms(step, step->policy->deadline_ms)
                           : step->input->now_ms + step->policy->deadline_ms);
}

/* Streaming reads a file's head and tail first: players and readers need both to begin. */
static size_t nth_to_give(const struct wb_job *job, size_t n)
{
    size_t count = range_count(job);
    if (job->strategy != WB_STRATEGY_STREAMING || n == 0)
        return n;
    return n == 1 ? count - 1 : n - 1;
}

void wb_chunks_give(struct wb_step *step)
{
    struct wb_job *job = step->job;
    uint8_t *given = given_of(job, step->arena);
    size_t count = range_count(job);
    size_t proved = 0;
    size_t out = 0;
    for (size_t i = 0; i < count; i++) {
        proved += given[i] == WB_RANGE_PROVED;
        out += given[i] == WB_RANGE_GIVEN;
    }
    if (proved == count) {
        give_seal(step);
        return;
    }
    for (size_t n = 0; n < count && out < WB_RANGES_IN_FLIGHT; n++) {
        size_t index = nth_to_give(job, n);
        if (given[index] != WB_RANGE_FREE)
            continue;
        give_range(step, index);
        given[index] = WB_RANGE_GIVEN;
        out++;
    }
    step->link->job_dirty = true;
}

void wb_chunks_free_given(struct wb_job *job, struct wb_arena *arena)
{
    uint8_t *given = given_of(job, arena);
    for (size_t i = 0; i < range_count(job); i++)
        if (given[i] == WB_RANGE_GIVEN)
            given[i] = WB_RANGE_FREE;
}

/* What was staged is of no use any more when the source moved on or the instance is lost. */
static bool spoils_instance(const struct wb_err *err)
{
    return err->category == WB_CAT_CHANGED || err->category == WB_CAT_NOT_FOUND || !err->retryable;
}

/* The ranges that a result names may be given again. What was proved stays so unless a verdict says
 * otherwise: a second execution may have spoilt it. False: there is nothing to give again. */
static bool free_ranges(struct wb_step *step)
{
    bool any = false;
    struct wb_job *job = step->job;
    const struct wb_result *result = step->input->result;
    uint8_t *given = given_of(job, step->arena);
    for (size_t i = 0; i < result->range_count; i++) {
        int64_t index = range_index(job, &result->ranges[i]);
        bool spoilt =
            index >= 0 && given[index] == WB_RANGE_PROVED && result->outcome == WB_OUTCOME_MISMATCH;
        if (index < 0 || (given[index] != WB_RANGE_GIVEN && !spoilt))
            continue;
        given[index] = WB_RANGE_FREE;
        any = true;
    }
    step->link->job_dirty |= any;
    return any;
}

static const struct wb_err unexplained = {.scope = WB_SCOPE_TRANSFER,
                                          .category = WB_CAT_INTERNAL,
                                          .retryable = true,
                                          .text = "failed without a reason"};

/* While the job waits for its next try, the ranges that are out still come in. */
static void range_failed(struct wb_step *step, const struct wb_err *err)
{
    struct wb_job *job = step->job;
    if (!free_ranges(step) || wb_job_take_whole(step, err) || job->state == WB_JOB_WAITING)
        return;
    bool last = job->attempt + 1 >= job->max_attempts && !step->input->excused;
    if (spoils_instance(err) || last) {
        wb_drop_instance(step);
        job->version = NULL;
    }
    wb_job_fail(step, err);
}

void wb_chunks_report(struct wb_step *step)
{
    const struct wb_result *result = step->input->result;
    if (strcmp(result->instance, step->job->instance) != 0 || !step->job->chunk_bytes)
        return;
    if (result->outcome == WB_OUTCOME_RANGED)
        wb_job_note_copied(step);
    else if (result->outcome == WB_OUTCOME_FAILED)
        range_failed(step, result->error ? result->error : &unexplained);
    else if (result->outcome == WB_OUTCOME_ABSENT && result->attempt == step->job->attempt)
        wb_job_source_gone(step);
}

static void prove_range(struct wb_step *step, const struct wb_range *range, int64_t index)
{
    struct wb_job *job = step->job;
    given_of(job, step->arena)[index] = WB_RANGE_PROVED;
    if (!job->first_proved_ms)
        job->first_proved_ms = step->input->now_ms;
    uint8_t *digests = own(step->arena, &job->digests);
    memcpy(digests + index * WB_DIGEST_SIZE, range->digest.data, WB_DIGEST_SIZE);
    if ((size_t)index < job->range_tag_count && range->tag)
        job->range_tags[index] = wb_arena_strdup(step->arena, range->tag);
}

/* False when the bytes were read at a replica that has rotted; the job went another way then. */
static bool prove_ranges(struct wb_step *step)
{
    struct wb_job *job = step->job;
    const struct wb_result *result = step->input->result;
    for (size_t i = 0; i < result->range_count; i++) {
        const struct wb_range *range = &result->ranges[i];
        int64_t index = range_index(job, range);
        if (index < 0 || range->digest.len != WB_DIGEST_SIZE)
            continue;
        if (!wb_other_digests_fit(step, (size_t)index, range, 1)) {
            wb_other_give_up(step, NULL);
            return false;
        }
        prove_range(step, range, index);
    }
    step->link->job_dirty = true;
    return true;
}

void wb_chunks_verdict(struct wb_step *step)
{
    struct wb_job *job = step->job;
    const struct wb_result *result = step->input->result;
    bool may = job->state == WB_JOB_RANGING || job->state == WB_JOB_WAITING ||
               job->state == WB_JOB_SEALING;
    if (!may || strcmp(result->instance, job->instance) != 0 || !job->chunk_bytes)
        return;
    if (result->outcome != WB_OUTCOME_MATCH) {
        range_failed(step, result->error ? result->error : &unexplained);
        return;
    }
    if (!prove_ranges(step) || job->state != WB_JOB_RANGING)
        return;
    wb_job_move(step, WB_JOB_RANGING, step->input->now_ms + step->policy->deadline_ms);
    wb_chunks_give(step);
}

/* One step of a link: a table from input to handler, and within reports and verdicts from the
 * operation to its handler. An input that does not fit the job's state is late or duplicated: it
 * changes nothing, and an instance that it names and nobody else will is discarded. */
#include <stdio.h>
#include <string.h>

#include "planner/plan_parts.h"

static const struct wb_err no_answer = {.scope = WB_SCOPE_TRANSFER,
                                        .category = WB_CAT_TIMEOUT,
                                        .retryable = true,
                                        .code = "NOANSWER",
                                        .text = "no answer to the task by its deadline"};
static const struct wb_err unexplained = {.scope = WB_SCOPE_TRANSFER,
                                          .category = WB_CAT_INTERNAL,
                                          .retryable = true,
                                          .text = "failed without a reason"};

static const struct wb_err *reason_of(const struct wb_result *result)
{
    return result->error ? result->error : &unexplained;
}

static bool is_ours(const struct wb_step *step)
{
    return step->job && strcmp(step->input->result->job, step->job->id) == 0;
}

/* A failure speaks of one attempt only; a late one must not end the attempt that followed. */
static bool is_this_attempt(const struct wb_step *step)
{
    return step->input->result->attempt == step->job->attempt;
}

static bool is_our_instance(const struct wb_step *step)
{
    return strcmp(step->input->result->instance, step->job->instance) == 0;
}

/* ---- events ---- */

static void coalesce(struct wb_step *step, const struct wb_event_ref *event)
{
    struct wb_job *job = step->job;
    if (job->state == WB_JOB_WAITING) {
        wb_job_serve(step, event);
        return;
    }
    struct wb_event_ref *newest = wb_event_copy(step->arena, event);
    if (job->pending)
        wb_event_merge(newest, job->pending);
    job->pending = newest;
    step->link->job_dirty = true;
}

static void on_event(struct wb_step *step)
{
    const struct wb_event_ref *event = step->input->event;
    bool dead = step->job && step->job->state == WB_JOB_DEAD;
    if (!step->job || dead)
        wb_job_begin(step, event);
    else
        coalesce(step, event);
}

static void on_give(struct wb_step *step)
{
    if (step->job && step->job->state == WB_JOB_WAITING)
        wb_give_next(step);
}

static void on_defer(struct wb_step *step)
{
    if (step->job && step->job->state == WB_JOB_WAITING)
        wb_job_move(step, WB_JOB_WAITING, step->input->until_ms);
}

static const struct wb_err called_off = {
    .scope = WB_SCOPE_TRANSFER, .category = WB_CAT_CANCELLED, .code = "CANCELLED"};

/* What was told to publish or to delete can't be called back: it ends as it ends. A dead job is
 * ended already. Fences are kept, and only a dead job keeps them. */
static bool can_be_called_off(const struct wb_job *job, enum wb_end end)
{
    if (job->state == WB_JOB_FENCING)
        return end == WB_END_DEAD;
    return job->state != WB_JOB_PUBLISHING && job->state != WB_JOB_DELETING &&
           job->state != WB_JOB_DEAD;
}

static void on_cancel(struct wb_step *step)
{
    struct wb_job *job = step->job;
    int64_t until_ms = step->input->until_ms;
    if (!job || !can_be_called_off(job, step->input->cancel_end) ||
        job->event.accepted_ms >= until_ms)
        return;
    if (job->pending && job->pending->accepted_ms < until_ms) {
        struct wb_event_ref *newest = wb_event_copy(step->arena, job->pending);
        wb_event_merge(newest, &job->event);
        job->event = *newest;
        job->pending = NULL;
    }
    wb_drop_instance(step);
    if (step->input->cancel_end == WB_END_DEAD) {
        struct wb_err why = called_off;
        (void)snprintf(why.text, sizeof(why.text), "%s", step->input->reason);
        job->error = wb_error_copy(step->arena, &why);
    }
    wb_job_end(step, step->input->cancel_end, step->input->reason);
}

/* ---- answers of transfer ---- */

static void plan_again(struct wb_step *step)
{
    struct wb_job *job = step->job;
    const struct wb_result *result = step->input->result;
    if (result->version) {
        job->version = wb_version_copy(step->arena, result->version);
        job->event.kind = WB_EVENT_WRITTEN;
    }
    if (*result->mime)
        job->mime = wb_arena_strdup(step->arena, result->mime);
    wb_job_requeue(step);
}

static void on_probe(struct wb_step *step)
{
    const struct wb_result *result = step->input->result;
    if (step->job->state != WB_JOB_PROBING || !is_this_attempt(step))
        return;
    if (result->outcome == WB_OUTCOME_PROBED) {
        plan_again(step);
        if (!*step->job->mime)
            step->job->mime = "application/octet-stream";
    } else if (result->outcome == WB_OUTCOME_ABSENT) {
        wb_job_source_gone(step);
    } else {
        wb_job_fail(step, reason_of(result));
    }
}

static void on_copied(struct wb_step *step)
{
    struct wb_job *job = step->job;
    const struct wb_result *result = step->input->result;
    if (*job->instance) {
        if (!is_our_instance(step))
            wb_give_discard(step, wb_arena_strdup(step->arena, result->instance));
        return;
    }
    if (job->state != WB_JOB_COPYING && job->state != WB_JOB_WAITING) {
        wb_give_discard(step, wb_arena_strdup(step->arena, result->instance));
        return;
    }
    job->instance = wb_arena_strdup(step->arena, result->instance);
    wb_job_note_copied(step);
    /* The verifier's input is as durable as a task: its answer may take longer, never be lost. */
    wb_job_move(step, WB_JOB_COPYING, wb_whole_due_ms(step, 10 * step->policy->deadline_ms));
}

/* The target holds a file that may be the same; the verifier compares. */
static void on_present(struct wb_step *step)
{
    step->job->tag = wb_arena_strdup(step->arena, step->input->result->tag);
    wb_job_move(step, WB_JOB_COPYING, wb_whole_due_ms(step, 10 * step->policy->deadline_ms));
}

static void on_copy(struct wb_step *step)
{
    const struct wb_result *result = step->input->result;
    if (result->outcome == WB_OUTCOME_COPIED) {
        on_copied(step);
        return;
    }
    bool waited_for = step->job->state == WB_JOB_COPYING && !*step->job->instance;
    if (!waited_for || !is_this_attempt(step) || wb_other_failed(step))
        return;
    if (result->outcome == WB_OUTCOME_PRESENT)
        on_present(step);
    else if (result->outcome == WB_OUTCOME_CURRENT)
        wb_job_end(step, WB_END_VERIFIED, "the source still holds the proved version");
    else if (result->outcome == WB_OUTCOME_PROBED)
        plan_again(step);
    else if (result->outcome == WB_OUTCOME_ABSENT)
        wb_job_source_gone(step);
    else
        wb_job_fail(step, reason_of(result));
}

static void on_opened(struct wb_step *step)
{
    const struct wb_result *result = step->input->result;
    if (*step->input->from && !wb_other_fits(step)) {
        wb_give_discard(step, wb_arena_strdup(step->arena, result->instance));
        wb_other_give_up(step, NULL);
    } else if (result->version->size_bytes > 0) {
        wb_chunks_opened(step);
    } else {
        wb_give_discard(step, wb_arena_strdup(step->arena, result->instance));
        plan_again(step);
    }
}

static void on_open(struct wb_step *step)
{
    const struct wb_result *result = step->input->result;
    bool opened = result->outcome == WB_OUTCOME_OPENED && result->version;
    if (step->job->state != WB_JOB_OPENING || !is_this_attempt(step)) {
        if (opened && !is_our_instance(step))
            wb_give_discard(step, wb_arena_strdup(step->arena, result->instance));
        return;
    }
    if (wb_other_failed(step))
        return;
    if (opened)
        on_opened(step);
    else if (result->outcome == WB_OUTCOME_PRESENT)
        on_present(step);
    else if (result->outcome == WB_OUTCOME_CURRENT)
        wb_job_end(step, WB_END_VERIFIED, "the source still holds the proved version");
    else if (result->outcome == WB_OUTCOME_PROBED)
        plan_again(step);
    else if (result->outcome == WB_OUTCOME_ABSENT)
        wb_job_source_gone(step);
    else if (!wb_job_take_whole(step, reason_of(result)))
        wb_job_fail(step, reason_of(result));
}

static void on_range(struct wb_step *step)
{
    bool may = step->job->state == WB_JOB_RANGING || step->job->state == WB_JOB_WAITING;
    if (may && !wb_other_failed(step))
        wb_chunks_report(step);
}

static void on_seal(struct wb_step *step)
{
    const struct wb_result *result = step->input->result;
    if (step->job->state != WB_JOB_SEALING || !is_this_attempt(step))
        return;
    if (result->outcome == WB_OUTCOME_SEALED || wb_other_failed(step))
        return;
    if (wb_job_take_whole(step, reason_of(result)))
        return;
    wb_drop_instance(step);
    wb_job_fail(step, reason_of(result));
}

static const char **with_one_more(struct wb_arena *arena, const char **texts, size_t count,
                                  const char *text)
{
    const char **more = wb_arena_alloc(arena, (count + 1) * sizeof(*more));
    if (count)
        memcpy(more, texts, count * sizeof(*more));
    more[count] = text;
    return more;
}

static void add_fence(struct wb_step *step)
{
    struct wb_job *job = step->job;
    job->fence_tag_count = job->fence_count;
    job->fences = with_one_more(step->arena, job->fences, job->fence_count++, job->instance);
    job->fence_tags = with_one_more(step->arena, job->fence_tags, job->fence_tag_count++, job->tag);
}

static void on_publish(struct wb_step *step)
{
    struct wb_job *job = step->job;
    const struct wb_result *result = step->input->result;
    if (job->state != WB_JOB_PUBLISHING || !is_our_instance(step))
        return;
    if (result->outcome == WB_OUTCOME_PUBLISHED) {
        wb_job_end(step, WB_END_VERIFIED, job->reason);
        return;
    }
    const struct wb_err *err = reason_of(result);
    if (err->category == WB_CAT_EXPIRED) {
        wb_give_publish(step);
        return;
    }
    /* It was told to publish: only the acknowledged discard says that it never will. */
    add_fence(step);
    job->instance = "";
    wb_drop_instance(step);
    wb_job_fail(step, err);
}

/* False: no fence of that name. */
static bool drop_fence(struct wb_job *job, const char *instance)
{
    size_t left = 0;
    for (size_t i = 0; i < job->fence_count; i++) {
        if (strcmp(job->fences[i], instance) == 0)
            continue;
        job->fences[left] = job->fences[i];
        if (i < job->fence_tag_count)
            job->fence_tags[left] = job->fence_tags[i];
        left++;
    }
    bool found = left < job->fence_count;
    job->fence_count = left;
    if (job->fence_tag_count > left)
        job->fence_tag_count = left;
    return found;
}

static void on_discard(struct wb_step *step)
{
    struct wb_job *job = step->job;
    const struct wb_result *result = step->input->result;
    if (result->outcome != WB_OUTCOME_DISCARDED || !drop_fence(job, result->instance))
        return;
    if (*result->tag)
        job->landed = wb_arena_strdup(step->arena, result->tag);
    step->link->job_dirty = true;
    if (job->state != WB_JOB_FENCING || job->fence_count)
        return;
    int64_t wait_ms = 0;
    if (job->attempt)
        wait_ms = wb_plan_backoff_ms(step->policy->backoff_least_ms, step->policy->backoff_most_ms,
                                     job->attempt, step->input->entropy);
    wb_job_move(step, WB_JOB_WAITING, step->input->now_ms + wait_ms);
}

static void on_delete(struct wb_step *step)
{
    const struct wb_result *result = step->input->result;
    if (step->job->state != WB_JOB_DELETING || !is_this_attempt(step))
        return;
    if (result->outcome == WB_OUTCOME_DELETED)
        wb_job_end(step, WB_END_DELETED, "deleted at the source");
    else if (result->outcome == WB_OUTCOME_PROBED)
        plan_again(step);
    else
        wb_job_fail(step, reason_of(result));
}

typedef void handler(struct wb_step *step);

static handler *const report_handlers[] = {
    [WB_OP_UNKNOWN] = NULL,       [WB_OP_PROBE] = on_probe,     [WB_OP_COPY] = on_copy,
    [WB_OP_OPEN] = on_open,       [WB_OP_RANGE] = on_range,     [WB_OP_SEAL] = on_seal,
    [WB_OP_PUBLISH] = on_publish, [WB_OP_DISCARD] = on_discard, [WB_OP_DELETE] = on_delete,
};

static void on_report(struct wb_step *step)
{
    const struct wb_result *result = step->input->result;
    enum wb_op op = step->input->op;
    bool staged = result->outcome == WB_OUTCOME_COPIED || result->outcome == WB_OUTCOME_OPENED;
    if (is_ours(step) && op <= WB_OP_DELETE && report_handlers[op])
        report_handlers[op](step);
    else if (!is_ours(step) && staged)
        wb_give_discard(step, wb_arena_strdup(step->arena, result->instance));
}

/* ---- answers of the verifier ---- */

/* The copy was read whole and proved, but the source went on: publish it and look again. */
static void look_again(struct wb_step *step)
{
    struct wb_job *job = step->job;
    enum wb_source_state seen = step->input->result->source_state;
    if (seen != WB_SOURCE_CHANGED && seen != WB_SOURCE_GONE)
        return;
    if (!job->pending) {
        job->pending = wb_event_copy(step->arena, &job->event);
        job->pending->count = 0;
        job->pending->kind = WB_EVENT_WRITTEN;
    }
    job->pending->claim = (struct wb_version){.size_bytes = -1, .mtime_ns = -1, .etag = ""};
    job->pending->sha256 = wb_span_of(NULL, 0);
}

static void adopt_proof(struct wb_step *step)
{
    struct wb_job *job = step->job;
    const struct wb_result *result = step->input->result;
    job->instance = wb_arena_strdup(step->arena, result->instance);
    job->tag = wb_arena_strdup(step->arena, result->tag);
    job->sha256 = wb_arena_span(step->arena, result->sha256);
    if (!job->first_proved_ms)
        job->first_proved_ms = step->input->now_ms;
    if (result->version && !*step->input->from)
        job->version = wb_version_copy(step->arena, result->version);
    look_again(step);
    wb_give_publish(step);
}

static void prove_copy(struct wb_step *step)
{
    const struct wb_result *result = step->input->result;
    if (!wb_other_digests_fit(step, 0, result->ranges, result->range_count) ||
        (*step->input->from && !wb_other_fits(step))) {
        step->job->instance = wb_arena_strdup(step->arena, result->instance);
        wb_other_give_up(step, NULL);
        return;
    }
    if (*step->input->from)
        step->job->version = wb_version_copy(step->arena, step->input->other->version);
    if (result->range_count == 1)
        step->job->digests = wb_arena_span(step->arena, result->ranges[0].digest);
    adopt_proof(step);
}

/* The file that the target held was compared with the source: it counts as replicated if it is the
 * same. Then only a copy will do. */
static void on_comparison(struct wb_step *step)
{
    struct wb_job *job = step->job;
    const struct wb_result *result = step->input->result;
    bool may = job->state == WB_JOB_COPYING || job->state == WB_JOB_OPENING;
    if (!may || *job->instance || !is_this_attempt(step) || !*result->tag)
        return;
    if (result->outcome == WB_OUTCOME_MATCH && result->version && result->range_count == 1) {
        job->tag = wb_arena_strdup(step->arena, result->tag);
        job->version = wb_version_copy(step->arena, result->version);
        job->sha256 = wb_arena_span(step->arena, result->sha256);
        job->digests = wb_arena_span(step->arena, result->ranges[0].digest);
        job->strategy = WB_STRATEGY_DIRECT;
        look_again(step);
        wb_job_end(step, WB_END_VERIFIED, "adopted: the target held the same bytes");
        return;
    }
    wb_drop_instance(step);
    job->fresh = true;
    if (result->outcome == WB_OUTCOME_FAILED)
        wb_job_fail(step, reason_of(result));
    else
        wb_job_requeue(step);
}

static void on_copy_verdict(struct wb_step *step)
{
    struct wb_job *job = step->job;
    const struct wb_result *result = step->input->result;
    if (!*result->instance) {
        on_comparison(step);
        return;
    }
    bool may = job->state == WB_JOB_COPYING || job->state == WB_JOB_WAITING;
    if (!may || (*job->instance && !is_our_instance(step)))
        return;
    if (result->outcome == WB_OUTCOME_MATCH && job->event.kind == WB_EVENT_WRITTEN) {
        prove_copy(step);
    } else if (job->state == WB_JOB_COPYING && is_this_attempt(step)) {
        job->instance = wb_arena_strdup(step->arena, result->instance);
        wb_drop_instance(step);
        wb_job_fail(step, reason_of(result));
    }
}

static void on_seal_verdict(struct wb_step *step)
{
    if (step->job->state != WB_JOB_SEALING || !is_our_instance(step))
        return;
    if (step->input->result->outcome == WB_OUTCOME_MATCH) {
        adopt_proof(step);
        return;
    }
    wb_drop_instance(step);
    wb_job_fail(step, reason_of(step->input->result));
}

static void on_verdict(struct wb_step *step)
{
    if (!is_ours(step))
        return;
    if (step->input->result->outcome == WB_OUTCOME_MATCH)
        step->job->unanswered = 0;
    if (step->input->op == WB_OP_COPY || step->input->op == WB_OP_OPEN)
        on_copy_verdict(step);
    else if (step->input->op == WB_OP_RANGE)
        wb_chunks_verdict(step);
    else if (step->input->op == WB_OP_SEAL)
        on_seal_verdict(step);
}

/* ---- time ---- */

/* Whether others were answered meanwhile tells a task that ends its workers from workers that are
 * not there. */
static void lost(struct wb_step *step)
{
    struct wb_job *job = step->job;
    if (!step->input->excused && ++job->unanswered >= step->policy->lost_most) {
        job->error = wb_error_copy(step->arena, &no_answer);
        wb_job_end(step, WB_END_DEAD, "its tasks get no answer, though workers answer others");
        return;
    }
    wb_job_fail(step, &no_answer);
}

static void on_timer(struct wb_step *step)
{
    struct wb_job *job = step->job;
    if (!job || job->due_ms > step->input->now_ms)
        return;
    switch (job->state) {
    case WB_JOB_PUBLISHING:
        wb_give_publish(step);
        break;
    case WB_JOB_FENCING:
        wb_give_fences(step);
        break;
    case WB_JOB_RANGING:
        wb_chunks_free_given(job, step->arena);
        lost(step);
        break;
    case WB_JOB_PROBING:
    case WB_JOB_COPYING:
    case WB_JOB_OPENING:
    case WB_JOB_SEALING:
    case WB_JOB_DELETING:
        wb_drop_instance(step);
        lost(step);
        break;
    default:
        break;
    }
}

static handler *const input_handlers[WB_INPUT_KIND_COUNT] = {
    [WB_INPUT_EVENT] = on_event,     [WB_INPUT_GIVE] = on_give,   [WB_INPUT_REPORT] = on_report,
    [WB_INPUT_VERDICT] = on_verdict, [WB_INPUT_TIMER] = on_timer, [WB_INPUT_CANCEL] = on_cancel,
    [WB_INPUT_DEFER] = on_defer,
};

void wb_plan_step(const struct wb_policy *policy, struct wb_link *link,
                  const struct wb_input *input, struct wb_outbox *outbox)
{
    struct wb_input known = *input;
    known.from = input->from ? input->from : "";
    struct wb_step step = {.policy = policy,
                           .link = link,
                           .job = link->job,
                           .input = &known,
                           .outbox = outbox,
                           .arena = outbox->arena};
    input_handlers[input->kind](&step);
}

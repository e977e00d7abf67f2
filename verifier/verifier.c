/* A report's way through the verifier: what was copied is judged, the rest passed over. */
#include "verifier/verifier.h"

#include <stdlib.h>

#include "core/base/clock.h"
#include "core/stage/fan.h"
#include "verifier/judge.h"

struct thread {
    const struct wb_worker_env *env;
    struct wb_fan *fan; /* a lane is a hasher */
    struct wb_metric *bytes_total;
    struct wb_metric *mismatches_total;
};

static size_t count_concerned(const struct wb_report *claims)
{
    size_t count = 0;
    for (size_t i = 0; i < claims->result_count; i++)
        count += wb_judge_concerns(&claims->results[i]);
    return count;
}

static void verdict_begin(const struct wb_result *claim, struct wb_result *verdict)
{
    *verdict = (struct wb_result){
        .job = claim->job,
        .attempt = claim->attempt,
        .path = claim->path,
        .outcome = WB_OUTCOME_FAILED,
        .version = claim->version,
        .instance = claim->instance,
        .tag = claim->tag,
        .mime = claim->mime,
        .free_bytes = -1,
        .started_ms = wb_clock_wall_ms(),
    };
}

static void judge_one(struct thread *thread, struct wb_judge *judge, const struct wb_result *claim,
                      const struct wb_err *unreachable, struct wb_result *verdict)
{
    int64_t begin_ns = wb_clock_mono_ns();
    verdict_begin(claim, verdict);
    wb_hand_beat(thread->env->hand);
    if (judge->target)
        wb_judge_result(judge, claim, verdict);
    else
        wb_judge_fail(judge, verdict, unreachable);
    verdict->duration_ms = (wb_clock_mono_ns() - begin_ns) / 1000000;
    wb_metric_add(thread->bytes_total, (double)verdict->bytes);
    if (verdict->outcome == WB_OUTCOME_MISMATCH && claim->outcome != WB_OUTCOME_PRESENT)
        wb_metric_add(thread->mismatches_total, 1);
}

static bool reads_medium(const struct wb_worker_env *env, const struct wb_report *claims)
{
    const char *from = wb_config_text(env->stage->config, WB_OPT_VERIFIER_READ);
    return claims->options.medium || strcmp(from, "medium") == 0;
}

struct claims {
    struct thread *thread;
    const struct wb_judge *judge;
    const struct wb_result **list;
    struct wb_result *verdicts;
    const struct wb_err *unreachable;
};

static void judge_item(void *arg, void *lane, struct wb_arena *arena, size_t index)
{
    const struct claims *claims = arg;
    struct wb_judge judge = *claims->judge;
    judge.arena = arena;
    judge.hasher = lane;
    judge_one(claims->thread, &judge, claims->list[index], claims->unreachable,
              &claims->verdicts[index]);
}

static void judge_claims(struct thread *thread, const struct wb_judge *judge,
                         const struct wb_err *unreachable, struct wb_report *verdicts)
{
    const struct wb_report *reports = judge->claims;
    struct claims claims = {thread, judge, NULL, verdicts->results, unreachable};
    claims.list = wb_arena_alloc(judge->arena, reports->result_count * sizeof(claims.list[0]));
    for (size_t i = 0; i < reports->result_count; i++)
        if (wb_judge_concerns(&reports->results[i]))
            claims.list[verdicts->result_count++] = &reports->results[i];
    int32_t width = judge->target ? judge->target->caps.parallel : 1;
    wb_fan_run(thread->fan, width, verdicts->result_count, judge->arena, judge_item, &claims);
}

static void judge_all(struct thread *thread, struct wb_judge *judge, struct wb_report *verdicts)
{
    struct wb_err err;
    struct wb_err ignored;
    const struct wb_report *claims = judge->claims;
    struct wb_stores *stores = thread->env->stores;
    bool from = claims->from && *claims->from;
    if (wb_stores_get(stores, claims->target, WB_ACCESS_READ, &judge->target, &err) != WB_OK)
        judge->target = NULL;
    if (wb_stores_get(stores, claims->source, WB_ACCESS_READ, &judge->source, &ignored) != WB_OK)
        judge->source = NULL;
    judge->origin = judge->source;
    if (from &&
        wb_stores_get(stores, claims->from, WB_ACCESS_READ, &judge->origin, &ignored) != WB_OK)
        judge->origin = NULL;
    judge_claims(thread, judge, &err, verdicts);
    if (judge->target)
        wb_stores_put(stores, judge->target);
    if (from && judge->origin)
        wb_stores_put(stores, judge->origin);
    if (judge->source)
        wb_stores_put(stores, judge->source);
}

/* False when there is nothing to judge. */
static bool verdicts_begin(const struct wb_report *claims, struct wb_arena *arena,
                           struct wb_report *report)
{
    size_t count = count_concerned(claims);
    const char *worker = report->worker;
    if (count == 0)
        return false;
    *report = *claims;
    report->worker = worker;
    report->result_count = 0;
    report->results = wb_arena_alloc(arena, count * sizeof(*report->results));
    return true;
}

static void execute(void *self, const void *record, struct wb_arena *arena,
                    struct wb_report *report)
{
    struct thread *thread = self;
    if (!verdicts_begin(record, arena, report))
        return;
    struct wb_judge judge = {.env = thread->env,
                             .claims = record,
                             .arena = arena,
                             .medium = reads_medium(thread->env, record)};
    judge_all(thread, &judge, report);
}

static void refuse(const void *record, const struct wb_err *why, struct wb_arena *arena,
                   struct wb_report *report)
{
    struct wb_err err = *why;
    const struct wb_report *claims = record;
    struct wb_judge judge = {.claims = claims, .arena = arena};
    if (!verdicts_begin(claims, arena, report))
        return;
    err.retryable = count_concerned(claims) > 1;
    for (size_t i = 0; i < claims->result_count; i++) {
        if (!wb_judge_concerns(&claims->results[i]))
            continue;
        struct wb_result *verdict = &report->results[report->result_count++];
        verdict_begin(&claims->results[i], verdict);
        wb_judge_fail(&judge, verdict, &err);
    }
}

static void *lane_open(void *arg)
{
    (void)arg;
    return wb_hasher_new(true);
}

static void lane_close(void *lane)
{
    struct wb_hasher *hasher = lane;
    wb_hasher_free(&hasher);
}

static enum wb_rc thread_open(const struct wb_worker_env *env, void **ret_self, struct wb_err *err)
{
    struct thread *thread = wb_xcalloc(1, sizeof(*thread));
    struct wb_metrics *metrics = env->stage->metrics;
    (void)err;
    thread->env = env;
    thread->fan = wb_fan_new(lane_open, lane_close, NULL, WB_WORKER_ARENA);
    thread->bytes_total = wb_metrics_get(metrics, WB_METRIC_COUNTER, "waybill_proved_bytes_total",
                                         "Bytes read back and compared.", NULL);
    thread->mismatches_total =
        wb_metrics_get(metrics, WB_METRIC_COUNTER, "waybill_mismatches_total",
                       "Copies whose bytes differed when read back.", NULL);
    *ret_self = thread;
    return WB_OK;
}

static void thread_close(void *self)
{
    struct thread *thread = self;
    wb_fan_free(&thread->fan);
    free(thread);
}

static const struct wb_worker_ops worker = {
    .name = "verifier",
    .input = WB_TOPIC_TRANSFERS,
    .input_type = WB_RECORD_TRANSFER,
    .output = WB_TOPIC_VERDICTS,
    .output_type = WB_RECORD_VERDICT,
    .threads = WB_OPT_VERIFIERS,
    .memory = WB_OPT_VERIFIER_MEMORY,
    .thread_open = thread_open,
    .thread_close = thread_close,
    .execute = execute,
    .refuse = refuse,
};

static enum wb_rc open_stage(const struct wb_stage_env *env, void **ret_self, struct wb_err *err)
{
    return wb_worker_open(&worker, env, ret_self, err);
}

const struct wb_stage_ops wb_verifier_stage = {
    .name = "verifier",
    .open = open_stage,
    .turn = wb_worker_turn,
    .drain = wb_worker_drain,
    .close = wb_worker_close,
};

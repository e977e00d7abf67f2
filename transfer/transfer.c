/* A task's way through transfer: the table says which nodes an operation needs and who does it. */
#include "transfer/transfer.h"

#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/path.h"
#include "transfer/exec.h"

enum { SWEEP_EVERY_MS = 3600 * 1000, SWEEP_AGE_MS = 3 * 24 * 3600 * 1000 };

struct thread {
    const struct wb_worker_env *env;
    struct wb_fan *fan;
    struct wb_metric *bytes_total;
    struct wb_map *swept; /* target -> int64_t: when it was swept last */
};

/* What each thread of the fan needs of its own. */
struct lane {
    struct wb_magic *magic;
    struct wb_hasher *hasher;
};

struct operation {
    wb_exec_file *file;
    bool source;  /* reads it */
    bool target;  /* writes to it */
    bool replica; /* may read a replica in place of the source */
};

static const struct operation operations[] = {
    [WB_OP_PROBE] = {wb_exec_probe, .source = true},
    [WB_OP_COPY] = {wb_exec_copy, .source = true, .target = true, .replica = true},
    [WB_OP_OPEN] = {wb_exec_open, .source = true, .target = true, .replica = true},
    [WB_OP_RANGE] = {wb_exec_range, .source = true, .target = true, .replica = true},
    [WB_OP_SEAL] = {wb_exec_seal, .source = true, .target = true, .replica = true},
    [WB_OP_PUBLISH] = {NULL, .target = true},
    [WB_OP_DISCARD] = {wb_exec_discard, .target = true},
    [WB_OP_DELETE] = {wb_exec_delete, .source = true, .target = true},
    [WB_OP_CHECK] = {.file = wb_exec_check},
};

void wb_exec_fail(struct wb_exec *exec, struct wb_result *result, enum wb_scope scope,
                  const char *phase, const struct wb_err *err)
{
    struct wb_err *copy = wb_arena_alloc(exec->arena, sizeof(*copy));
    *copy = *err;
    wb_err_place(copy, scope, phase);
    result->error = copy;
    result->outcome = WB_OUTCOME_FAILED;
}

enum wb_rc wb_exec_check_time(const struct wb_exec *exec, struct wb_err *err)
{
    int64_t late_ms = wb_clock_wall_ms() - exec->task->not_after_ms;
    if (exec->task->not_after_ms <= 0 || late_ms <= 0)
        return WB_OK;
    return wb_err_at(err, WB_SCOPE_TRANSFER, "", WB_CAT_EXPIRED, "the task came %lld ms too late",
                     (long long)late_ms);
}

void wb_exec_set_version(struct wb_exec *exec, struct wb_result *result,
                         const struct wb_version *version)
{
    struct wb_version *copy = wb_arena_alloc(exec->arena, sizeof(*copy));
    *copy = *version;
    copy->etag = wb_arena_strdup(exec->arena, version->etag ? version->etag : "");
    result->version = copy;
}

static enum wb_rc open_stores(struct wb_exec *exec, const struct operation *operation,
                              enum wb_scope *ret_scope, struct wb_err *err)
{
    const struct wb_task *task = exec->task;
    struct wb_stores *stores = exec->env->stores;
    exec->replica = operation->replica && task->from && *task->from;
    const char *source = exec->replica ? task->from : task->source;
    *ret_scope = WB_SCOPE_SOURCE;
    if (operation->source &&
        wb_stores_get(stores, source, WB_ACCESS_READ, &exec->source, err) != WB_OK)
        return wb_err_prefix(err, "node \"%s\"", source);
    *ret_scope = WB_SCOPE_TARGET;
    if (operation->target &&
        wb_stores_get(stores, task->target, WB_ACCESS_WRITE, &exec->target, err) != WB_OK)
        return wb_err_prefix(err, "node \"%s\"", task->target);
    return WB_OK;
}

void wb_exec_close(struct wb_exec *exec)
{
    if (exec->source)
        wb_stores_put(exec->env->stores, exec->source);
    if (exec->target)
        wb_stores_put(exec->env->stores, exec->target);
    exec->source = exec->target = NULL;
}

static void execute_file(struct wb_exec *exec, const struct operation *operation, size_t index)
{
    struct wb_err err;
    struct wb_result *result = &exec->report->results[index];
    const struct wb_task_file *file = &exec->task->files[index];
    int64_t begin_ns = wb_clock_mono_ns();
    result->started_ms = wb_clock_wall_ms();
    wb_hand_beat(exec->env->hand);
    if (wb_exec_check_time(exec, &err) != WB_OK || wb_path_check(file->path, &err) != WB_OK)
        wb_exec_fail(exec, result, WB_SCOPE_TRANSFER, "", &err);
    else
        operation->file(exec, file, index, result);
    result->duration_ms = (wb_clock_mono_ns() - begin_ns) / 1000000;
}

struct files {
    const struct wb_exec *exec;
    const struct operation *operation;
};

static void execute_item(void *arg, void *state, struct wb_arena *arena, size_t index)
{
    const struct files *files = arg;
    const struct lane *lane = state;
    struct wb_exec exec = *files->exec;
    exec.arena = arena;
    exec.magic = lane->magic;
    exec.hasher = lane->hasher;
    execute_file(&exec, files->operation, index);
}

static int32_t width_of(const struct wb_exec *exec)
{
    int32_t source = exec->source ? exec->source->caps.parallel : 1;
    int32_t target = exec->target ? exec->target->caps.parallel : 1;
    return source > target ? source : target;
}

static void execute_all(struct thread *thread, struct wb_exec *exec,
                        const struct operation *operation)
{
    if (!operation->file) {
        int64_t begin_ms = wb_clock_wall_ms();
        wb_exec_publish(exec, exec->report->results);
        for (size_t i = 0; i < exec->task->file_count; i++) {
            exec->report->results[i].started_ms = begin_ms;
            exec->report->results[i].duration_ms = wb_clock_wall_ms() - begin_ms;
        }
        return;
    }
    struct files files = {exec, operation};
    wb_fan_run(thread->fan, width_of(exec), exec->task->file_count, exec->arena, execute_item,
               &files);
}

static void results_begin(struct wb_exec *exec)
{
    const struct wb_task *task = exec->task;
    struct wb_report *report = exec->report;
    report->task = task->id;
    report->op = task->op;
    report->partition = task->partition;
    report->source = task->source;
    report->from = task->from;
    report->target = task->target;
    report->options = task->options;
    report->result_count = task->file_count;
    report->results =
        wb_arena_alloc(exec->arena, (task->file_count + 1) * sizeof(*report->results));
    for (size_t i = 0; i < task->file_count; i++) {
        report->results[i].job = task->files[i].job;
        report->results[i].attempt = task->files[i].attempt;
        report->results[i].path = task->files[i].path;
        report->results[i].instance = report->results[i].tag = report->results[i].mime = "";
        report->results[i].free_bytes = -1;
        report->results[i].outcome = WB_OUTCOME_FAILED;
    }
}

static void fail_task(struct wb_exec *exec, enum wb_scope scope, const struct wb_err *err)
{
    for (size_t i = 0; i < exec->task->file_count; i++) {
        exec->report->results[i].instance =
            exec->task->files[i].instance ? exec->task->files[i].instance : "";
        wb_exec_fail(exec, &exec->report->results[i], scope, wb_op_name(exec->task->op), err);
    }
}

/* Instances that nobody was told of, or that a task of long ago was about, are garbage. Whoever
 * still counts on one that is so old finds it gone and copies again. */
static void sweep(struct thread *thread, struct wb_exec *exec)
{
    struct wb_err err;
    int64_t count;
    int64_t now_ms = wb_clock_mono_ms();
    int64_t *last = wb_map_get(thread->swept, wb_span_str(exec->task->target));
    if (last && now_ms - *last < SWEEP_EVERY_MS)
        return;
    last = wb_xcalloc(1, sizeof(*last));
    *last = now_ms;
    wb_map_put(thread->swept, wb_span_str(exec->task->target), last);
    if (wb_store_sweep(exec->target, SWEEP_AGE_MS, &count, &err) != WB_OK)
        wb_log_err(WB_LOG_WARN, "cannot sweep the staging area", &err);
    else if (count > 0)
        WB_LOG(WB_LOG_INFO, "staging area swept", WB_LOG_STR("node", exec->task->target),
               WB_LOG_INT("instances", count));
}

static void execute(void *self, const void *record, struct wb_arena *arena,
                    struct wb_report *report)
{
    struct wb_err err;
    enum wb_scope scope;
    struct thread *thread = self;
    struct wb_exec exec = {.env = thread->env,
                           .grain_ms = wb_config_int(thread->env->stage->config, WB_OPT_GRAIN),
                           .task = record,
                           .report = report,
                           .arena = arena};
    uint64_t nonce = wb_random_u64();
    wb_hex_format(wb_span_of(&nonce, sizeof(nonce)), exec.nonce);
    results_begin(&exec);
    if (exec.task->op <= WB_OP_UNKNOWN || exec.task->op > WB_OP_CHECK) {
        /* Another worker may be of a newer version. */
        (void)wb_err_set(&err, WB_CAT_UNSUPPORTED, "this worker does not know the operation");
        err.retryable = true;
        fail_task(&exec, WB_SCOPE_TRANSFER, &err);
        return;
    }
    const struct operation *operation = &operations[exec.task->op];
    if (open_stores(&exec, operation, &scope, &err) == WB_OK) {
        execute_all(thread, &exec, operation);
        if (operation->target)
            sweep(thread, &exec);
    } else
        fail_task(&exec, scope, &err);
    wb_exec_close(&exec);
    for (size_t i = 0; i < report->result_count; i++)
        wb_metric_add(thread->bytes_total, (double)report->results[i].bytes);
}

static void refuse(const void *record, const struct wb_err *why, struct wb_arena *arena,
                   struct wb_report *report)
{
    struct wb_err err = *why;
    struct wb_exec exec = {.task = record, .report = report, .arena = arena};
    results_begin(&exec);
    err.retryable = true; /* processes end for other reasons, too: the budget of attempts decides */
    fail_task(&exec, WB_SCOPE_TRANSFER, &err);
}

static void *lane_open(void *arg)
{
    struct lane *lane = wb_xcalloc(1, sizeof(*lane));
    (void)arg;
    lane->magic = wb_magic_new();
    lane->hasher = wb_hasher_new(true);
    return lane;
}

static void lane_close(void *state)
{
    struct lane *lane = state;
    wb_magic_free(&lane->magic);
    wb_hasher_free(&lane->hasher);
    free(lane);
}

static enum wb_rc thread_open(const struct wb_worker_env *env, void **ret_self, struct wb_err *err)
{
    struct thread *thread = wb_xcalloc(1, sizeof(*thread));
    (void)err;
    thread->env = env;
    thread->fan = wb_fan_new(lane_open, lane_close, NULL, WB_WORKER_ARENA);
    thread->swept = wb_map_new(free);
    thread->bytes_total = wb_metrics_get(env->stage->metrics, WB_METRIC_COUNTER,
                                         "waybill_copied_bytes_total", "Bytes copied.", NULL);
    *ret_self = thread;
    return WB_OK;
}

static void thread_close(void *self)
{
    struct thread *thread = self;
    wb_fan_free(&thread->fan);
    wb_map_free(&thread->swept);
    free(thread);
}

static const struct wb_worker_ops worker = {
    .name = "transfer",
    .input = WB_TOPIC_TASKS,
    .input_per_site = true,
    .input_type = WB_RECORD_TASK,
    .output = WB_TOPIC_TRANSFERS,
    .output_type = WB_RECORD_TRANSFER,
    .threads = WB_OPT_TRANSFERS,
    .memory = WB_OPT_TRANSFER_MEMORY,
    .thread_open = thread_open,
    .thread_close = thread_close,
    .execute = execute,
    .refuse = refuse,
};

static enum wb_rc open_stage(const struct wb_stage_env *env, void **ret_self, struct wb_err *err)
{
    return wb_worker_open(&worker, env, ret_self, err);
}

const struct wb_stage_ops wb_transfer_stage = {
    .name = "transfer",
    .open = open_stage,
    .turn = wb_worker_turn,
    .drain = wb_worker_drain,
    .close = wb_worker_close,
};

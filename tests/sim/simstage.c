/* The services. The planner is the stage that ships. Of transfer and verifier their execution
 * ships; the shell around it (core/stage/worker.c) has threads, so a simpler one stands here: one
 * record at a time, its offset committed after its report, if nothing comes between. */
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/stage/dead.h"
#include "core/stage/health.h"
#include "core/stage/pool.h"
#include "core/stage/slot.h"
#include "core/stage/worker.h"
#include "planner/planner.h"
#include "tests/sim/simlog.h"
#include "transfer/transfer.h"
#include "verifier/verifier.h"

enum {
    TURN_MS = 100,
    ARENA_MOST = 64 * 1024 * 1024,
    POOL_BYTES = 64 * 1024 * 1024,
    REGISTRY_EVERY_MS = 50,
    FLUSH_MS = 5000,
    TEXT = 128
};

/* ---- slots: a process that is started again has what it had ---- */

enum wb_rc wb_slot_take(const struct wb_config *config, const char *stage, struct wb_slot *ret,
                        struct wb_err *err)
{
    const struct sim_proc *self = sim_self();
    char cluster[64];
    int number = self->index;
    *ret = (struct wb_slot){.lock_fd = -1};
    if (wb_log_cluster(config, 1000, cluster, err) != WB_OK)
        return WB_ERROR;
    /* A copied state folder: two processes under one name, each with files of its own. */
    if (self->role == SIM_ROLE_PLANNER && sim_fault(SIM_FAULT_SLOT_TWICE))
        number = 0;
    if (self->role == SIM_ROLE_PLANNER && sim_fault(SIM_FAULT_LOSE_LEDGER))
        sim_ledgers_lose(self->index);
    if (self->role == SIM_ROLE_PLANNER && sim_fault(SIM_FAULT_SKEW))
        sim_self()->skew_ms = sim_spread(SIM_FAULTS, 10, 10 * 60 * 1000);
    (void)snprintf(ret->folder, sizeof(ret->folder), "/slot-%d/", self->index);
    (void)snprintf(ret->name, sizeof(ret->name), "%s-%d", stage, number);
    return WB_OK;
}

void wb_slot_release(struct wb_slot *slot)
{
    slot->lock_fd = -1;
}

/* ---- any stage ---- */

static void restart_later(struct sim_proc *proc)
{
    proc->killed = false;
    proc->stopped = false;
    proc->silent_ns = -1;
    proc->idle = 0;
    sim_sleep_ns(sim_spread(SIM_SCHEDULE, SIM_MS, 20 * SIM_SECOND));
}

static void run_turns(const struct wb_stage_ops *stage, void *self, const struct sim_proc *proc)
{
    struct wb_err err = {.category = WB_CAT_UNKNOWN};
    while (!proc->killed && !sim.over)
        if (stage->turn(self, TURN_MS, &err) != WB_OK)
            break;
    if (!proc->killed && !sim.over && !err.retryable)
        sim_break(SIM_PLANNER, "%s ended: %s", proc->name, err.text);
    if (!proc->killed && wb_err_is_set(&err))
        sim_note("turn failed", wb_span_str(err.text), 0, 0);
}

static void run_stage(struct sim_proc *proc, const struct wb_stage_ops *stage)
{
    struct wb_health *health = wb_health_new(proc->name);
    const struct wb_stage_env env = {.config = sim.config,
                                     .metrics = sim.metrics,
                                     .health = health,
                                     .arg = stage->arg,
                                     .worker = proc->name};
    while (!sim.over) {
        void *self = NULL;
        struct wb_err err;
        sim_note_plain("started", 0, 0);
        if (stage->open(&env, &self, &err) == WB_OK) {
            run_turns(stage, self, proc);
            stage->close(self);
        } else if (!proc->killed) {
            sim_note("open failed", wb_span_str(err.text), 0, 0);
        }
        restart_later(proc);
    }
    wb_health_free(&health);
}

void sim_planner_main(struct sim_proc *proc)
{
    run_stage(proc, &wb_planner_stage);
}

void sim_transfer_main(struct sim_proc *proc)
{
    run_stage(proc, &wb_transfer_stage);
}

void sim_verifier_main(struct sim_proc *proc)
{
    run_stage(proc, &wb_verifier_stage);
}

/* ---- the shell of a worker, in place of core/stage/worker.c ---- */

struct worker {
    const struct wb_worker_ops *ops;
    const struct wb_stage_env *stage;
    struct wb_worker_env env;
    struct wb_slot slot;
    struct wb_consumer *consumer;
    struct wb_producer *producer;
    struct wb_arena *arena;
    void *self;
    char input[256];
    char output[256];
    int64_t registry_due_ms;
};

/* Blocks are a mebibyte each and hold nothing from one use to the next. */
static struct wb_pool *blocks;

static enum wb_rc join(struct worker *worker, struct wb_err *err)
{
    char group[TEXT];
    const char *topics[] = {worker->input};
    const struct wb_config *config = worker->stage->config;
    (void)snprintf(group, sizeof(group), "%s.%s", wb_config_text(config, WB_OPT_PREFIX),
                   worker->ops->name);
    (void)snprintf(worker->input, sizeof(worker->input), "%s", sim_topic(worker->ops->input)->name);
    (void)snprintf(worker->output, sizeof(worker->output), "%s",
                   sim_topic(worker->ops->output)->name);
    if (wb_slot_take(config, worker->ops->name, &worker->slot, err) != WB_OK ||
        wb_registry_new(config, &worker->env.registry, err) != WB_OK ||
        wb_producer_new(config, NULL, NULL, NULL, &worker->producer, err) != WB_OK ||
        wb_consumer_new_static(config, group, worker->slot.name, NULL, &worker->consumer, err) !=
            WB_OK)
        return WB_ERROR;
    worker->consumer->background = true;
    worker->env.stores = wb_stores_new(config, worker->env.registry);
    return wb_consumer_subscribe(worker->consumer, topics, 1, err);
}

enum wb_rc wb_worker_open(const struct wb_worker_ops *ops, const struct wb_stage_env *env,
                          void **ret_self, struct wb_err *err)
{
    struct worker *worker = wb_xcalloc(1, sizeof(*worker));
    if (!blocks)
        blocks = wb_pool_new(POOL_BYTES);
    worker->ops = ops;
    worker->stage = worker->env.stage = env;
    worker->env.pool = blocks;
    worker->arena = wb_arena_new(ARENA_MOST);
    if (join(worker, err) != WB_OK ||
        (ops->thread_open && ops->thread_open(&worker->env, &worker->self, err) != WB_OK)) {
        wb_worker_close(worker);
        return WB_ERROR;
    }
    *ret_self = worker;
    return WB_OK;
}

void wb_worker_close(void *self)
{
    struct worker *worker = self;
    if (worker->self && worker->ops->thread_close)
        worker->ops->thread_close(worker->self);
    wb_consumer_free(&worker->consumer);
    wb_producer_free(&worker->producer);
    if (worker->env.stores)
        wb_stores_free(&worker->env.stores);
    if (worker->env.registry)
        wb_registry_free(&worker->env.registry);
    wb_arena_free(&worker->arena);
    free(worker);
}

static enum wb_rc send_report(struct worker *worker, struct wb_report *report, struct wb_err *err)
{
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    if (report->result_count == 0)
        return WB_OK;
    report->time_ms = wb_clock_wall_ms();
    if (!sim_pause() || sim_fault(SIM_FAULT_REPORT_LOST)) {
        (void)wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_TIMEOUT, "record not delivered");
        return WB_ERROR;
    }
    if (wb_codec_encode(sim.codec, worker->ops->output_type, report, &value, err) != WB_OK)
        return WB_ERROR;
    return wb_producer_send(worker->producer, worker->output, report->partition,
                            wb_span_of(NULL, 0), wb_buf_span(&value), 0, err);
}

static enum wb_rc execute(struct worker *worker, const struct wb_message *message,
                          struct wb_err *err)
{
    void *record;
    struct wb_err why;
    struct wb_report report = {.worker = worker->stage->worker};
    wb_arena_reset(worker->arena);
    if (wb_codec_decode_as(sim.codec, worker->ops->input_type, message->value, worker->arena,
                           &record, &why) != WB_OK)
        return wb_dead_send(worker->producer, sim.codec, worker->stage->config, worker->ops->name,
                            message, &why, 0, err);
    worker->ops->execute(worker->self, record, worker->arena, &report);
    return send_report(worker, &report, err);
}

/* What is not committed comes again: to another after a rebalance, or to this one. */
static enum wb_rc commit(struct worker *worker, const struct wb_message *message,
                         struct wb_err *err)
{
    struct wb_position position = {message->topic, message->partition, message->offset};
    if (sim_fault(SIM_FAULT_REDELIVER))
        return wb_consumer_seek(worker->consumer, &position, err);
    position.offset++;
    if (!sim_group_current(worker->consumer))
        return WB_OK;
    return wb_consumer_commit(worker->consumer, &position, 1, true, err);
}

enum wb_rc wb_worker_turn(void *self, int timeout_ms, struct wb_err *err)
{
    struct worker *worker = self;
    struct wb_message *message WB_AUTO(wb_message_free) = NULL;
    if (wb_clock_mono_ms() >= worker->registry_due_ms) {
        worker->registry_due_ms = wb_clock_mono_ms() + REGISTRY_EVERY_MS;
        if (wb_registry_poll(worker->env.registry, err) != WB_OK)
            return WB_ERROR;
    }
    if (wb_consumer_poll(worker->consumer, timeout_ms, &message, err) != WB_OK)
        return WB_ERROR;
    if (!message)
        return WB_OK;
    sim_note("takes", wb_span_str(message->topic), message->partition, message->offset);
    if (execute(worker, message, err) != WB_OK)
        return WB_ERROR;
    return commit(worker, message, err);
}

enum wb_rc wb_worker_drain(void *self, int timeout_ms, bool *ret_done, struct wb_err *err)
{
    (void)self;
    (void)timeout_ms;
    (void)err;
    *ret_done = true;
    return WB_OK;
}

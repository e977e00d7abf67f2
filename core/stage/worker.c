/* One thread polls; the others execute, encode and send their reports themselves (answers.c), so
 * that no answer waits for a poll. A record is done when all its reports are durable; only the
 * polling thread touches trackers and commits. */
#include "core/stage/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/stage/answers.h"
#include "core/stage/backlog.h"
#include "core/stage/hands.h"
#include "core/stage/journal.h"
#include "core/stage/pool.h"
#include "core/stage/slot.h"
#include "core/stage/tracker.h"

enum {
    QUEUE_MOST = 64,   /* records queued; partitions are paused above */
    QUEUE_RESUME = 16, /* and go on below */
    COMMIT_EVERY_MS = 100,
    REGISTRY_EVERY_MS = 50,
    WATCH_EVERY_MS = 500,
    FLUSH_MS = 5000,
    ENDS_MOST = 2, /* of the process while a record is executed: then it is refused */
    TOPIC_MAX = 256,
    GROUP_MAX = 300
};

struct part {
    struct wb_tracker *tracker;
    int64_t committed;
};

struct worker {
    const struct wb_worker_ops *ops;
    const struct wb_stage_env *stage;
    struct wb_worker_env env;
    struct wb_slot slot;
    struct wb_consumer *consumer;
    struct wb_answers answers;
    struct wb_backlog *backlog;
    struct wb_journal *journal;
    char input[TOPIC_MAX];
    struct wb_map *parts; /* partition -> struct part */
    bool paused;
    bool draining;
    int64_t commit_due_ms;
    int64_t registry_due_ms;

    pthread_mutex_t failure_lock;
    bool failed;
    struct wb_err failure;

    struct wb_hands *hands;
    int64_t watch_due_ms;
    struct wb_metric *records_total;
    struct wb_metric *dead_total;
    struct wb_metric *poison_total;
    struct wb_metric *stalled_total;
    struct wb_metric *seconds;
    struct wb_metric *queue;
};

static void fail(struct worker *worker, const struct wb_err *err)
{
    pthread_mutex_lock(&worker->failure_lock);
    if (!worker->failed)
        worker->failure = *err;
    worker->failed = true;
    pthread_mutex_unlock(&worker->failure_lock);
}

static enum wb_rc failure_of(struct worker *worker, struct wb_err *err)
{
    pthread_mutex_lock(&worker->failure_lock);
    bool failed = worker->failed;
    if (failed)
        *err = worker->failure;
    pthread_mutex_unlock(&worker->failure_lock);
    return failed ? WB_ERROR : WB_OK;
}

/* ---- executing threads ---- */

struct thread_state {
    struct worker *worker;
    struct wb_worker_env env;
    void *self;
    struct wb_codec *codec;
    struct wb_arena *arena;
};

static enum wb_rc bury(struct thread_state *state, struct wb_item *item, const struct wb_err *why,
                       struct wb_err *err)
{
    struct worker *worker = state->worker;
    wb_metric_add(worker->dead_total, 1);
    return wb_answer_bury(&worker->answers, state->codec, item, why, err);
}

static void set_poison(int ends, struct wb_err *err)
{
    (void)wb_err_at(err, WB_SCOPE_TRANSFER, "", WB_CAT_INTERNAL,
                    "executing this task ended the worker %d times", ends);
    (void)snprintf(err->code, sizeof(err->code), "POISON");
}

static void refuse(struct thread_state *state, const struct wb_item *item, int ends,
                   const void *record, struct wb_report *report)
{
    struct wb_err why;
    struct worker *worker = state->worker;
    set_poison(ends, &why);
    wb_metric_add(worker->poison_total, 1);
    WB_LOG(WB_LOG_ERROR, "record is refused", WB_LOG_STR("topic", worker->input),
           WB_LOG_INT("partition", item->partition), WB_LOG_INT("offset", item->offset),
           WB_LOG_STR("reason", why.text));
    worker->ops->refuse(record, &why, state->arena, report);
}

/* `ends`: how many processes ended while they executed it. */
static enum wb_rc execute_record(struct thread_state *state, struct wb_item *item, int ends,
                                 struct wb_err *err)
{
    void *record;
    struct wb_err why;
    struct worker *worker = state->worker;
    int64_t begin_ns = wb_clock_mono_ns();
    if (wb_codec_decode_as(state->codec, worker->ops->input_type, item->message->value,
                           state->arena, &record, &why) != WB_OK)
        return bury(state, item, &why, err);
    struct wb_report report = {.worker = worker->stage->worker};
    if (ends >= ENDS_MOST)
        refuse(state, item, ends, record, &report);
    else
        worker->ops->execute(state->self, record, state->arena, &report);
    wb_metric_add(worker->records_total, 1);
    wb_metric_observe(worker->seconds, (double)(wb_clock_mono_ns() - begin_ns) / 1e9);
    report.time_ms = wb_clock_wall_ms();
    return wb_answer_send(&worker->answers, state->codec, item, &report, err);
}

static enum wb_rc execute(struct thread_state *state, struct wb_item *item, struct wb_err *err)
{
    enum wb_rc rc;
    struct wb_err why;
    struct wb_journal_cell *cell;
    struct wb_journal *journal = state->worker->journal;
    int ends = wb_journal_begin(journal, item->partition, item->offset,
                                wb_hash64_of(item->message->value), &cell);
    if (ends > ENDS_MOST) {
        /* It ended the process even when it was only read, to be refused. */
        set_poison(ends, &why);
        rc = bury(state, item, &why, err);
    } else {
        rc = execute_record(state, item, ends, err);
    }
    wb_journal_done(journal, cell);
    return rc;
}

static enum wb_rc thread_open(struct thread_state *state, struct wb_err *err)
{
    struct worker *worker = state->worker;
    state->arena = wb_arena_new(WB_WORKER_ARENA);
    if (wb_codec_new(&state->codec, err) != WB_OK)
        return WB_ERROR;
    return worker->ops->thread_open ? worker->ops->thread_open(&state->env, &state->self, err)
                                    : WB_OK;
}

static void thread_close(struct thread_state *state)
{
    if (state->self && state->worker->ops->thread_close)
        state->worker->ops->thread_close(state->self);
    wb_codec_free(&state->codec);
    wb_arena_free(&state->arena);
}

static void run_thread(void *arg, struct wb_hand *hand)
{
    struct wb_err err;
    struct wb_item *item;
    struct worker *worker = arg;
    struct thread_state state = {.worker = worker, .env = worker->env};
    state.env.hand = hand;
    if (thread_open(&state, &err) != WB_OK) {
        fail(worker, &err);
        thread_close(&state);
        return;
    }
    while (!wb_hand_is_replaced(hand) && (item = wb_backlog_next(worker->backlog))) {
        wb_hand_beat(hand);
        if (execute(&state, item, &err) != WB_OK)
            fail(worker, &err);
        wb_backlog_settle(worker->backlog, item);
        wb_arena_reset(state.arena);
        wb_hand_rest(hand);
    }
    thread_close(&state);
}

/* May run on any thread that sends. */
static void on_delivered(void *arg, uint64_t ticket, const char *topic, int32_t partition,
                         int64_t offset, const struct wb_err *err)
{
    struct worker *worker = arg;
    struct wb_item *item = wb_backlog_item(ticket);
    (void)partition;
    (void)offset;
    if (err && wb_answer_again(&worker->answers, item, topic, err))
        return;
    if (err)
        fail(worker, err);
    wb_backlog_settle(worker->backlog, item);
}

/* ---- the polling thread ---- */

static struct part *part_of(struct worker *worker, int32_t partition)
{
    return wb_map_get(worker->parts, wb_span_of(&partition, sizeof(partition)));
}

static void part_free(void *value)
{
    struct part *part = value;
    wb_tracker_free(&part->tracker);
    free(part);
}

struct positions {
    struct worker *worker;
    struct wb_position *list;
    size_t count;
    bool all; /* whether committed or not */
};

static bool add_position(struct wb_span key, void *value, void *arg)
{
    struct positions *positions = arg;
    struct part *part = value;
    int32_t partition;
    memcpy(&partition, key.data, sizeof(partition));
    int64_t safe = wb_tracker_safe(part->tracker);
    if (!positions->all && (safe < 0 || safe == part->committed))
        return true;
    part->committed = positions->all ? part->committed : safe;
    positions->list[positions->count++] =
        (struct wb_position){positions->worker->input, partition, safe};
    return true;
}

static struct positions positions_of(struct worker *worker, bool all)
{
    struct positions positions = {.worker = worker, .all = all};
    positions.list = wb_xcalloc(wb_map_count(worker->parts) + 1, sizeof(*positions.list));
    wb_map_each(worker->parts, add_position, &positions);
    return positions;
}

static void take_done(struct worker *worker)
{
    int32_t partition;
    int64_t offset;
    wb_producer_poll(worker->answers.producer, 0);
    /* After a failure some reports are lost: what they were for must come again. */
    struct wb_err err;
    bool lost = failure_of(worker, &err) != WB_OK;
    while (wb_backlog_take_done(worker->backlog, &partition, &offset)) {
        struct part *part = part_of(worker, partition);
        if (part && !lost)
            wb_tracker_done(part->tracker, offset);
    }
}

static enum wb_rc commit(struct worker *worker, bool wait, struct wb_err *err)
{
    take_done(worker);
    struct positions positions = positions_of(worker, false);
    enum wb_rc rc =
        wb_consumer_commit(worker->consumer, positions.list, positions.count, wait, err);
    free(positions.list);
    worker->commit_due_ms = wb_clock_mono_ms() + COMMIT_EVERY_MS;
    return rc;
}

static enum wb_rc on_assigned(void *arg, struct wb_position *positions, size_t count,
                              struct wb_err *err)
{
    struct worker *worker = arg;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        struct part *part = wb_xcalloc(1, sizeof(*part));
        part->tracker = wb_tracker_new();
        part->committed = positions[i].offset;
        wb_map_put(worker->parts,
                   wb_span_of(&positions[i].partition, sizeof(positions[i].partition)), part);
    }
    worker->paused = false;
    wb_health_set(worker->stage->health, true, NULL);
    WB_LOG(WB_LOG_INFO, "partitions taken", WB_LOG_STR("topic", worker->input),
           WB_LOG_INT("count", (int64_t)count));
    return WB_OK;
}

static void on_revoked(void *arg, const struct wb_position *positions, size_t count, bool lost)
{
    struct worker *worker = arg;
    struct wb_err err;
    if (!lost && commit(worker, true, &err) != WB_OK)
        wb_log_err(WB_LOG_WARN, "offsets not committed; some work will be done again", &err);
    for (size_t i = 0; i < count; i++) {
        int32_t partition = positions[i].partition;
        wb_backlog_drop(worker->backlog, partition);
        (void)wb_map_del(worker->parts, wb_span_of(&partition, sizeof(partition)));
    }
    if (!worker->draining)
        wb_health_set(worker->stage->health, false, "waiting for partitions");
}

static enum wb_rc pause_all(struct worker *worker, bool pause, struct wb_err *err)
{
    if (worker->paused == pause)
        return WB_OK;
    struct positions positions = positions_of(worker, true);
    enum wb_rc rc =
        wb_consumer_pause(worker->consumer, positions.list, positions.count, pause, err);
    free(positions.list);
    worker->paused = pause;
    return rc;
}

static void take(struct worker *worker, struct wb_message *message)
{
    struct part *part = part_of(worker, message->partition);
    if (!part) {
        wb_message_free(&message);
        return;
    }
    wb_tracker_take(part->tracker, message->offset);
    (void)wb_backlog_add(worker->backlog, message);
}

/* A call that hangs can't be taken back. The planner gives the task out again by its deadline. */
static void watch_threads(struct worker *worker, int64_t now_ms)
{
    int64_t stall_ms = wb_config_int(worker->stage->config, WB_OPT_STALL_TIMEOUT);
    worker->watch_due_ms = now_ms + WATCH_EVERY_MS;
    size_t count = wb_hands_watch(worker->hands, now_ms, stall_ms);
    if (count == 0)
        return;
    wb_metric_add(worker->stalled_total, (double)count);
    WB_LOG(WB_LOG_WARN, "a storage node does not answer; others go on",
           WB_LOG_STR("stage", worker->ops->name), WB_LOG_INT("tasks", (int64_t)count),
           WB_LOG_INT("stall_ms", stall_ms));
}

static enum wb_rc keep_house(struct worker *worker, struct wb_err *err)
{
    int64_t now_ms = wb_clock_mono_ms();
    if (failure_of(worker, err) != WB_OK)
        return WB_ERROR;
    take_done(worker);
    if (now_ms >= worker->commit_due_ms && commit(worker, false, err) != WB_OK)
        return WB_ERROR;
    wb_metric_set(worker->queue, (double)wb_backlog_queued(worker->backlog));
    if (now_ms >= worker->watch_due_ms)
        watch_threads(worker, now_ms);
    if (now_ms < worker->registry_due_ms)
        return WB_OK;
    worker->registry_due_ms = now_ms + REGISTRY_EVERY_MS;
    return wb_registry_poll(worker->env.registry, err);
}

enum wb_rc wb_worker_turn(void *self, int timeout_ms, struct wb_err *err)
{
    struct worker *worker = self;
    struct wb_message *message;
    if (keep_house(worker, err) != WB_OK)
        return WB_ERROR;
    size_t queued = wb_backlog_queued(worker->backlog);
    if (queued >= QUEUE_MOST && pause_all(worker, true, err) != WB_OK)
        return WB_ERROR;
    if (queued <= QUEUE_RESUME && pause_all(worker, false, err) != WB_OK)
        return WB_ERROR;
    /* While reports are under way, come back soon to commit them. */
    int wait_ms = wb_backlog_present(worker->backlog) ? REGISTRY_EVERY_MS : timeout_ms;
    if (wb_consumer_poll(worker->consumer, wait_ms, &message, err) != WB_OK)
        return WB_ERROR;
    if (message)
        take(worker, message);
    return WB_OK;
}

enum wb_rc wb_worker_drain(void *self, int timeout_ms, bool *ret_done, struct wb_err *err)
{
    struct worker *worker = self;
    struct wb_message *message = NULL;
    worker->draining = true;
    wb_journal_leave(worker->journal);
    wb_backlog_drop(worker->backlog, -1);
    if (pause_all(worker, true, err) != WB_OK ||
        wb_consumer_poll(worker->consumer, timeout_ms, &message, err) != WB_OK)
        return WB_ERROR;
    wb_message_free(&message);
    if (keep_house(worker, err) != WB_OK)
        return WB_ERROR;
    *ret_done = wb_backlog_present(worker->backlog) == 0;
    if (*ret_done)
        return wb_producer_flush(worker->answers.producer, FLUSH_MS, err) == WB_OK
                   ? commit(worker, true, err)
                   : WB_ERROR;
    return WB_OK;
}

/* ---- birth and end ---- */

static void find_metrics(struct worker *worker)
{
    char labels[64];
    struct wb_metrics *metrics = worker->stage->metrics;
    (void)snprintf(labels, sizeof(labels), "stage=\"%s\"", worker->ops->name);
    worker->records_total = wb_metrics_get(metrics, WB_METRIC_COUNTER, "waybill_records_total",
                                           "Records executed.", labels);
    worker->dead_total = wb_metrics_get(metrics, WB_METRIC_COUNTER, "waybill_unreadable_total",
                                        "Records that could not be read.", labels);
    worker->poison_total =
        wb_metrics_get(metrics, WB_METRIC_COUNTER, "waybill_poison_total",
                       "Records refused because they ended the process.", labels);
    worker->stalled_total = wb_metrics_get(metrics, WB_METRIC_COUNTER, "waybill_stalled_total",
                                           "Tasks that made no progress for too long.", labels);
    worker->seconds = wb_metrics_get(metrics, WB_METRIC_HISTOGRAM, "waybill_execution_seconds",
                                     "Time from taking up a record to its report.", labels);
    worker->queue = wb_metrics_get(metrics, WB_METRIC_GAUGE, "waybill_queue_records",
                                   "Records waiting for a thread.", labels);
}

static enum wb_rc join_group(struct worker *worker, struct wb_err *err)
{
    char group[GROUP_MAX];
    const struct wb_config *config = worker->stage->config;
    const char *site = wb_config_text(config, WB_OPT_SITE);
    bool own = worker->ops->input_per_site && site && *site;
    const char *topics[] = {worker->input};
    (void)wb_topic_name(config, worker->ops->input, own ? site : NULL, worker->input);
    (void)wb_topic_name(config, worker->ops->output, NULL, worker->answers.output);
    (void)wb_topic_name(config, WB_TOPIC_DEAD, NULL, worker->answers.dead);
    (void)snprintf(group, sizeof(group), "%s.%s%s%s", wb_config_text(config, WB_OPT_PREFIX),
                   worker->ops->name, own ? "." : "", own ? site : "");
    const struct wb_rebalance_ops ops = {on_assigned, on_revoked, worker};
    if (wb_producer_new(config, NULL, on_delivered, worker, &worker->answers.producer, err) !=
            WB_OK ||
        wb_producer_prepare(worker->answers.producer, worker->answers.output, err) != WB_OK ||
        wb_consumer_new_static(config, group, worker->slot.name, &ops, &worker->consumer, err) !=
            WB_OK)
        return WB_ERROR;
    return wb_consumer_subscribe(worker->consumer, topics, 1, err);
}

static enum wb_rc begin(struct worker *worker, struct wb_err *err)
{
    const struct wb_config *config = worker->stage->config;
    if (wb_slot_take(config, worker->ops->name, &worker->slot, err) != WB_OK ||
        wb_journal_open(worker->slot.folder, &worker->journal, err) != WB_OK ||
        wb_registry_new(config, &worker->env.registry, err) != WB_OK)
        return WB_ERROR;
    worker->env.stores = wb_stores_new(config, worker->env.registry);
    worker->env.pool = wb_pool_new(wb_config_int(config, worker->ops->memory));
    if (join_group(worker, err) != WB_OK)
        return WB_ERROR;
    return wb_hands_new(run_thread, worker, (size_t)wb_config_int(config, worker->ops->threads),
                        &worker->hands, err);
}

enum wb_rc wb_worker_open(const struct wb_worker_ops *ops, const struct wb_stage_env *env,
                          void **ret_self, struct wb_err *err)
{
    struct worker *worker = wb_xcalloc(1, sizeof(*worker));
    worker->ops = ops;
    worker->slot.lock_fd = -1;
    worker->stage = worker->env.stage = env;
    worker->parts = wb_map_new(part_free);
    worker->backlog = wb_backlog_new();
    worker->answers = (struct wb_answers){.config = env->config,
                                          .backlog = worker->backlog,
                                          .stage = ops->name,
                                          .type = ops->output_type};
    pthread_mutex_init(&worker->failure_lock, NULL);
    find_metrics(worker);
    if (begin(worker, err) != WB_OK) {
        wb_worker_close(worker);
        return WB_ERROR;
    }
    *ret_self = worker;
    return WB_OK;
}

void wb_worker_close(void *self)
{
    struct worker *worker = self;
    worker->draining = true;
    wb_backlog_end(worker->backlog);
    wb_hands_free(&worker->hands);
    wb_consumer_leave(worker->consumer);
    wb_producer_free(&worker->answers.producer);
    wb_backlog_free(&worker->backlog);
    wb_consumer_free(&worker->consumer);
    wb_journal_close(&worker->journal);
    wb_slot_release(&worker->slot);
    wb_stores_free(&worker->env.stores);
    wb_registry_free(&worker->env.registry);
    if (worker->env.pool)
        wb_pool_free(&worker->env.pool);
    wb_map_free(&worker->parts);
    pthread_mutex_destroy(&worker->failure_lock);
    free(worker);
}

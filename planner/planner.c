/* The planner as a stage: its place in the group, its turns, its end. */
#include "planner/planner.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "planner/shell.h"

enum {
    TURN_RECORDS = 2000,
    TURN_LINKS = 8192,
    TURN_BYTES = 8 * 1024 * 1024,
    SHORT_POLL_MS = 10, /* while jobs wait for their time */
    ID_MAX = 256
};

static const enum wb_topic inputs[WB_INPUTS] = {WB_TOPIC_EVENTS, WB_TOPIC_TRANSFERS,
                                                WB_TOPIC_VERDICTS};

/* ---- the group ---- */

static void close_part(struct wb_part *part)
{
    wb_ledger_close(&part->ledger);
    *part = (struct wb_part){.next = {-1, -1, -1}, .begun = {-1, -1, -1}};
}

/* What the turn has in memory was never anywhere else: it is forgotten, and read again by whoever
 * has the partitions next. */
static void on_revoked(void *arg, const struct wb_position *positions, size_t count, bool lost)
{
    struct wb_shell *shell = arg;
    (void)positions;
    (void)count;
    (void)lost;
    wb_health_set(shell->env->health, false, "waiting for partitions");
    for (int32_t p = 0; p < shell->partitions; p++)
        close_part(&shell->parts[p]);
    shell->ours = 0;
    wb_nodes_undo(shell);
    wb_turn_reset(shell);
    wb_map_clear(shell->queues);
}

static int input_index(const struct wb_shell *shell, const char *topic)
{
    for (int i = 0; i < WB_INPUTS; i++)
        if (strcmp(topic, shell->topics[inputs[i]]) == 0)
            return i;
    return -1;
}

/* The range assignor gives one member the same numbers of all topics, which have the same count. */
static enum wb_rc on_assigned(void *arg, struct wb_position *positions, size_t count,
                              struct wb_err *err)
{
    struct wb_shell *shell = arg;
    size_t found = 0;
    int32_t *partitions WB_AUTO(wb_free_ptr) = wb_xcalloc(count + 1, sizeof(*partitions));
    wb_health_set(shell->env->health, false, "reading state from the log");
    for (size_t i = 0; i < count; i++) {
        int input = input_index(shell, positions[i].topic);
        if (input < 0 || positions[i].partition >= shell->partitions)
            return wb_err_set(err, WB_CAT_USAGE, "topics changed; run `waybill topics check`");
        shell->parts[positions[i].partition].next[input] = positions[i].offset;
        if (input == 0)
            partitions[found++] = positions[i].partition;
    }
    if (found * WB_INPUTS != count)
        return wb_err_set(err, WB_CAT_INTERNAL, "partitions of the inputs do not go together");
    /* Who slept meanwhile must not tell of nodes, or go by rules, as they were before. */
    if (wb_catalog_catch_up(shell, err) != WB_OK ||
        wb_restore(shell, partitions, found, err) != WB_OK)
        return WB_ERROR;
    shell->ours = (int32_t)found;
    wb_turn_reset(shell);
    shell->now_ms = wb_clock_wall_ms();
    if (wb_queues_count(shell, err) != WB_OK)
        return WB_ERROR;
    wb_catalog_compare(shell);
    wb_health_set(shell->env->health, true, NULL);
    WB_LOG(WB_LOG_INFO, "planner ready", WB_LOG_INT("partitions", (int64_t)found));
    return WB_OK;
}

/* ---- a turn ---- */

static bool anything_waits(struct wb_span key, void *value, void *arg)
{
    const struct wb_queue *queue = value;
    (void)key;
    for (int lane = 0; lane < WB_LANE_COUNT; lane++)
        *(bool *)arg |= queue->count[lane][WB_STANDING_WAITING] > 0;
    return true;
}

static bool anything_to_compare(const struct wb_shell *shell)
{
    for (int32_t p = 0; p < shell->partitions; p++)
        if (shell->parts[p].ours && !shell->parts[p].compared)
            return true;
    return false;
}

static int first_wait_ms(struct wb_shell *shell, int timeout_ms)
{
    bool waits = false;
    if (anything_to_compare(shell))
        return 0;
    wb_map_each(shell->queues, anything_waits, &waits);
    return waits && timeout_ms > SHORT_POLL_MS ? SHORT_POLL_MS : timeout_ms;
}

static bool turn_is_full(const struct wb_shell *shell)
{
    return shell->consumed >= TURN_RECORDS || shell->link_count >= TURN_LINKS ||
           shell->consumed_bytes >= TURN_BYTES || wb_turn_is_heavy(shell);
}

static enum wb_rc take_records(struct wb_shell *shell, int timeout_ms, struct wb_err *err)
{
    int wait_ms = first_wait_ms(shell, timeout_ms);
    while (!turn_is_full(shell)) {
        struct wb_message *message WB_AUTO(wb_message_free) = NULL;
        if (wb_consumer_poll(shell->consumer, wait_ms, &message, err) != WB_OK)
            return WB_ERROR;
        if (!message)
            return WB_OK;
        shell->now_ms = wb_clock_wall_ms();
        if (wb_intake(shell, message, err) != WB_OK)
            return WB_ERROR;
        wait_ms = 0;
    }
    return WB_OK;
}

static enum wb_rc seek_back(struct wb_shell *shell, struct wb_err *err)
{
    for (int32_t p = 0; p < shell->partitions; p++) {
        struct wb_part *part = &shell->parts[p];
        for (int i = 0; i < WB_INPUTS && part->ours; i++) {
            const struct wb_position to = {shell->topics[inputs[i]], p, part->begun[i]};
            if (part->next[i] != part->begun[i] &&
                wb_consumer_seek(shell->consumer, &to, err) != WB_OK)
                return WB_ERROR;
        }
    }
    return WB_OK;
}

/* The turn never happened: nothing of it is in the log, so nothing may stay in the ledgers, and its
 * records are read again. */
static enum wb_rc undo(struct wb_shell *shell, struct wb_err *err)
{
    wb_metric_add(shell->metrics.aborts, 1);
    if (wb_producer_state(shell->producer) == WB_PRODUCER_FATAL)
        return WB_ERROR;
    wb_log_err(WB_LOG_WARN, "turn undone", err);
    if (wb_txn_abort(shell->producer, err) != WB_OK || seek_back(shell, err) != WB_OK)
        return WB_ERROR;
    for (int32_t p = 0; p < shell->partitions; p++)
        memcpy(shell->parts[p].next, shell->parts[p].begun, sizeof(shell->parts[p].next));
    if (wb_restore_undone(shell, err) != WB_OK)
        return WB_ERROR;
    wb_nodes_undo(shell);
    wb_turn_reset(shell);
    wb_catalog_compare(shell);
    return wb_queues_count(shell, err);
}

struct sum {
    struct wb_shell *shell;
    int64_t count[WB_STANDING_COUNT];
    int64_t parked;
};

static bool is_parked(const struct wb_shell *shell, const struct wb_queue *queue)
{
    return queue->held || queue->source->held || queue->target->held ||
           !wb_side_open(&queue->source->side[WB_SIDE_SOURCE], shell->now_ms) ||
           !wb_side_open(&queue->target->side[WB_SIDE_TARGET], shell->now_ms);
}

static bool add_queue(struct wb_span key, void *value, void *arg)
{
    struct sum *sum = arg;
    const struct wb_queue *queue = value;
    int64_t waiting = 0;
    (void)key;
    for (int lane = 0; lane < WB_LANE_COUNT; lane++) {
        for (int standing = 0; standing < WB_STANDING_COUNT; standing++)
            sum->count[standing] += queue->count[lane][standing];
        waiting += queue->count[lane][WB_STANDING_WAITING];
    }
    sum->parked += is_parked(sum->shell, queue) ? waiting : 0;
    return true;
}

static void show_queues(struct wb_shell *shell)
{
    struct sum sum = {.shell = shell};
    wb_map_each(shell->queues, add_queue, &sum);
    wb_metric_set(shell->metrics.in_flight, (double)sum.count[WB_STANDING_FLIGHT]);
    wb_metric_set(shell->metrics.waiting, (double)(sum.count[WB_STANDING_WAITING] - sum.parked));
    wb_metric_set(shell->metrics.parked, (double)sum.parked);
}

/* Once the log has the turn, it is not to be undone: ledgers that fail are closed, and read what
 * they lack from the log when they are opened again. */
static enum wb_rc finish_turn(struct wb_shell *shell, struct wb_err *err)
{
    int64_t begin_ns = wb_clock_mono_ns();
    bool needed = wb_flush_needed(shell);
    if (needed && wb_flush(shell, err) != WB_OK)
        return undo(shell, err);
    if (wb_flush_ledgers(shell, err) != WB_OK)
        return WB_ERROR;
    if (needed)
        wb_metric_observe(shell->metrics.turn_seconds,
                          (double)(wb_clock_mono_ns() - begin_ns) / 1e9);
    enum wb_rc rc = shell->ours > 0 ? wb_nodes_tell(shell, err) : WB_OK;
    wb_turn_reset(shell);
    show_queues(shell);
    return rc;
}

static enum wb_rc turn(void *self, int timeout_ms, struct wb_err *err)
{
    struct wb_shell *shell = self;
    if (wb_catalog_poll(shell, err) != WB_OK || take_records(shell, timeout_ms, err) != WB_OK)
        return WB_ERROR;
    shell->now_ms = wb_clock_wall_ms();
    if (shell->ours > 0 && (wb_reconcile(shell, err) != WB_OK || wb_dispatch(shell, err) != WB_OK))
        return WB_ERROR;
    return finish_turn(shell, err);
}

/* A turn leaves nothing begun. */
static enum wb_rc drain(void *self, int timeout_ms, bool *ret_done, struct wb_err *err)
{
    (void)self;
    (void)timeout_ms;
    (void)err;
    *ret_done = true;
    return WB_OK;
}

/* ---- birth and end ---- */

static void find_metrics(struct wb_shell *shell)
{
    struct wb_metrics *all = shell->env->metrics;
    struct wb_planner_metrics *m = &shell->metrics;
    m->events = wb_metrics_get(all, WB_METRIC_COUNTER, "waybill_events_total",
                               "File events taken in.", NULL);
    m->unmatched = wb_metrics_get(all, WB_METRIC_COUNTER, "waybill_events_unmatched_total",
                                  "File events that no rule matches.", NULL);
    m->ignored = wb_metrics_get(all, WB_METRIC_COUNTER, "waybill_deletes_ignored_total",
                                "Deletes that the rules do not propagate.", NULL);
    m->forwarded = wb_metrics_get(all, WB_METRIC_COUNTER, "waybill_events_forwarded_total",
                                  "File events that came to a wrong partition.", NULL);
    m->unreadable = wb_metrics_get(all, WB_METRIC_COUNTER, "waybill_unreadable_total",
                                   "Records that could not be read.", "stage=\"planner\"");
    m->aborts = wb_metrics_get(all, WB_METRIC_COUNTER, "waybill_planner_undone_total",
                               "Turns that the log refused.", NULL);
    m->turn_seconds = wb_metrics_get(all, WB_METRIC_HISTOGRAM, "waybill_planner_flush_seconds",
                                     "Time to put a turn into the log.", NULL);
    m->in_flight = wb_metrics_get(all, WB_METRIC_GAUGE, "waybill_jobs_in_flight",
                                  "Jobs whose answer is due.", NULL);
    m->waiting = wb_metrics_get(all, WB_METRIC_GAUGE, "waybill_jobs_waiting",
                                "Jobs that wait for their turn.", NULL);
    m->parked = wb_metrics_get(all, WB_METRIC_GAUGE, "waybill_jobs_parked",
                               "Jobs that wait for a node or an operator.", NULL);
    m->rules = wb_metrics_get(all, WB_METRIC_GAUGE, "waybill_rules",
                              "Rules that the planner goes by.", NULL);
    for (int strategy = WB_STRATEGY_BATCH; strategy <= WB_STRATEGY_STREAMING; strategy++) {
        char labels[48];
        (void)snprintf(labels, sizeof(labels), "strategy=\"%s\"",
                       wb_strategy_name((enum wb_strategy)strategy));
        m->first_proof[strategy] =
            wb_metrics_get(all, WB_METRIC_HISTOGRAM, "waybill_first_proof_seconds",
                           "From the event to the first proved range.", labels);
        m->publish_gap[strategy] =
            wb_metrics_get(all, WB_METRIC_HISTOGRAM, "waybill_publish_gap_seconds",
                           "From the last range copied to the file proved and published.", labels);
    }
    for (int end = 0; end <= WB_END_DEAD; end++) {
        char labels[48];
        (void)snprintf(labels, sizeof(labels), "end=\"%s\"", wb_end_name((enum wb_end)end));
        m->ended[end] = wb_metrics_get(all, WB_METRIC_COUNTER, "waybill_ended_total",
                                       "Events ended, by how.", labels);
    }
}

static enum wb_rc prepare_topics(struct wb_shell *shell, struct wb_err *err)
{
    static const enum wb_topic outputs[] = {WB_TOPIC_EVENTS, WB_TOPIC_TASKS, WB_TOPIC_JOBS,
                                            WB_TOPIC_REPLICAS, WB_TOPIC_DEAD};
    for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++)
        if (wb_producer_prepare(shell->producer, shell->topics[outputs[i]], err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

static enum wb_rc join_group(struct wb_shell *shell, struct wb_err *err)
{
    char group[ID_MAX];
    char id[ID_MAX];
    const char *prefix = wb_config_text(shell->env->config, WB_OPT_PREFIX);
    const char *topics[WB_INPUTS];
    for (int i = 0; i < WB_INPUTS; i++)
        topics[i] = shell->topics[inputs[i]];
    (void)snprintf(group, sizeof(group), "%s.planner", prefix);
    (void)snprintf(id, sizeof(id), "%s.%s", prefix, shell->slot.name);
    const struct wb_rebalance_ops ops = {on_assigned, on_revoked, shell};
    if (wb_producer_new(shell->env->config, id, wb_flush_delivered, shell, &shell->producer, err) !=
            WB_OK ||
        prepare_topics(shell, err) != WB_OK ||
        wb_producer_new(shell->env->config, NULL, NULL, NULL, &shell->teller, err) != WB_OK ||
        wb_producer_prepare(shell->teller, shell->topics[WB_TOPIC_NODES], err) != WB_OK ||
        wb_consumer_new_static(shell->env->config, group, shell->slot.name, &ops, &shell->consumer,
                               err) != WB_OK)
        return WB_ERROR;
    return wb_consumer_subscribe(shell->consumer, topics, WB_INPUTS, err);
}

static enum wb_rc begin(struct wb_shell *shell, struct wb_err *err)
{
    const struct wb_config *config = shell->env->config;
    for (int topic = 0; topic < WB_TOPIC_COUNT; topic++)
        (void)wb_topic_name(config, (enum wb_topic)topic, NULL, shell->topics[topic]);
    if (wb_topics_partitions(config, &shell->partitions, err) != WB_OK ||
        wb_codec_new(&shell->codec, err) != WB_OK ||
        wb_slot_take(config, "planner", &shell->slot, err) != WB_OK ||
        wb_registry_new(config, &shell->registry, err) != WB_OK)
        return WB_ERROR;
    shell->parts = wb_xcalloc((size_t)shell->partitions, sizeof(*shell->parts));
    for (int32_t p = 0; p < shell->partitions; p++)
        close_part(&shell->parts[p]);
    wb_turn_reset(shell);
    shell->now_ms = wb_clock_wall_ms();
    if (wb_catalog_poll(shell, err) != WB_OK)
        return WB_ERROR;
    return join_group(shell, err);
}

static void close_planner(void *self)
{
    struct wb_shell *shell = self;
    wb_consumer_free(&shell->consumer);
    wb_producer_free(&shell->producer);
    wb_producer_free(&shell->teller);
    for (int32_t p = 0; p < shell->partitions && shell->parts; p++)
        close_part(&shell->parts[p]);
    free(shell->parts);
    wb_slot_release(&shell->slot);
    wb_registry_free(&shell->registry);
    wb_codec_free(&shell->codec);
    wb_mime_free(&shell->mime);
    wb_map_free(&shell->links);
    wb_map_free(&shell->queues);
    wb_map_free(&shell->nodes);
    wb_config_free(&shell->settings);
    wb_buf_free(&shell->value);
    wb_arena_free(&shell->arena);
    wb_arena_free(&shell->catalog);
    free(shell);
}

static enum wb_rc open_planner(const struct wb_stage_env *env, void **ret_self, struct wb_err *err)
{
    struct wb_shell *shell = wb_xcalloc(1, sizeof(*shell));
    shell->env = env;
    shell->slot.lock_fd = -1;
    shell->arena = wb_arena_new(WB_TURN_ARENA);
    shell->value = wb_buf_make(WB_RECORD_MAX);
    shell->links = wb_map_new(NULL);
    shell->queues = wb_map_new(free);
    shell->nodes = wb_map_new(free);
    shell->defaults = wb_rules_defaults(env->config);
    shell->mime = wb_mime_new("/etc/mime.types");
    find_metrics(shell);
    if (begin(shell, err) != WB_OK) {
        close_planner(shell);
        return WB_ERROR;
    }
    *ret_self = shell;
    return WB_OK;
}

const struct wb_stage_ops wb_planner_stage = {
    .name = "planner",
    .open = open_planner,
    .turn = turn,
    .drain = drain,
    .close = close_planner,
};

/* Consumers of core/wire/log.h over the simulated log. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/simlog.h"

enum {
    ASSIGNED_MOST = SIM_GROUP_TOPICS * SIM_PARTITIONS,
    IDLE_DOUBLINGS_MOST = 20,
    SCAN_SECONDS = 30
};

enum wb_rc wb_consumer_new_static(const struct wb_config *config, const char *group,
                                  const char *member, const struct wb_rebalance_ops *ops,
                                  struct wb_consumer **ret, struct wb_err *err)
{
    (void)config;
    if (!sim_log_call("consumer", err))
        return WB_ERROR;
    struct wb_consumer *consumer = wb_xcalloc(1, sizeof(*consumer));
    consumer->proc = sim_self();
    consumer->assigned = wb_xcalloc(ASSIGNED_MOST, sizeof(*consumer->assigned));
    consumer->generation = -1;
    consumer->group = group ? sim_group_named(group) : NULL;
    consumer->has_ops = ops != NULL;
    if (ops)
        consumer->ops = *ops;
    if (member)
        (void)snprintf(consumer->instance, sizeof(consumer->instance), "%s", member);
    *ret = consumer;
    return WB_OK;
}

enum wb_rc wb_consumer_new(const struct wb_config *config, const char *group,
                           const struct wb_rebalance_ops *ops, struct wb_consumer **ret,
                           struct wb_err *err)
{
    return wb_consumer_new_static(config, group, NULL, ops, ret, err);
}

void wb_consumer_free(struct wb_consumer **consumer)
{
    if (!*consumer)
        return;
    sim_group_leave(*consumer);
    free((*consumer)->assigned);
    free(*consumer);
    *consumer = NULL;
}

enum wb_rc wb_consumer_subscribe(struct wb_consumer *consumer, const char *const *names,
                                 size_t count, struct wb_err *err)
{
    if (!sim_log_call("subscribe", err))
        return WB_ERROR;
    for (size_t i = 0; i < count; i++) {
        consumer->topics[i] = sim_topic_named(names[i]);
        sim_group_reads(consumer->group, consumer->topics[i]);
    }
    consumer->topic_count = count;
    return WB_OK;
}

enum wb_rc wb_consumer_assign(struct wb_consumer *consumer, const struct wb_position *positions,
                              size_t count, struct wb_err *err)
{
    (void)err;
    for (size_t i = 0; i < count; i++)
        consumer->assigned[i] =
            (struct sim_assignment){sim_topic_named(positions[i].topic), positions[i].partition,
                                    positions[i].offset < 0 ? 0 : positions[i].offset, false};
    consumer->assigned_count = count;
    return WB_OK;
}

/* ---- polling ---- */

/* Moves past what readers do not see; false at the end. */
static bool skip_unseen(struct sim_assignment *assigned)
{
    struct sim_partition *partition = &assigned->topic->partitions[assigned->partition];
    int64_t end = sim_stable(partition);
    if (assigned->next < 0)
        assigned->next = 0;
    while (assigned->next < end && partition->records[assigned->next].state != SIM_RECORD_VISIBLE)
        assigned->next++;
    return assigned->next < end;
}

static bool is_forgotten(const struct sim_assignment *assigned)
{
    return assigned->next >= 0 &&
           assigned->next < assigned->topic->partitions[assigned->partition].start;
}

/* Who is out of the group hears that first; of the others none may ask for what was read. */
static enum wb_rc check_kept(const struct wb_consumer *consumer, struct wb_err *err)
{
    for (size_t i = 0; i < consumer->assigned_count; i++)
        if (is_forgotten(&consumer->assigned[i]) && sim_group_current(consumer))
            return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_LIMIT, "%s: offset %lld is gone",
                             consumer->assigned[i].topic->name,
                             (long long)consumer->assigned[i].next);
    return WB_OK;
}

static struct sim_assignment *pick(struct wb_consumer *consumer)
{
    struct sim_assignment *ready[ASSIGNED_MOST];
    size_t count = 0;
    for (size_t i = 0; i < consumer->assigned_count; i++)
        if (!consumer->assigned[i].paused && !is_forgotten(&consumer->assigned[i]) &&
            skip_unseen(&consumer->assigned[i]))
            ready[count++] = &consumer->assigned[i];
    return count ? ready[sim_below(SIM_SCHEDULE, (int64_t)count)] : NULL;
}

static struct wb_message *take(struct sim_assignment *assigned)
{
    const struct sim_record *record =
        &assigned->topic->partitions[assigned->partition].records[assigned->next];
    struct wb_message *message = wb_xcalloc(1, sizeof(*message));
    *message = (struct wb_message){.topic = assigned->topic->name,
                                   .partition = assigned->partition,
                                   .offset = assigned->next,
                                   .timestamp_ms = record->timestamp_ms,
                                   .key = record->key,
                                   .value = record->value,
                                   .handle = message};
    assigned->next++;
    return message;
}

/* A member that finds nothing again and again polls more and more rarely: idle days cost little. */
static int64_t patience_ns(struct wb_consumer *consumer, int timeout_ms)
{
    int64_t ns = timeout_ms * SIM_MS;
    if (!consumer->group || !consumer->proc)
        return ns;
    int *idle = &consumer->proc->idle;
    int64_t longer = SIM_MS << *idle;
    if (*idle < IDLE_DOUBLINGS_MOST)
        ++*idle;
    return longer > ns ? longer : ns;
}

enum wb_rc wb_consumer_poll(struct wb_consumer *consumer, int timeout_ms, struct wb_message **ret,
                            struct wb_err *err)
{
    *ret = NULL;
    if (!sim_pause())
        return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_UNREACHABLE, "poll: killed");
    sim_groups_tick();
    sim_txns_tick();
    for (bool waited = timeout_ms == 0;; waited = true) {
        if (!sim_log_is_down() &&
            (sim_group_serve(consumer, err) != WB_OK || check_kept(consumer, err) != WB_OK))
            return WB_ERROR;
        struct sim_assignment *assigned = sim_log_is_down() ? NULL : pick(consumer);
        if (assigned) {
            *ret = take(assigned);
            if (consumer->proc && consumer->group)
                consumer->proc->idle = 0;
            return WB_OK;
        }
        if (waited)
            return WB_OK;
        sim_wait_for_log_ns(patience_ns(consumer, timeout_ms));
        if (consumer->proc && consumer->proc->killed)
            return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_UNREACHABLE, "poll: killed");
    }
}

void wb_message_free(struct wb_message **message)
{
    if (!*message)
        return;
    free((*message)->handle);
    *message = NULL;
}

/* ---- the rest ---- */

enum wb_rc wb_consumer_commit(struct wb_consumer *consumer, const struct wb_position *positions,
                              size_t count, bool wait, struct wb_err *err)
{
    (void)wait;
    if (!sim_log_call("commit", err))
        return WB_ERROR;
    if (!sim_group_current(consumer))
        return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_IO, "commit: generation is another one");
    for (size_t i = 0; i < count; i++)
        sim_group_commit(consumer->group, sim_topic_named(positions[i].topic),
                         positions[i].partition, positions[i].offset);
    return WB_OK;
}

enum wb_rc wb_consumer_seek(struct wb_consumer *consumer, const struct wb_position *position,
                            struct wb_err *err)
{
    const struct sim_topic *topic = sim_topic_named(position->topic);
    if (!sim_log_call("seek", err))
        return WB_ERROR;
    for (size_t i = 0; i < consumer->assigned_count; i++) {
        struct sim_assignment *assigned = &consumer->assigned[i];
        if (assigned->topic == topic && assigned->partition == position->partition) {
            assigned->next = position->offset < 0 ? 0 : position->offset;
            return WB_OK;
        }
    }
    return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_IO, "seek: not assigned");
}

enum wb_rc wb_consumer_pause(struct wb_consumer *consumer, const struct wb_position *positions,
                             size_t count, bool pause, struct wb_err *err)
{
    (void)err;
    for (size_t i = 0; i < consumer->assigned_count; i++)
        for (size_t k = 0; k < count; k++)
            if (strcmp(consumer->assigned[i].topic->name, positions[k].topic) == 0 &&
                consumer->assigned[i].partition == positions[k].partition)
                consumer->assigned[i].paused = pause;
    return WB_OK;
}

enum wb_rc wb_consumer_watermarks(struct wb_consumer *consumer, const char *topic,
                                  int32_t partition, int64_t *ret_low, int64_t *ret_high,
                                  struct wb_err *err)
{
    (void)consumer;
    if (!sim_log_call("watermarks", err))
        return WB_ERROR;
    *ret_low = sim_topic_named(topic)->partitions[partition].start;
    *ret_high = sim_stable(&sim_topic_named(topic)->partitions[partition]);
    return WB_OK;
}

enum wb_rc wb_consumer_offset_at(struct wb_consumer *consumer, const char *topic, int32_t partition,
                                 int64_t wall_ms, int64_t *ret, struct wb_err *err)
{
    int64_t low;
    int64_t end;
    if (wb_consumer_watermarks(consumer, topic, partition, &low, &end, err) != WB_OK)
        return WB_ERROR;
    const struct sim_record *records = sim_topic_named(topic)->partitions[partition].records;
    while (low < end && records[low].timestamp_ms < wall_ms)
        low++;
    *ret = low;
    return WB_OK;
}

enum wb_rc wb_consumer_committed(struct wb_consumer *consumer, const char *topic, int32_t partition,
                                 int64_t *ret, struct wb_err *err)
{
    if (!sim_log_call("committed", err))
        return WB_ERROR;
    *ret = sim_group_committed(consumer->group, sim_topic_named(topic), partition);
    return WB_OK;
}

bool wb_consumer_joined(const struct wb_consumer *consumer)
{
    return consumer->joined;
}

/* ---- scans ---- */

struct scan {
    struct sim_topic *topic;
    bool whole; /* to the end of what was written, open or not */
    enum wb_rc (*visit)(void *arg, const struct wb_message *message, struct wb_err *err);
    void *arg;
};

/* Waits for transactions that are open when the whole is asked for. */
static enum wb_rc end_of_scan(const struct scan *scan, struct sim_partition *partition,
                              int64_t *ret, struct wb_err *err)
{
    *ret = scan->whole ? partition->count : sim_stable(partition);
    int64_t until_ns = sim_now_ns() + SCAN_SECONDS * SIM_SECOND;
    while (sim_stable(partition) < *ret) {
        if (sim_now_ns() > until_ns)
            return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_TIMEOUT, "scan: a transaction hangs");
        sim_sleep_ns(SIM_SECOND);
        if (!sim_log_call("scan", err))
            return WB_ERROR;
    }
    return WB_OK;
}

static enum wb_rc scan_partition(const struct scan *scan, int32_t number, int64_t *next,
                                 struct wb_err *err)
{
    struct sim_partition *partition = &scan->topic->partitions[number];
    int64_t end;
    int64_t at = *next < 0 ? 0 : *next;
    if (at >= partition->count)
        return WB_OK;
    if (end_of_scan(scan, partition, &end, err) != WB_OK)
        return WB_ERROR;
    for (; at < end; at++) {
        const struct sim_record *record = &partition->records[at];
        const struct wb_message message = {.topic = scan->topic->name,
                                           .partition = number,
                                           .offset = at,
                                           .timestamp_ms = record->timestamp_ms,
                                           .key = record->key,
                                           .value = record->value};
        if (record->state == SIM_RECORD_VISIBLE && scan->visit(scan->arg, &message, err) != WB_OK)
            return WB_ERROR;
    }
    *next = at;
    return WB_OK;
}

static enum wb_rc scan_all(const struct scan *scan, int64_t *from, int32_t from_count,
                           struct wb_err *err)
{
    for (int32_t p = 0; p < scan->topic->partition_count; p++) {
        int64_t next = from && p < from_count ? from[p] : -1;
        if (!sim_log_call("scan", err) || scan_partition(scan, p, &next, err) != WB_OK)
            return WB_ERROR;
        if (from && p < from_count)
            from[p] = next;
    }
    return WB_OK;
}

enum wb_rc wb_log_scan(const struct wb_config *config, const char *name, int64_t *from,
                       int32_t from_count,
                       enum wb_rc (*visit)(void *arg, const struct wb_message *message,
                                           struct wb_err *err),
                       void *arg, struct wb_err *err)
{
    const struct scan scan = {sim_topic_named(name), false, visit, arg};
    (void)config;
    return scan_all(&scan, from, from_count, err);
}

enum wb_rc wb_log_scan_whole(const struct wb_config *config, const char *name, int64_t *from,
                             int32_t from_count,
                             enum wb_rc (*visit)(void *arg, const struct wb_message *message,
                                                 struct wb_err *err),
                             void *arg, struct wb_err *err)
{
    const struct scan scan = {sim_topic_named(name), true, visit, arg};
    (void)config;
    return scan_all(&scan, from, from_count, err);
}

enum wb_rc wb_log_ends(const struct wb_config *config, const char *name, int64_t *ret_ends,
                       int32_t count, struct wb_err *err)
{
    (void)config;
    if (!sim_log_call("ends", err))
        return WB_ERROR;
    for (int32_t p = 0; p < count; p++)
        ret_ends[p] = sim_topic_named(name)->partitions[p].count;
    return WB_OK;
}

/* Topics in memory, what compaction and outages do to them, and readers by hand. */
#include "tests/sim/simlog.h"

#include <stdlib.h>
#include <string.h>

#include "core/wire/topics.h"

static struct sim_topic topics[WB_TOPIC_COUNT];
static bool down;

void sim_log_begin(void)
{
    static const int32_t counts[WB_TOPIC_COUNT] = {[WB_TOPIC_EVENTS] = SIM_PARTITIONS,
                                                   [WB_TOPIC_TASKS] = SIM_PARTITIONS,
                                                   [WB_TOPIC_TRANSFERS] = SIM_PARTITIONS,
                                                   [WB_TOPIC_VERDICTS] = SIM_PARTITIONS,
                                                   [WB_TOPIC_JOBS] = SIM_PARTITIONS,
                                                   [WB_TOPIC_REPLICAS] = SIM_PARTITIONS,
                                                   [WB_TOPIC_DEAD] = 1,
                                                   [WB_TOPIC_NODES] = 1,
                                                   [WB_TOPIC_SETTINGS] = 1};
    down = false;
    for (int i = 0; i < WB_TOPIC_COUNT; i++) {
        (void)wb_topic_name(sim.config, (enum wb_topic)i, NULL, topics[i].name);
        topics[i].partition_count = counts[i];
        for (int p = 0; p < SIM_PARTITIONS; p++) {
            struct sim_partition *partition = &topics[i].partitions[p];
            partition->count = partition->stable = partition->start = 0;
        }
    }
    sim_groups_begin();
    sim_txns_begin();
}

void sim_log_end(void)
{
    for (int i = 0; i < WB_TOPIC_COUNT; i++)
        for (int p = 0; p < SIM_PARTITIONS; p++)
            topics[i].partitions[p].count = 0;
}

struct sim_topic *sim_topic(enum wb_topic topic)
{
    return &topics[topic];
}

struct sim_topic *sim_topic_named(const char *name)
{
    for (int i = 0; i < WB_TOPIC_COUNT; i++)
        if (strcmp(topics[i].name, name) == 0)
            return &topics[i];
    return NULL;
}

int64_t sim_append(struct sim_topic *topic, int32_t number, struct wb_span key,
                   struct wb_span value, uint32_t txn, enum sim_record_state state)
{
    struct sim_partition *partition = &topic->partitions[number];
    if (partition->count == partition->room) {
        partition->room = partition->room ? 2 * partition->room : 64;
        partition->records =
            realloc(partition->records, (size_t)partition->room * sizeof(*partition->records));
        if (!partition->records)
            abort();
    }
    struct sim_record *record = &partition->records[partition->count];
    *record =
        (struct sim_record){.timestamp_ms = sim_now_ns() / SIM_MS, .txn = txn, .state = state};
    if (key.data)
        record->key = wb_arena_span(sim.arena, key);
    if (value.data)
        record->value = wb_arena_span(sim.arena, value);
    if (state == SIM_RECORD_VISIBLE)
        sim_log_changed();
    return partition->count++;
}

int64_t sim_stable(struct sim_partition *partition)
{
    while (partition->stable < partition->count &&
           partition->records[partition->stable].state != SIM_RECORD_OPEN)
        partition->stable++;
    return partition->stable;
}

const struct sim_record *sim_newest(enum wb_topic topic, int32_t number, struct wb_span key)
{
    const struct sim_partition *partition = &topics[topic].partitions[number];
    for (int64_t i = partition->count - 1; i >= 0; i--) {
        const struct sim_record *record = &partition->records[i];
        if (record->state == SIM_RECORD_VISIBLE && wb_span_eq(record->key, key))
            return record->value.data ? record : NULL;
    }
    return NULL;
}

/* ---- what goes wrong ---- */

static bool replaced(const struct sim_partition *partition, int64_t at, int64_t end)
{
    for (int64_t i = at + 1; i < end; i++)
        if (partition->records[i].state == SIM_RECORD_VISIBLE &&
            wb_span_eq(partition->records[i].key, partition->records[at].key))
            return true;
    return false;
}

/* The cleaner works up to some point before the last stable offset; a tombstone that is old enough
 * goes as well. */
static void compact(struct sim_partition *partition)
{
    int64_t end = sim_below(SIM_FAULTS, sim_stable(partition) + 1);
    int64_t old_ms = (sim_now_ns() - 24 * SIM_HOUR) / SIM_MS;
    for (int64_t i = 0; i < end; i++) {
        struct sim_record *record = &partition->records[i];
        bool forgotten = record->state == SIM_RECORD_VISIBLE && !record->value.data &&
                         record->timestamp_ms < old_ms;
        if (record->state == SIM_RECORD_ABORTED || forgotten ||
            (record->state == SIM_RECORD_VISIBLE && replaced(partition, i, end)))
            record->state = SIM_RECORD_GONE;
    }
}

void sim_log_compact(void)
{
    enum wb_topic topic = sim_chance(SIM_FAULTS, 500) ? WB_TOPIC_JOBS : WB_TOPIC_REPLICAS;
    int32_t partition = (int32_t)sim_below(SIM_FAULTS, SIM_PARTITIONS);
    compact(&topics[topic].partitions[partition]);
}

void sim_log_retain(void)
{
    static const enum wb_topic which[] = {WB_TOPIC_EVENTS, WB_TOPIC_TASKS, WB_TOPIC_TRANSFERS,
                                          WB_TOPIC_VERDICTS};
    struct sim_topic *topic = &topics[which[sim_below(SIM_FAULTS, 4)]];
    int32_t number = (int32_t)sim_below(SIM_FAULTS, topic->partition_count);
    int64_t start = sim_below(SIM_FAULTS, sim_groups_need(topic, number) + 1);
    if (start > topic->partitions[number].start)
        topic->partitions[number].start = start;
}

void sim_log_duplicate(void)
{
    static const enum wb_topic which[] = {WB_TOPIC_TASKS, WB_TOPIC_TRANSFERS, WB_TOPIC_VERDICTS,
                                          WB_TOPIC_TASKS};
    struct sim_topic *topic = &topics[which[sim_below(SIM_FAULTS, 4)]];
    int32_t number = (int32_t)sim_below(SIM_FAULTS, topic->partition_count);
    const struct sim_partition *partition = &topic->partitions[number];
    if (partition->count == partition->start)
        return;
    const struct sim_record record =
        partition->records[partition->start +
                           sim_below(SIM_FAULTS, partition->count - partition->start)];
    if (record.state == SIM_RECORD_VISIBLE)
        (void)sim_append(topic, number, record.key, record.value, 0, SIM_RECORD_VISIBLE);
}

void sim_log_set_down(bool is_down)
{
    down = is_down;
    sim_log_changed();
}

bool sim_log_is_down(void)
{
    return down;
}

bool sim_log_call(const char *what, struct wb_err *err)
{
    if (!sim_pause()) {
        (void)wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_UNREACHABLE, "%s: killed", what);
        return false;
    }
    sim_groups_tick();
    sim_txns_tick();
    if (!down)
        return true;
    sim_sleep_ns(sim_below(SIM_SCHEDULE, 500) * SIM_MS);
    if (!down)
        return sim_log_call(what, err);
    (void)wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_UNREACHABLE, "%s: no broker answers", what);
    return false;
}

/* ---- the cluster ---- */

enum wb_rc wb_topics_partitions(const struct wb_config *config, int32_t *ret, struct wb_err *err)
{
    (void)config;
    if (!sim_log_call("partitions", err))
        return WB_ERROR;
    *ret = SIM_PARTITIONS;
    return WB_OK;
}

enum wb_rc wb_log_ping(const struct wb_config *config, int timeout_ms, struct wb_err *err)
{
    (void)config;
    (void)timeout_ms;
    return sim_log_call("ping", err) ? WB_OK : WB_ERROR;
}

enum wb_rc wb_log_cluster(const struct wb_config *config, int timeout_ms, char *ret,
                          struct wb_err *err)
{
    (void)snprintf(ret, 64, "simulated");
    return wb_log_ping(config, timeout_ms, err);
}

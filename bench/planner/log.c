/* What the benchmark does to the simulated log by itself. */
#include <stdlib.h>

#include "bench/planner/bench.h"

enum { LASTING_MOST = 16 * 1024 * 1024 };

void bench_die(const char *what, const struct wb_err *err)
{
    (void)fprintf(stderr, "bench_planner: %s: %s\n", what, err ? err->text : "failed");
    exit(1);
}

void bench_append(enum wb_topic topic, int32_t partition, struct wb_span key,
                  enum wb_record_type type, const void *record)
{
    static struct wb_buf value;
    struct wb_err err;
    if (!value.cap)
        value = wb_buf_make(WB_RECORD_MAX);
    wb_buf_clear(&value);
    if (wb_codec_encode(sim.codec, type, record, &value, &err) != WB_OK)
        bench_die("cannot encode a record", &err);
    (void)sim_append(sim_topic(topic), partition, key, wb_buf_span(&value), 0, SIM_RECORD_VISIBLE);
}

static void forget(struct sim_partition *partition)
{
    for (int64_t i = partition->count - 1; i >= 0; i--) {
        struct sim_record *record = &partition->records[i];
        if (record->state == SIM_RECORD_GONE)
            return;
        record->key = record->value = wb_span_of(NULL, 0);
        record->state = SIM_RECORD_GONE;
    }
}

/* They are few, and read by whoever comes to it. */
static void keep(enum wb_topic topic)
{
    static struct wb_arena *lasting;
    static int64_t kept[WB_TOPIC_COUNT];
    const struct sim_partition *partition = &sim_topic(topic)->partitions[0];
    if (!lasting)
        lasting = wb_arena_new(LASTING_MOST);
    for (; kept[topic] < partition->count; kept[topic]++) {
        struct sim_record *record = &partition->records[kept[topic]];
        record->key = wb_arena_span(lasting, record->key);
        record->value = wb_arena_span(lasting, record->value);
    }
}

void bench_log_forget(void)
{
    keep(WB_TOPIC_NODES);
    keep(WB_TOPIC_SETTINGS);
    for (int t = 0; t < WB_TOPIC_COUNT; t++)
        for (int32_t p = 0; p < sim_topic((enum wb_topic)t)->partition_count; p++)
            if (t != WB_TOPIC_NODES && t != WB_TOPIC_SETTINGS)
                forget(&sim_topic((enum wb_topic)t)->partitions[p]);
    wb_arena_reset(sim.arena);
}

int64_t bench_log_bytes(void)
{
    int64_t records = 0;
    for (int t = 0; t < WB_TOPIC_COUNT; t++)
        for (int32_t p = 0; p < sim_topic((enum wb_topic)t)->partition_count; p++)
            records += sim_topic((enum wb_topic)t)->partitions[p].count;
    return records * (int64_t)sizeof(struct sim_record);
}

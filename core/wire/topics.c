/* The catalogue: what topics there are, and which partition is whose home. */
#include "core/wire/topics.h"

#include <stdio.h>

enum { NAME_BYTES = 256, KEY_BYTES = 8192 };

#define DAYS(n) ((n)*86400000LL)

static const struct wb_topic_row rows[WB_TOPIC_COUNT] = {
    {WB_TOPIC_EVENTS, "events", true, 0, false, DAYS(30), "what happened to files"},
    {WB_TOPIC_TASKS, "tasks", false, 0, false, DAYS(7), "work for transfer"},
    {WB_TOPIC_TRANSFERS, "transfers", true, 0, false, DAYS(7), "what transfer did"},
    {WB_TOPIC_VERDICTS, "verdicts", true, 0, false, DAYS(7), "what the verifier found"},
    {WB_TOPIC_JOBS, "jobs", true, 0, true, -1, "what is in flight"},
    {WB_TOPIC_REPLICAS, "replicas", true, 0, true, -1, "what is proved, where"},
    {WB_TOPIC_DEAD, "dead", false, 1, false, DAYS(365), "what needs a person"},
    {WB_TOPIC_NODES, "nodes", false, 1, true, -1, "storage nodes and their health"},
    {WB_TOPIC_SETTINGS, "settings", false, 1, true, -1, "rules and runtime settings"},
};

const struct wb_topic_row *wb_topic_row(enum wb_topic topic)
{
    return &rows[topic];
}

const char *wb_topic_name(const struct wb_config *config, enum wb_topic topic, const char *site,
                          char *out)
{
    bool own = topic == WB_TOPIC_TASKS && site && *site;
    (void)snprintf(out, NAME_BYTES, "%s.%s%s%s", wb_config_text(config, WB_OPT_PREFIX),
                   rows[topic].name, own ? "." : "", own ? site : "");
    return out;
}

/* Java's default partitioner: murmur2 (seed 0x9747b28c), sign bit cleared. */
static uint32_t murmur2(struct wb_span key)
{
    const uint32_t m = 0x5bd1e995;
    uint32_t hash = 0x9747b28c ^ (uint32_t)key.len;
    size_t at = 0;
    for (; at + 4 <= key.len; at += 4) {
        uint32_t k = (uint32_t)key.data[at] | (uint32_t)key.data[at + 1] << 8 |
                     (uint32_t)key.data[at + 2] << 16 | (uint32_t)key.data[at + 3] << 24;
        k *= m;
        k ^= k >> 24;
        hash = (hash * m) ^ (k * m);
    }
    uint32_t tail = 0;
    for (size_t i = key.len; i > at; i--)
        tail = tail << 8 | key.data[i - 1];
    if (at < key.len)
        hash = (hash ^ tail) * m;
    hash = (hash ^ hash >> 13) * m;
    return hash ^ hash >> 15;
}

int32_t wb_home_partition(const char *node, struct wb_span path, int32_t partitions)
{
    struct wb_err err;
    struct wb_buf key WB_AUTO(wb_buf_free) = wb_buf_make(KEY_BYTES);
    if (wb_file_key(node, path, &key, &err) != WB_OK)
        return 0;
    return (int32_t)((murmur2(wb_buf_span(&key)) & 0x7fffffff) % (uint32_t)partitions);
}

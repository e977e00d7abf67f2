/* The table of options: the only place that knows their names, types, defaults and bounds. */
#include "core/base/config.h"

#include <stddef.h>

enum { KIB = 1024, MIB = 1024 * 1024 };

#define COMMON(i, k, f, s) .id = (i), .key = (k), .flag = (f), .short_flag = (s)
#define LIVE .live = true

static const struct wb_opt_row table[WB_OPT_COUNT] = {
    {COMMON(WB_OPT_SITE, "site", "site", 0), .type = WB_OPT_TEXT, .fallback = "",
     .argument = "NAME", .help = "site of this process; tasks of a site go to its own topic"},
    {COMMON(WB_OPT_BROKERS, "kafka.bootstrap.servers", "brokers", 'b'), .type = WB_OPT_TEXT,
     .fallback = "127.0.0.1:9092", .argument = "ADDR",
     .help = "Kafka brokers, host:port separated by commas"},
    {COMMON(WB_OPT_KAFKA, "kafka", NULL, 'X'), .type = WB_OPT_MAP, .argument = "KEY=VALUE",
     .help = "any librdkafka setting, verbatim; may be given again"},
    {COMMON(WB_OPT_KAFKA_PRODUCER, "kafka.producer", NULL, 0), .type = WB_OPT_MAP,
     .argument = "KEY=VALUE", .help = "librdkafka settings for producers only"},
    {COMMON(WB_OPT_KAFKA_CONSUMER, "kafka.consumer", NULL, 0), .type = WB_OPT_MAP,
     .argument = "KEY=VALUE", .help = "librdkafka settings for consumers only"},
    {COMMON(WB_OPT_PREFIX, "topics.prefix", "prefix", 0), .type = WB_OPT_TEXT,
     .fallback = "waybill", .argument = "NAME",
     .help = "first part of every topic's and group's name"},
    {COMMON(WB_OPT_PARTITIONS, "topics.partitions", "partitions", 0), .type = WB_OPT_INT,
     .fallback = "12", .least = 1, .most = 1024, .argument = "N",
     .help = "partitions of new topics; fixed for ever once they exist"},
    {COMMON(WB_OPT_REPLICATION, "topics.replication", "replication", 0), .type = WB_OPT_INT,
     .fallback = "1", .least = 1, .most = 9, .argument = "N",
     .help = "Kafka replicas of new topics; 3 in production"},
    {COMMON(WB_OPT_REGISTRY_URL, "schema_registry.url", NULL, 0), .type = WB_OPT_TEXT,
     .argument = "URL", .help = "schema registry; without one records are framed by fingerprint"},
    {COMMON(WB_OPT_TRANSFERS, "transfer.transfers", "transfers", 0), .type = WB_OPT_INT,
     .fallback = "4", .least = 1, .most = 256, .argument = "N",
     .help = "tasks that one transfer worker executes at once"},
    {COMMON(WB_OPT_TRANSFER_MEMORY, "transfer.memory", "memory", 0), .type = WB_OPT_SIZE,
     .fallback = "256MiB", .least = MIB, .argument = "SIZE",
     .help = "buffers of one transfer worker, all together"},
    {COMMON(WB_OPT_STALL_TIMEOUT, "transfer.stall_timeout", NULL, 0), .type = WB_OPT_DURATION,
     .fallback = "60s", .least = 1000, .argument = "DUR",
     .help = "a thread without progress for so long gets another one beside it"},
    {COMMON(WB_OPT_VERIFIERS, "verifier.threads", NULL, 0), .type = WB_OPT_INT, .fallback = "2",
     .least = 1, .most = 256, .argument = "N", .help = "reports that one verifier proves at once"},
    {COMMON(WB_OPT_VERIFIER_MEMORY, "verifier.memory", NULL, 0), .type = WB_OPT_SIZE,
     .fallback = "64MiB", .least = MIB, .argument = "SIZE",
     .help = "buffers of one verifier, all together"},
    {COMMON(WB_OPT_VERIFIER_READ, "verifier.read", NULL, 0), .type = WB_OPT_CHOICE,
     .fallback = "cache", .choices = "cache|medium", .argument = "FROM",
     .help = "whether the proof may be read from the page cache"},
    {COMMON(WB_OPT_ATTEMPTS, "planner.attempts", NULL, 0), LIVE, .type = WB_OPT_INT,
     .fallback = "8", .least = 1, .most = 1000, .argument = "N",
     .help = "attempts before a file is dead"},
    {COMMON(WB_OPT_BACKOFF, "planner.backoff", NULL, 0), LIVE, .type = WB_OPT_SPAN,
     .fallback = "1s..5m", .argument = "DUR..DUR",
     .help = "first and longest wait between attempts"},
    {COMMON(WB_OPT_BATCH_BELOW, "planner.batch_below", NULL, 0), LIVE, .type = WB_OPT_SIZE,
     .fallback = "1MiB", .argument = "SIZE", .help = "smaller files travel in batches"},
    {COMMON(WB_OPT_DIRECT_BELOW, "planner.direct_below", NULL, 0), LIVE, .type = WB_OPT_SIZE,
     .fallback = "50MiB", .argument = "SIZE",
     .help = "smaller files are copied in one pass, larger ones in chunks"},
    {COMMON(WB_OPT_BATCH_FILES, "planner.batch_files", NULL, 0), LIVE, .type = WB_OPT_INT,
     .fallback = "256", .least = 1, .most = 1024, .argument = "N", .help = "most files of a batch"},
    {COMMON(WB_OPT_BATCH_BYTES, "planner.batch_bytes", NULL, 0), LIVE, .type = WB_OPT_SIZE,
     .fallback = "32MiB", .least = KIB, .argument = "SIZE", .help = "most bytes of a batch"},
    {COMMON(WB_OPT_CHUNK_SIZE, "planner.chunk_size", NULL, 0), LIVE, .type = WB_OPT_SIZE,
     .fallback = "16MiB", .least = MIB, .argument = "SIZE",
     .help = "least size of a chunk; a file has at most 10,000"},
    {COMMON(WB_OPT_WINDOW_TASKS, "planner.window_tasks", NULL, 0), LIVE, .type = WB_OPT_INT,
     .fallback = "32", .least = 1, .most = 4096, .argument = "N",
     .help = "tasks in flight for a target and kind, all planners together"},
    {COMMON(WB_OPT_TASK_DEADLINE, "planner.task_deadline", NULL, 0), LIVE, .type = WB_OPT_DURATION,
     .fallback = "2m", .least = 1000, .argument = "DUR",
     .help = "a task without an answer by then is given out again"},
    {COMMON(WB_OPT_WINDOW_BYTES, "planner.window_bytes", NULL, 0), LIVE, .type = WB_OPT_SIZE,
     .fallback = "1GiB", .least = KIB, .argument = "SIZE",
     .help = "bytes in flight for a node and direction, all planners together"},
    {COMMON(WB_OPT_WINDOW_LEAST, "planner.window_least", NULL, 0), LIVE, .type = WB_OPT_INT,
     .fallback = "1", .least = 1, .most = 4096, .argument = "N",
     .help = "tasks in flight that a node and direction keep however badly it goes"},
    {COMMON(WB_OPT_PROBE_INTERVAL, "planner.probe_interval", NULL, 0), LIVE,
     .type = WB_OPT_DURATION, .fallback = "5s", .least = 100, .argument = "DUR",
     .help = "a node is looked at this often"},
    {COMMON(WB_OPT_SICK_AFTER, "planner.sick_after", NULL, 0), LIVE, .type = WB_OPT_INT,
     .fallback = "3", .least = 1, .most = 1000, .argument = "N",
     .help = "failures of a node in a row that make it sick"},
    {COMMON(WB_OPT_RECOVER_AFTER, "planner.recover_after", NULL, 0), LIVE, .type = WB_OPT_INT,
     .fallback = "2", .least = 1, .most = 1000, .argument = "N",
     .help = "probes passed in a row that let a sick node recover"},
    {COMMON(WB_OPT_SICK_HOLD, "planner.sick_hold", NULL, 0), LIVE, .type = WB_OPT_SPAN,
     .fallback = "5s..5m", .argument = "DUR..DUR",
     .help = "least and longest time that a node stays sick; doubles when it relapses"},
    {COMMON(WB_OPT_SLOW_FACTOR, "planner.slow_factor", NULL, 0), LIVE, .type = WB_OPT_INT,
     .fallback = "8", .least = 2, .most = 10000, .argument = "N",
     .help = "a node whose operations take so many times as long as they used to is degraded"},
    {COMMON(WB_OPT_MIN_FREE, "planner.min_free", NULL, 0), LIVE, .type = WB_OPT_SIZE,
     .fallback = "64MiB", .argument = "SIZE",
     .help = "a target with less free space takes no more writes"},
    {COMMON(WB_OPT_LOST_ATTEMPTS, "planner.lost_attempts", NULL, 0), LIVE, .type = WB_OPT_INT,
     .fallback = "3", .least = 1, .most = 1000, .argument = "N",
     .help = "tasks in a row without an answer after which a file is dead"},
    {COMMON(WB_OPT_GRAIN, "planner.grain", NULL, 0), .type = WB_OPT_DURATION, .fallback = "20ms",
     .argument = "DUR", .help = "a file younger than this is looked at again before it is read"},
    {COMMON(WB_OPT_STATE_DIR, "state_dir", "state-dir", 0), .type = WB_OPT_TEXT,
     .fallback = "/var/tmp/waybill", .argument = "DIR",
     .help = "local state that can be deleted at any time: ledgers and views"},
    {COMMON(WB_OPT_SECRETS_DIR, "secrets.dir", NULL, 0), .type = WB_OPT_TEXT, .argument = "DIR",
     .help = "folder of files with secrets, one a name, open to their owner only (0600)"},
    {COMMON(WB_OPT_HTTP_LISTEN, "http.listen", "listen", 0), .type = WB_OPT_TEXT,
     .fallback = "127.0.0.1:0", .argument = "ADDR",
     .help = "admin HTTP of services, port 0: any free one; empty: none"},
    {COMMON(WB_OPT_DRAIN_TIMEOUT, "drain_timeout", NULL, 0), .type = WB_OPT_DURATION,
     .fallback = "30s", .argument = "DUR", .help = "time for finishing what is begun at SIGTERM"},
    {COMMON(WB_OPT_LOG_LEVEL, "log.level", "log-level", 0), .type = WB_OPT_CHOICE,
     .fallback = "info", .choices = "error|warn|info|debug", .argument = "LEVEL",
     .help = "least important line that is written"},
    {COMMON(WB_OPT_LOG_FORMAT, "log.format", "log-format", 0), .type = WB_OPT_CHOICE,
     .fallback = "auto", .choices = "auto|text|logfmt|json", .argument = "FORMAT",
     .help = "auto: text on a terminal, logfmt elsewhere"},
};

const struct wb_opt_row *wb_config_table(void)
{
    return table;
}

const struct wb_opt_row *wb_config_row_by_flag(const char *flag)
{
    for (size_t i = 0; i < WB_OPT_COUNT; i++)
        if (table[i].flag && strcmp(table[i].flag, flag) == 0)
            return &table[i];
    return NULL;
}

const struct wb_opt_row *wb_config_row_by_key(const char *key)
{
    for (size_t i = 0; i < WB_OPT_COUNT; i++)
        if (strcmp(table[i].key, key) == 0)
            return &table[i];
    return NULL;
}

enum wb_rc wb_config_live_row(const char *key, const struct wb_opt_row **ret, struct wb_err *err)
{
    const char *names[WB_OPT_COUNT + 1];
    size_t count = 0;
    const struct wb_opt_row *row = wb_config_row_by_key(key);
    if (row && row->live) {
        *ret = row;
        return WB_OK;
    }
    if (row)
        return wb_err_set(err, WB_CAT_USAGE,
                          "\"%s\" cannot change while running; it belongs in the file", key);
    for (size_t i = 0; i < WB_OPT_COUNT; i++)
        if (table[i].live)
            names[count++] = table[i].key;
    names[count] = NULL;
    const char *nearest = wb_nearest_name(key, names);
    return wb_err_set(err, WB_CAT_USAGE, "unknown setting \"%s\"%s%s%s", key,
                      nearest ? ", did you mean \"" : "", nearest ? nearest : "",
                      nearest ? "\"" : "");
}

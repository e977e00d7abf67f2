#include <stdio.h>
#include <stdlib.h>

#include "core/base/log.h"
#include "core/wire/kafka_parts.h"

enum { NAMES_MOST = 512 };

struct setting {
    const char *key;
    const char *value;
};

/* Before the user's: good defaults. */
static const struct setting defaults[] = {
    {"client.id", "waybill"},
    {"socket.nagle.disable", "true"},
    {"reconnect.backoff.max.ms", "2000"},
};

static const struct setting producer_defaults[] = {
    {"compression.codec", "zstd"},
    {"linger.ms", "0"},
    {"queue.buffering.max.kbytes", "131072"},
    {"message.max.bytes", "2097152"},
};

static const struct setting consumer_defaults[] = {
    {"session.timeout.ms", "10000"},         {"heartbeat.interval.ms", "1000"},
    {"queued.max.messages.kbytes", "16384"}, {"fetch.wait.max.ms", "100"},
    {"fetch.error.backoff.ms", "100"},
};

/* After the user's: what correctness rests on. */
static const struct setting producer_forced[] = {
    {"enable.idempotence", "true"},
    {"partitioner", "murmur2_random"},
};

static const struct setting consumer_forced[] = {
    {"enable.auto.commit", "false"},       {"enable.auto.offset.store", "false"},
    {"isolation.level", "read_committed"}, {"partition.assignment.strategy", "range"},
    {"auto.offset.reset", "error"},        {"check.crcs", "true"},
};

/* ---- names, for who mistypes one ---- */

/* Cuts librdkafka's table for people, one property a line, down to the names. */
static size_t cut_names(char *table, const char **names, size_t most)
{
    size_t count = 0;
    char *rest = NULL;
    for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        size_t len = strcspn(line, " ");
        bool row = len > 0 && line[len] == ' ' && line[len + strspn(line + len, " ")] == '|';
        if (!row || count == most)
            continue;
        line[len] = 0;
        names[count++] = line;
    }
    return count;
}

static enum wb_rc unknown_setting(const char *key, struct wb_err *err)
{
    const char *names[NAMES_MOST + 1];
    char *table WB_AUTO(wb_free_ptr) = NULL;
    size_t size = 0;
    const char *nearest = NULL;
    FILE *out = open_memstream(&table, &size);
    if (out) {
        rd_kafka_conf_properties_show(out);
        (void)fclose(out);
        names[cut_names(table, names, NAMES_MOST)] = NULL;
        nearest = wb_nearest_name(key, names);
    }
    return wb_err_set(err, WB_CAT_USAGE, "unknown kafka setting \"%s\"%s%s%s", key,
                      nearest ? ", did you mean \"" : "", nearest ? nearest : "",
                      nearest ? "\"" : "");
}

/* ---- settings ---- */

enum wb_rc wb_kafka_set(rd_kafka_conf_t *conf, const char *key, const char *value,
                        struct wb_err *err)
{
    char why[256];
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, key, value, why, sizeof(why));
    if (result == RD_KAFKA_CONF_OK)
        return WB_OK;
    /* librdkafka's text repeats the value, which may be a secret. */
    return result == RD_KAFKA_CONF_UNKNOWN
               ? unknown_setting(key, err)
               : wb_err_set(err, WB_CAT_USAGE, "kafka setting \"%s\" has a bad value", key);
}

#define SET_ALL(conf, table, err) set_all(conf, table, sizeof(table) / sizeof(table[0]), err)

static enum wb_rc set_all(rd_kafka_conf_t *conf, const struct setting *table, size_t count,
                          struct wb_err *err)
{
    for (size_t i = 0; i < count; i++)
        if (wb_kafka_set(conf, table[i].key, table[i].value, err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

static enum wb_rc set_pairs(rd_kafka_conf_t *conf, const struct wb_config *config, enum wb_opt id,
                            struct wb_err *err)
{
    const char *key;
    const char *value;
    for (size_t i = 0; wb_config_pair(config, id, i, &key, &value); i++)
        if (wb_kafka_set(conf, key, value, err) != WB_OK)
            return wb_err_prefix(err, "%s", wb_config_pair_origin(config, id, i));
    return WB_OK;
}

static void log_line(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    enum { SYSLOG_ERROR = 3, SYSLOG_WARNING = 4, SYSLOG_NOTICE = 5 };
    enum wb_log_level own = level <= SYSLOG_WARNING  ? WB_LOG_WARN
                            : level <= SYSLOG_NOTICE ? WB_LOG_INFO
                                                     : WB_LOG_DEBUG;
    WB_LOG(own, "kafka client", WB_LOG_STR("facility", facility), WB_LOG_STR("text", text));
}

/* What all clients share: our defaults, then the user's common settings. */
static enum wb_rc fill_common(rd_kafka_conf_t *conf, const struct wb_config *config,
                              struct wb_err *err)
{
    rd_kafka_conf_set_log_cb(conf, log_line);
    if (SET_ALL(conf, defaults, err) != WB_OK ||
        set_pairs(conf, config, WB_OPT_KAFKA, err) != WB_OK)
        return WB_ERROR;
    return wb_kafka_set(conf, "bootstrap.servers", wb_config_text(config, WB_OPT_BROKERS), err);
}

static enum wb_rc fill_producer(rd_kafka_conf_t *conf, const struct wb_config *config,
                                struct wb_err *err)
{
    if (SET_ALL(conf, producer_defaults, err) != WB_OK || fill_common(conf, config, err) != WB_OK ||
        set_pairs(conf, config, WB_OPT_KAFKA_PRODUCER, err) != WB_OK)
        return WB_ERROR;
    return SET_ALL(conf, producer_forced, err);
}

static enum wb_rc fill_consumer(rd_kafka_conf_t *conf, const struct wb_config *config,
                                struct wb_err *err)
{
    if (SET_ALL(conf, consumer_defaults, err) != WB_OK || fill_common(conf, config, err) != WB_OK ||
        set_pairs(conf, config, WB_OPT_KAFKA_CONSUMER, err) != WB_OK)
        return WB_ERROR;
    return SET_ALL(conf, consumer_forced, err);
}

static enum wb_rc fill(rd_kafka_conf_t *conf, const struct wb_config *config,
                       enum wb_kafka_role role, struct wb_err *err)
{
    switch (role) {
    case WB_KAFKA_PRODUCER:
        return fill_producer(conf, config, err);
    case WB_KAFKA_CONSUMER:
        return fill_consumer(conf, config, err);
    default:
        return fill_common(conf, config, err);
    }
}

enum wb_rc wb_kafka_conf(const struct wb_config *config, enum wb_kafka_role role,
                         rd_kafka_conf_t **ret, struct wb_err *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (fill(conf, config, role, err) != WB_OK) {
        rd_kafka_conf_destroy(conf);
        return WB_ERROR;
    }
    *ret = conf;
    return WB_OK;
}

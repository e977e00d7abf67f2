/* The cluster: is it there, what is it called, and has it the topics of the catalogue. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/wire/kafka_parts.h"

enum {
    TIMEOUT_MS = 10000,
    KNOWN_MS = 20000,
    ASK_AGAIN_MS = 20,
    NAME_BYTES = 256,
    CLUSTER_BYTES = 64
};

static void client_free(rd_kafka_t **client)
{
    if (*client)
        rd_kafka_destroy(*client);
}

static void metadata_free(const struct rd_kafka_metadata **metadata)
{
    if (*metadata)
        rd_kafka_metadata_destroy(*metadata);
}

static enum wb_rc admin_new(const struct wb_config *config, rd_kafka_t **ret, struct wb_err *err)
{
    char why[256];
    rd_kafka_conf_t *conf;
    if (wb_kafka_conf(config, WB_KAFKA_ADMIN, &conf, err) != WB_OK)
        return WB_ERROR;
    *ret = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (*ret)
        return WB_OK;
    rd_kafka_conf_destroy(conf);
    return wb_err_set(err, WB_CAT_USAGE, "no kafka client: %s", why);
}

static enum wb_rc metadata_get(const struct wb_config *config, rd_kafka_t *client, int timeout_ms,
                               const struct rd_kafka_metadata **ret, struct wb_err *err)
{
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 1, NULL, ret, timeout_ms);
    if (!code)
        return WB_OK;
    (void)wb_kafka_failed(err, code, "metadata");
    return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_UNREACHABLE, "no broker answers at \"%s\"",
                     wb_config_text(config, WB_OPT_BROKERS));
}

enum wb_rc wb_log_ping(const struct wb_config *config, int timeout_ms, struct wb_err *err)
{
    rd_kafka_t *client WB_AUTO(client_free) = NULL;
    const struct rd_kafka_metadata *metadata WB_AUTO(metadata_free) = NULL;
    if (admin_new(config, &client, err) != WB_OK)
        return WB_ERROR;
    return metadata_get(config, client, timeout_ms, &metadata, err);
}

enum wb_rc wb_log_cluster(const struct wb_config *config, int timeout_ms, char *ret,
                          struct wb_err *err)
{
    rd_kafka_t *client WB_AUTO(client_free) = NULL;
    const struct rd_kafka_metadata *metadata WB_AUTO(metadata_free) = NULL;
    if (admin_new(config, &client, err) != WB_OK ||
        metadata_get(config, client, timeout_ms, &metadata, err) != WB_OK)
        return WB_ERROR;
    char *id = rd_kafka_clusterid(client, timeout_ms);
    (void)snprintf(ret, CLUSTER_BYTES, "%s", id ? id : "");
    if (id)
        rd_kafka_mem_free(client, id);
    return WB_OK;
}

static const struct rd_kafka_metadata_topic *topic_in(const struct rd_kafka_metadata *metadata,
                                                      const char *name)
{
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (strcmp(metadata->topics[i].topic, name) == 0)
            return &metadata->topics[i];
    return NULL;
}

static int32_t wanted_partitions(const struct wb_config *config, const struct wb_topic_row *row)
{
    return row->partitions ? row->partitions : (int32_t)wb_config_int(config, WB_OPT_PARTITIONS);
}

static rd_kafka_NewTopic_t *new_topic(const struct wb_config *config,
                                      const struct wb_topic_row *row)
{
    char name[NAME_BYTES];
    char number[24];
    char why[128];
    (void)wb_topic_name(config, row->topic, wb_config_text(config, WB_OPT_SITE), name);
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(name, wanted_partitions(config, row),
                              (int)wb_config_int(config, WB_OPT_REPLICATION), why, sizeof(why));
    if (!topic)
        return NULL;
    (void)snprintf(number, sizeof(number), "%lld", (long long)row->retention_ms);
    (void)rd_kafka_NewTopic_set_config(topic, "max.message.bytes", "2097152");
    (void)rd_kafka_NewTopic_set_config(topic, "cleanup.policy",
                                       row->compacted ? "compact" : "delete");
    (void)rd_kafka_NewTopic_set_config(topic, "retention.ms", number);
    return topic;
}

static enum wb_rc refused(const struct wb_config *config, int brokers,
                          const rd_kafka_topic_result_t *topic, struct wb_err *err)
{
    rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topic);
    if (code == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR)
        return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_USAGE,
                         "cannot create topics with %d replicas, the cluster has %d broker%s; "
                         "choose fewer with --replication",
                         (int)wb_config_int(config, WB_OPT_REPLICATION), brokers,
                         brokers == 1 ? "" : "s");
    (void)wb_kafka_failed(err, code, rd_kafka_topic_result_name(topic));
    return wb_err_prefix(err, "cannot create topic");
}

static enum wb_rc result_of(const struct wb_config *config, int brokers, rd_kafka_event_t *event,
                            struct wb_err *err)
{
    size_t count;
    if (!event)
        return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_TIMEOUT, "no answer about new topics");
    if (rd_kafka_event_error(event))
        return wb_kafka_failed(err, rd_kafka_event_error(event), "cannot create topics");
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[i]);
        if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            return refused(config, brokers, topics[i], err);
    }
    return WB_OK;
}

static enum wb_rc create(const struct wb_config *config, rd_kafka_t *client, int brokers,
                         rd_kafka_NewTopic_t **topics, size_t count, struct wb_err *err)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void)rd_kafka_AdminOptions_set_operation_timeout(options, TIMEOUT_MS, NULL, 0);
    rd_kafka_CreateTopics(client, topics, count, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 3 * TIMEOUT_MS);
    enum wb_rc rc = result_of(config, brokers, event, err);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return rc;
}

/* ---- until everybody knows ---- */

/* The first topic of the catalogue that a broker does not know; NULL: it knows all. */
static const char *unknown_in(const struct wb_config *config,
                              const struct rd_kafka_metadata *metadata, char name[NAME_BYTES])
{
    for (int i = 0; i < WB_TOPIC_COUNT; i++) {
        (void)wb_topic_name(config, (enum wb_topic)i, wb_config_text(config, WB_OPT_SITE), name);
        const struct rd_kafka_metadata_topic *topic = topic_in(metadata, name);
        if (!topic || topic->err || topic->partition_cnt == 0)
            return name;
    }
    return NULL;
}

/* The brokers learn of a topic one after the other, and a client may ask any of them. One that
 * can't be asked is no reason to wait. */
static enum wb_rc await_one(const struct wb_config *config, const char *broker, int64_t until_ms,
                            struct wb_err *err)
{
    char name[NAME_BYTES];
    struct wb_err ignored;
    struct wb_config *own WB_AUTO(wb_config_free) = wb_config_copy(config);
    rd_kafka_t *client WB_AUTO(client_free) = NULL;
    if (wb_config_set(own, WB_OPT_BROKERS, broker, "broker", err) != WB_OK ||
        admin_new(own, &client, err) != WB_OK)
        return WB_ERROR;
    for (;;) {
        const struct rd_kafka_metadata *metadata WB_AUTO(metadata_free) = NULL;
        if (metadata_get(own, client, TIMEOUT_MS, &metadata, &ignored) != WB_OK ||
            !unknown_in(config, metadata, name))
            return WB_OK;
        if (wb_clock_mono_ms() > until_ms)
            return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_TIMEOUT,
                             "broker \"%s\" has not heard of topic \"%s\" yet", broker, name);
        (void)rd_kafka_poll(client, ASK_AGAIN_MS);
    }
}

static enum wb_rc await_all(const struct wb_config *config,
                            const struct rd_kafka_metadata *metadata, struct wb_err *err)
{
    int64_t until_ms = wb_clock_mono_ms() + KNOWN_MS;
    for (int i = 0; i < metadata->broker_cnt; i++) {
        char address[NAME_BYTES + 16];
        const char *host = metadata->brokers[i].host;
        bool v6 = strchr(host, ':') != NULL;
        (void)snprintf(address, sizeof(address), "%s%s%s:%d", v6 ? "[" : "", host, v6 ? "]" : "",
                       metadata->brokers[i].port);
        if (await_one(config, address, until_ms, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

enum wb_rc wb_topics_init(const struct wb_config *config, bool dry_run, int *ret_created,
                          struct wb_err *err)
{
    rd_kafka_t *client WB_AUTO(client_free) = NULL;
    const struct rd_kafka_metadata *metadata WB_AUTO(metadata_free) = NULL;
    rd_kafka_NewTopic_t *missing[WB_TOPIC_COUNT];
    size_t count = 0;
    char name[NAME_BYTES];
    if (admin_new(config, &client, err) != WB_OK ||
        metadata_get(config, client, TIMEOUT_MS, &metadata, err) != WB_OK)
        return WB_ERROR;
    for (int i = 0; i < WB_TOPIC_COUNT; i++) {
        const struct wb_topic_row *row = wb_topic_row((enum wb_topic)i);
        (void)wb_topic_name(config, row->topic, wb_config_text(config, WB_OPT_SITE), name);
        if (!topic_in(metadata, name) && (missing[count] = new_topic(config, row)))
            count++;
    }
    *ret_created = (int)count;
    enum wb_rc rc = count && !dry_run
                        ? create(config, client, metadata->broker_cnt, missing, count, err)
                        : WB_OK;
    rd_kafka_NewTopic_destroy_array(missing, count);
    return rc == WB_OK && !dry_run ? await_all(config, metadata, err) : rc;
}

static void check_one(const struct wb_config *config, const struct rd_kafka_metadata *metadata,
                      const struct wb_topic_row *row, struct wb_topic_finding *finding)
{
    (void)wb_topic_name(config, row->topic, wb_config_text(config, WB_OPT_SITE), finding->topic);
    const struct rd_kafka_metadata_topic *topic = topic_in(metadata, finding->topic);
    int wanted = wanted_partitions(config, row);
    if (!topic) {
        (void)snprintf(finding->problem, sizeof(finding->problem), "missing");
        finding->fatal = true;
    } else if (topic->partition_cnt != wanted) {
        (void)snprintf(finding->problem, sizeof(finding->problem), "has %d partitions, not %d",
                       topic->partition_cnt, wanted);
        finding->fatal = row->home;
    }
}

/* A state topic that is not compacted forgets, one that is and should not be loses records. */
static void check_settings(const struct wb_topic_row *row, const struct wb_topic_settings *settings,
                           struct wb_topic_finding *finding)
{
    bool shorter = row->retention_ms < 0
                       ? settings->retention_ms >= 0
                       : settings->retention_ms >= 0 && settings->retention_ms < row->retention_ms;
    if (finding->problem[0] || !settings->known)
        return;
    if (settings->compacted != row->compacted) {
        (void)snprintf(finding->problem, sizeof(finding->problem), "%s compacted",
                       row->compacted ? "is not" : "is");
        finding->fatal = true;
    } else if (!row->compacted && shorter) {
        (void)snprintf(finding->problem, sizeof(finding->problem),
                       "keeps records %lld h, not %lld h",
                       (long long)(settings->retention_ms / 3600000),
                       (long long)(row->retention_ms / 3600000));
    }
}

static enum wb_rc check_all_settings(rd_kafka_t *client, struct wb_topic_finding *findings,
                                     struct wb_err *err)
{
    const char *names[WB_TOPIC_COUNT];
    size_t places[WB_TOPIC_COUNT];
    struct wb_topic_settings settings[WB_TOPIC_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < WB_TOPIC_COUNT; i++) {
        if (strcmp(findings[i].problem, "missing") == 0)
            continue;
        places[count] = i;
        names[count++] = findings[i].topic;
    }
    if (wb_kafka_topic_settings(client, names, count, settings, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++)
        check_settings(wb_topic_row((enum wb_topic)places[i]), &settings[i], &findings[places[i]]);
    return WB_OK;
}

enum wb_rc wb_topics_check(const struct wb_config *config, struct wb_topic_finding **ret_findings,
                           size_t *ret_count, struct wb_err *err)
{
    rd_kafka_t *client WB_AUTO(client_free) = NULL;
    const struct rd_kafka_metadata *metadata WB_AUTO(metadata_free) = NULL;
    if (admin_new(config, &client, err) != WB_OK ||
        metadata_get(config, client, TIMEOUT_MS, &metadata, err) != WB_OK)
        return WB_ERROR;
    struct wb_topic_finding *findings = wb_xcalloc(WB_TOPIC_COUNT, sizeof(*findings));
    for (int i = 0; i < WB_TOPIC_COUNT; i++)
        check_one(config, metadata, wb_topic_row((enum wb_topic)i), &findings[i]);
    if (check_all_settings(client, findings, err) != WB_OK) {
        free(findings);
        return WB_ERROR;
    }
    size_t count = 0;
    for (int i = 0; i < WB_TOPIC_COUNT; i++)
        if (findings[i].problem[0])
            findings[count++] = findings[i];
    *ret_findings = findings;
    *ret_count = count;
    return WB_OK;
}

enum wb_rc wb_topics_partitions(const struct wb_config *config, int32_t *ret, struct wb_err *err)
{
    rd_kafka_t *client WB_AUTO(client_free) = NULL;
    const struct rd_kafka_metadata *metadata WB_AUTO(metadata_free) = NULL;
    char name[NAME_BYTES];
    if (admin_new(config, &client, err) != WB_OK ||
        metadata_get(config, client, TIMEOUT_MS, &metadata, err) != WB_OK)
        return WB_ERROR;
    (void)wb_topic_name(config, WB_TOPIC_EVENTS, NULL, name);
    const struct rd_kafka_metadata_topic *topic = topic_in(metadata, name);
    if (!topic)
        return wb_kafka_missing(err, name);
    *ret = topic->partition_cnt;
    return WB_OK;
}

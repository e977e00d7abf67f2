/* What the cluster says of the settings of topics. */
#include <stdlib.h>

#include "core/wire/kafka_parts.h"

enum { ASK_MS = 15000 };

static void take_entry(const rd_kafka_ConfigEntry_t *entry, struct wb_topic_settings *settings)
{
    const char *name = rd_kafka_ConfigEntry_name(entry);
    const char *value = rd_kafka_ConfigEntry_value(entry);
    if (!value)
        return;
    if (strcmp(name, "cleanup.policy") == 0)
        settings->compacted = strstr(value, "compact") != NULL;
    if (strcmp(name, "retention.ms") == 0)
        settings->retention_ms = strtoll(value, NULL, 10);
    settings->known = true;
}

static enum wb_rc take_answer(rd_kafka_event_t *event, const char *const *topics, size_t count,
                              struct wb_topic_settings *ret, struct wb_err *err)
{
    size_t resources;
    size_t entries;
    if (!event)
        return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_TIMEOUT, "no answer about topics");
    if (rd_kafka_event_error(event))
        return wb_kafka_failed(err, rd_kafka_event_error(event), "cannot ask for topics' settings");
    const rd_kafka_ConfigResource_t **list = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &resources);
    for (size_t i = 0; i < resources; i++) {
        const rd_kafka_ConfigEntry_t **entry = rd_kafka_ConfigResource_configs(list[i], &entries);
        for (size_t t = 0; t < count; t++)
            for (size_t e = 0;
                 strcmp(topics[t], rd_kafka_ConfigResource_name(list[i])) == 0 && e < entries; e++)
                take_entry(entry[e], &ret[t]);
    }
    return WB_OK;
}

enum wb_rc wb_kafka_topic_settings(rd_kafka_t *client, const char *const *topics, size_t count,
                                   struct wb_topic_settings *ret, struct wb_err *err)
{
    if (count == 0)
        return WB_OK;
    rd_kafka_ConfigResource_t **asked = wb_xcalloc(count, sizeof(*asked));
    for (size_t i = 0; i < count; i++) {
        ret[i] = (struct wb_topic_settings){.known = false};
        asked[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i]);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DescribeConfigs(client, asked, count, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ASK_MS);
    enum wb_rc rc = take_answer(event, topics, count, ret, err);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy_array(asked, count);
    free(asked);
    return rc;
}

/* What a consumer group has read and who is in it, asked by somebody who is not. */
#include "core/wire/kafka_parts.h"

enum { ASK_MS = 10000 };

static void event_free(rd_kafka_event_t **event)
{
    if (*event)
        rd_kafka_event_destroy(*event);
}

static enum wb_rc await(rd_kafka_queue_t *queue, rd_kafka_event_t **ret, struct wb_err *err)
{
    *ret = rd_kafka_queue_poll(queue, ASK_MS);
    rd_kafka_queue_destroy(queue);
    if (!*ret)
        return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_TIMEOUT, "no answer about a group");
    if (rd_kafka_event_error(*ret))
        return wb_kafka_failed(err, rd_kafka_event_error(*ret), "cannot ask about a group");
    return WB_OK;
}

static enum wb_rc take_members(const rd_kafka_ConsumerGroupDescription_t *group,
                               int32_t *ret_members, struct wb_err *err)
{
    const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(group);
    if (error && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
        return wb_kafka_failed(err, rd_kafka_error_code(error), "cannot ask about a group");
    *ret_members = (int32_t)rd_kafka_ConsumerGroupDescription_member_count(group);
    return WB_OK;
}

enum wb_rc wb_consumer_group_members(struct wb_consumer *consumer, const char *group,
                                     int32_t *ret_members, struct wb_err *err)
{
    size_t count = 0;
    rd_kafka_event_t *event WB_AUTO(event_free) = NULL;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->client);
    rd_kafka_DescribeConsumerGroups(consumer->client, &group, 1, NULL, queue);
    if (await(queue, &event, err) != WB_OK)
        return WB_ERROR;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &count);
    *ret_members = 0;
    return count == 1 ? take_members(groups[0], ret_members, err) : WB_OK;
}

static enum wb_rc take_offsets(const rd_kafka_group_result_t *group, int64_t *ret_next,
                               int32_t count, struct wb_err *err)
{
    const rd_kafka_error_t *error = rd_kafka_group_result_error(group);
    if (error)
        return wb_kafka_failed(err, rd_kafka_error_code(error), "cannot ask about a group");
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(group);
    for (int i = 0; list && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &list->elems[i];
        if (one->err)
            return wb_kafka_failed(err, one->err, "cannot ask about a group");
        if (one->partition >= 0 && one->partition < count)
            ret_next[one->partition] = one->offset < 0 ? -1 : one->offset;
    }
    return WB_OK;
}

enum wb_rc wb_consumer_group_offsets(struct wb_consumer *consumer, const char *group,
                                     const char *topic, int64_t *ret_next, int32_t count,
                                     struct wb_err *err)
{
    size_t groups = 0;
    rd_kafka_event_t *event WB_AUTO(event_free) = NULL;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int32_t i = 0; i < count; i++) {
        ret_next[i] = -1;
        (void)rd_kafka_topic_partition_list_add(list, topic, i);
    }
    rd_kafka_ListConsumerGroupOffsets_t *asked = rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->client);
    rd_kafka_ListConsumerGroupOffsets(consumer->client, &asked, 1, NULL, queue);
    rd_kafka_ListConsumerGroupOffsets_destroy(asked);
    rd_kafka_topic_partition_list_destroy(list);
    if (await(queue, &event, err) != WB_OK)
        return WB_ERROR;
    const rd_kafka_group_result_t **results = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &groups);
    return groups == 1 ? take_offsets(results[0], ret_next, count, err) : WB_OK;
}

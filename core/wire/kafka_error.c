#include <stdio.h>

#include "core/wire/kafka_parts.h"

struct row {
    rd_kafka_resp_err_t code;
    enum wb_category category;
};

static const struct row rows[] = {
    {RD_KAFKA_RESP_ERR__TRANSPORT, WB_CAT_UNREACHABLE},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, WB_CAT_UNREACHABLE},
    {RD_KAFKA_RESP_ERR__RESOLVE, WB_CAT_UNREACHABLE},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, WB_CAT_TIMEOUT},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, WB_CAT_TIMEOUT},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, WB_CAT_NOT_FOUND},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, WB_CAT_NOT_FOUND},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, WB_CAT_NOT_FOUND},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, WB_CAT_DENIED},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, WB_CAT_DENIED},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, WB_CAT_DENIED},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, WB_CAT_DENIED},
    {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, WB_CAT_LIMIT},
    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, WB_CAT_LIMIT},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, WB_CAT_LIMIT},
    {RD_KAFKA_RESP_ERR__QUEUE_FULL, WB_CAT_LIMIT},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, WB_CAT_USAGE},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, WB_CAT_USAGE},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, WB_CAT_USAGE},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, WB_CAT_USAGE},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, WB_CAT_USAGE},
};

static enum wb_category category_of(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].code == code)
            return rows[i].category;
    return WB_CAT_IO;
}

enum wb_rc wb_kafka_failed(struct wb_err *err, rd_kafka_resp_err_t code, const char *what)
{
    (void)wb_err_at(err, WB_SCOPE_LOG, "", category_of(code), "%s: %s", what,
                    rd_kafka_err2str(code));
    (void)snprintf(err->code, sizeof(err->code), "%s", rd_kafka_err2name(code));
    return WB_ERROR;
}

enum wb_rc wb_kafka_missing(struct wb_err *err, const char *topic)
{
    return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_NOT_FOUND,
                     "topic \"%s\" is missing; run `waybill topics init`", topic);
}

enum wb_rc wb_kafka_failed_error(struct wb_err *err, rd_kafka_error_t *error, const char *what)
{
    (void)wb_kafka_failed(err, rd_kafka_error_code(error), what);
    (void)wb_err_at(err, WB_SCOPE_LOG, "", err->category, "%s: %s", what,
                    rd_kafka_error_string(error));
    (void)snprintf(err->code, sizeof(err->code), "%s", rd_kafka_error_name(error));
    err->retryable = !rd_kafka_error_is_fatal(error);
    rd_kafka_error_destroy(error);
    return WB_ERROR;
}

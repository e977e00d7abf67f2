/* Between the files over librdkafka only. */
#ifndef WB_WIRE_KAFKA_PARTS_H
#define WB_WIRE_KAFKA_PARTS_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "core/wire/log.h"

enum wb_kafka_role { WB_KAFKA_PRODUCER, WB_KAFKA_CONSUMER, WB_KAFKA_ADMIN };

/* The user's settings, then those that correctness rests on. The caller owns it until a client
 * takes it over. USAGE names the key, never its value. */
enum wb_rc wb_kafka_conf(const struct wb_config *config, enum wb_kafka_role role,
                         rd_kafka_conf_t **ret, struct wb_err *err) WB_MUST_USE;
/* One more setting of ours. */
enum wb_rc wb_kafka_set(rd_kafka_conf_t *conf, const char *key, const char *value,
                        struct wb_err *err) WB_MUST_USE;

/* Classes of librdkafka's errors; scope LOG. All return WB_ERROR. */
enum wb_rc wb_kafka_failed(struct wb_err *err, rd_kafka_resp_err_t code, const char *what);
/* A topic that is not there: NOT_FOUND, and what to do. */
enum wb_rc wb_kafka_missing(struct wb_err *err, const char *topic);
/* The same of an error object, which is destroyed. */
enum wb_rc wb_kafka_failed_error(struct wb_err *err, rd_kafka_error_t *error, const char *what);

struct wb_consumer {
    rd_kafka_t *client;
    struct wb_rebalance_ops ops;
    bool has_ops;
    bool group;
    bool joined;
    enum wb_rc handler_rc; /* of a rebalance handler, for the poll that called it */
    struct wb_err handler_err;
};

struct wb_producer {
    rd_kafka_t *client;
    rd_kafka_topic_t *prepared[WB_TOPIC_COUNT]; /* kept so that their partitions stay known */
    size_t prepared_count;
    wb_delivered_fn *delivered;
    void *arg;
    atomic_bool must_abort; /* by whichever thread was told */
    atomic_bool fatal;
};

struct wb_topic_settings {
    bool known; /* false: the cluster said nothing of the topic */
    bool compacted;
    int64_t retention_ms;
};

/* Asks for the settings of topics that exist, in their order. */
enum wb_rc wb_kafka_topic_settings(rd_kafka_t *client, const char *const *topics, size_t count,
                                   struct wb_topic_settings *ret, struct wb_err *err) WB_MUST_USE;

/* First and one-past-last offset that this client may read. A leader may have just moved, or need a
 * moment before it knows that it is one: asks again for some seconds. */
enum wb_rc wb_kafka_ends(rd_kafka_t *client, const char *topic, int32_t partition, int64_t *ret_low,
                         int64_t *ret_high, struct wb_err *err) WB_MUST_USE;

/* A list that the caller destroys. */
rd_kafka_topic_partition_list_t *wb_kafka_list(const struct wb_position *positions, size_t count);

#endif

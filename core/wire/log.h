/* The Kafka log over librdkafka 2.0.2: consumer, producer, transactions. The settings that must
 * hold (idempotence, zstd, murmur2_random, read_committed, range, no auto commit …) are set here;
 * the user's `kafka:` keys come first, ours override where correctness rests on them.
 *
 * Errors carry scope LOG. What helps is in the class: retryable → call again; otherwise see
 * wb_producer_state. Broker trouble is never fatal to a consumer: polls just give nothing, and
 * wb_log_connected tells. Nothing here logs but librdkafka's own warnings (through
 * core/base/log.h). */
#ifndef WB_WIRE_LOG_H
#define WB_WIRE_LOG_H

#include "core/base/config.h"
#include "core/wire/topics.h"

struct wb_message {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    struct wb_span key;
    struct wb_span value; /* data NULL: tombstone */
    void *handle;         /* the message's owner; see wb_message_free */
};

struct wb_position {
    const char *topic; /* borrowed */
    int32_t partition;
    int64_t offset; /* next to read */
};

/* ---- consumer: one thread ---- */

struct wb_consumer;

/* Called inside wb_consumer_poll, on its thread. `assigned` may set the offsets to start from in
 * `positions` (they come filled with the committed ones, or -1 for none: then the beginning);
 * returning WB_ERROR ends the poll with that error. `revoked` runs before others get the
 * partitions: commit or abort there; `lost` true: others may have them already, don't commit. */
struct wb_rebalance_ops {
    enum wb_rc (*assigned)(void *arg, struct wb_position *positions, size_t count,
                           struct wb_err *err);
    void (*revoked)(void *arg, const struct wb_position *positions, size_t count, bool lost);
    void *arg;
};

/* Member of `group` (assignor range, session time-out 10 s, heartbeat 1 s unless configured), or
 * with `group` NULL a reader of hand-assigned partitions. `ops` may be NULL. */
enum wb_rc wb_consumer_new(const struct wb_config *config, const char *group,
                           const struct wb_rebalance_ops *ops, struct wb_consumer **ret,
                           struct wb_err *err) WB_MUST_USE;
/* The same as static member `member` of the group (KIP-345): whoever comes back under that name has
 * its partitions at once, and nobody else gets them until the session times out. Two at a time
 * under one name fence each other. */
enum wb_rc wb_consumer_new_static(const struct wb_config *config, const char *group,
                                  const char *member, const struct wb_rebalance_ops *ops,
                                  struct wb_consumer **ret, struct wb_err *err) WB_MUST_USE;
/* Leaves the group (unless hand-assigned): `revoked` is called, nothing comes any more. Waits at
 * most some seconds. NULL is fine. */
void wb_consumer_leave(struct wb_consumer *consumer);
/* Leaves and frees. Messages of it must be freed before: it waits for them for ever. Fits WB_AUTO.
 */
void wb_consumer_free(struct wb_consumer **consumer);

/* The group shares the partitions of these topics from the next polls on. */
enum wb_rc wb_consumer_subscribe(struct wb_consumer *consumer, const char *const *topics,
                                 size_t count, struct wb_err *err) WB_MUST_USE;
/* Hand assignment, replaces the former one. */
enum wb_rc wb_consumer_assign(struct wb_consumer *consumer, const struct wb_position *positions,
                              size_t count, struct wb_err *err) WB_MUST_USE;

/* Next message or NULL after `timeout_ms` (or for a reason to look elsewhere: rebalance, outage).
 * The caller frees it. Errors: a handler's, offset out of range (category LIMIT: records are lost
 * to retention), unknown topic (NOT_FOUND), authorisation (DENIED). */
enum wb_rc wb_consumer_poll(struct wb_consumer *consumer, int timeout_ms, struct wb_message **ret,
                            struct wb_err *err) WB_MUST_USE;
void wb_message_free(struct wb_message **message); /* fits WB_AUTO; NULL is fine */

/* Commits positions (each the next offset to read); `wait` false: in the background. */
enum wb_rc wb_consumer_commit(struct wb_consumer *consumer, const struct wb_position *positions,
                              size_t count, bool wait, struct wb_err *err) WB_MUST_USE;
/* Reads from there next; forgets what was fetched ahead. */
enum wb_rc wb_consumer_seek(struct wb_consumer *consumer, const struct wb_position *position,
                            struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_consumer_pause(struct wb_consumer *consumer, const struct wb_position *positions,
                             size_t count, bool pause, struct wb_err *err) WB_MUST_USE;

/* First and one-past-last readable offset now (`read_committed`: up to the last stable one). */
enum wb_rc wb_consumer_watermarks(struct wb_consumer *consumer, const char *topic,
                                  int32_t partition, int64_t *ret_low, int64_t *ret_high,
                                  struct wb_err *err) WB_MUST_USE;
/* First offset at or after a time; the end when there is none. */
enum wb_rc wb_consumer_offset_at(struct wb_consumer *consumer, const char *topic, int32_t partition,
                                 int64_t wall_ms, int64_t *ret, struct wb_err *err) WB_MUST_USE;
/* Committed offset of the group, once no transaction holds it open (KIP-447); -1: none. */
enum wb_rc wb_consumer_committed(struct wb_consumer *consumer, const char *topic, int32_t partition,
                                 int64_t *ret, struct wb_err *err) WB_MUST_USE;
/* The same of all `count` partitions of any group, asked by whoever is not in it: as they are now,
 * open transactions or not. */
enum wb_rc wb_consumer_group_offsets(struct wb_consumer *consumer, const char *group,
                                     const char *topic, int64_t *ret_next, int32_t count,
                                     struct wb_err *err) WB_MUST_USE;
/* Members of any group; one that was killed counts until its session times out. 0 as well for a
 * group that never was. */
enum wb_rc wb_consumer_group_members(struct wb_consumer *consumer, const char *group,
                                     int32_t *ret_members, struct wb_err *err) WB_MUST_USE;
/* True once the group has given an assignment (possibly empty), until it is taken away. */
bool wb_consumer_joined(const struct wb_consumer *consumer);

/* Reads hand-assigned `topic` (all partitions) from the start up to the ends found at the call and
 * gives every message to `visit` (which borrows it); stops at its first error. With `from` non-NULL
 * (one offset a partition, -1: start) starts there, and sets it to where the next call goes on. */
enum wb_rc wb_log_scan(const struct wb_config *config, const char *topic, int64_t *from,
                       int32_t from_count,
                       enum wb_rc (*visit)(void *arg, const struct wb_message *message,
                                           struct wb_err *err),
                       void *arg, struct wb_err *err) WB_MUST_USE;
/* The same up to what had been written at the call, by transactions then open too: waits until they
 * have ended. For whoever must not miss what he wrote himself. */
enum wb_rc wb_log_scan_whole(const struct wb_config *config, const char *topic, int64_t *from,
                             int32_t from_count,
                             enum wb_rc (*visit)(void *arg, const struct wb_message *message,
                                                 struct wb_err *err),
                             void *arg, struct wb_err *err) WB_MUST_USE;
/* One past the last record ever written to each of the first `count` partitions, those of open
 * transactions included. */
enum wb_rc wb_log_ends(const struct wb_config *config, const char *topic, int64_t *ret_ends,
                       int32_t count, struct wb_err *err) WB_MUST_USE;

/* ---- producer: thread-safe but for transactions ---- */

struct wb_producer;

/* Called from wb_producer_poll/_flush for every record sent with a callback wanted (`ticket` != 0):
 * `err` NULL and the offset when it is durable, else the error. */
typedef void wb_delivered_fn(void *arg, uint64_t ticket, const char *topic, int32_t partition,
                             int64_t offset, const struct wb_err *err);

/* `transactional_id` NULL: idempotent only. With one, transactions are initialised here (fences any
 * predecessor of that id; waits for its hanging transaction). linger.ms 0 unless configured;
 * transaction.timeout.ms 15 s, retry.backoff.ms 1 for transactional ones. */
enum wb_rc wb_producer_new(const struct wb_config *config, const char *transactional_id,
                           wb_delivered_fn *delivered, void *arg, struct wb_producer **ret,
                           struct wb_err *err) WB_MUST_USE;
/* Waits at most 5 s for what is queued. Fits WB_AUTO. */
void wb_producer_free(struct wb_producer **producer);

/* Asks for the topic's partitions now: else the first record sent to it waits a second for them.
 * NOT_FOUND when there is no such topic. */
enum wb_rc wb_producer_prepare(struct wb_producer *producer, const char *topic,
                               struct wb_err *err) WB_MUST_USE;

/* Queues a copy. `partition` -1: by the key (murmur2). `value.data` NULL: tombstone. When the queue
 * is full, polls until there is room. Headers: `count` pairs or NULL. */
enum wb_rc wb_producer_send(struct wb_producer *producer, const char *topic, int32_t partition,
                            struct wb_span key, struct wb_span value, uint64_t ticket,
                            struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_producer_send_headers(struct wb_producer *producer, const char *topic,
                                    int32_t partition, struct wb_span key, struct wb_span value,
                                    const struct wb_pair *headers, size_t header_count,
                                    uint64_t ticket, struct wb_err *err) WB_MUST_USE;
void wb_producer_poll(struct wb_producer *producer, int timeout_ms);
/* One past the last readable offset of a partition now. Quick, unlike the same asked of a consumer,
 * whose connection is busy with waiting for records. */
enum wb_rc wb_producer_end_of(struct wb_producer *producer, const char *topic, int32_t partition,
                              int64_t *ret, struct wb_err *err) WB_MUST_USE;
/* Waits until all is delivered or failed; TIMEOUT otherwise. */
enum wb_rc wb_producer_flush(struct wb_producer *producer, int timeout_ms,
                             struct wb_err *err) WB_MUST_USE;

/* What helps after an error of a producer: go on, abort the transaction, or throw it away and make
 * a new one. */
enum wb_producer_state { WB_PRODUCER_FINE, WB_PRODUCER_MUST_ABORT, WB_PRODUCER_FATAL };
enum wb_producer_state wb_producer_state(const struct wb_producer *producer);

/* Everything sent until commit or abort becomes visible together or not at all. */
enum wb_rc wb_txn_begin(struct wb_producer *producer, struct wb_err *err) WB_MUST_USE;
/* Adds the consumer's positions with its group generation (so that a stale member's transaction
 * fails), flushes and commits; retries what is retryable itself. */
enum wb_rc wb_txn_commit(struct wb_producer *producer, struct wb_consumer *consumer,
                         const struct wb_position *positions, size_t count,
                         struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_txn_abort(struct wb_producer *producer, struct wb_err *err) WB_MUST_USE;

/* ---- cluster ---- */

/* Asks for metadata; UNREACHABLE with the addresses when no broker answers in time. */
enum wb_rc wb_log_ping(const struct wb_config *config, int timeout_ms,
                       struct wb_err *err) WB_MUST_USE;

/* The cluster's own id, a file-name-safe text; `ret` holds 64 bytes. UNREACHABLE as above. */
enum wb_rc wb_log_cluster(const struct wb_config *config, int timeout_ms, char *ret,
                          struct wb_err *err) WB_MUST_USE;

#endif

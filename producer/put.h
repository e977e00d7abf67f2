/* Publishing of file events: `put` walks a tree or reads names or events, `watch` follows a tree. */
#ifndef WB_PRODUCER_PUT_H
#define WB_PRODUCER_PUT_H

#include "core/base/config.h"
#include "core/stage/registry.h"
#include "core/stage/stores.h"
#include "core/wire/records.h"

/* Sends events to their home partitions; one thread. */
struct wb_publisher;

/* `sent` (may be NULL) is told of each event when the log has it: its file, home partition and
 * offset. Failed deliveries are counted and the first error is kept. */
typedef void wb_sent_fn(void *arg, const char *node, struct wb_span path, const char *event_id,
                        int32_t partition, int64_t offset);
enum wb_rc wb_publisher_new(const struct wb_config *config, wb_sent_fn *sent, void *arg,
                            struct wb_publisher **ret, struct wb_err *err) WB_MUST_USE;
void wb_publisher_free(struct wb_publisher **publisher);

/* Checks node name and path, fills `id` (a new UUID) and `time_ms` where they are empty, and sends.
 * Bounded memory: waits when too much is under way. */
enum wb_rc wb_publisher_send(struct wb_publisher *publisher, const struct wb_file_event *event,
                             struct wb_err *err) WB_MUST_USE;
/* Waits until all are durable; the first failed delivery is the error. */
enum wb_rc wb_publisher_flush(struct wb_publisher *publisher, int timeout_ms,
                              struct wb_err *err) WB_MUST_USE;

/* Fills an event for a file as the store sees it: kind written, size, mtime, etag; borrows all. */
void wb_event_from_stat(const char *node, struct wb_span path, const struct wb_stat *stat,
                        struct wb_file_event *ret);

#endif

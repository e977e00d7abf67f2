/* Publishing of file events, to the home partitions of their files. */
#ifndef WB_PRODUCER_PUT_H
#define WB_PRODUCER_PUT_H

#include "core/base/config.h"
#include "core/store/store.h"
#include "core/wire/records.h"

/* Sends events; one thread. */
struct wb_publisher;

/* Told of each event once the log has it (may be NULL): its kind, node, path and claims, borrowed.
 * Runs inside the calls below. */
typedef void wb_sent_fn(void *arg, const struct wb_file_event *event, int64_t offset);

/* NOT_FOUND without topics, UNREACHABLE without a broker. The caller frees. */
enum wb_rc wb_publisher_new(const struct wb_config *config, wb_sent_fn *sent, void *arg,
                            struct wb_publisher **ret, struct wb_err *err) WB_MUST_USE;
void wb_publisher_free(struct wb_publisher **publisher); /* fits WB_AUTO */

/* Checks node name and path, fills `id` (drawn) and `time_ms` (now) where they are empty, and sends
 * a copy. INVALID for a bad name or path; else the first failed delivery so far. Waits while too
 * much is under way. */
enum wb_rc wb_publisher_send(struct wb_publisher *publisher, const struct wb_file_event *event,
                             struct wb_err *err) WB_MUST_USE;
/* Waits until all are durable; the first failed delivery is the error. */
enum wb_rc wb_publisher_flush(struct wb_publisher *publisher, int timeout_ms,
                              struct wb_err *err) WB_MUST_USE;

/* An event for a file as the store sees it: written, with its size, mtime and etag as claims, so
 * that a file already proved at that version is not copied again. Borrows all. */
struct wb_file_event wb_event_written(const char *node, struct wb_span path,
                                      const struct wb_stat *stat);
struct wb_file_event wb_event_deleted(const char *node, struct wb_span path);

#endif

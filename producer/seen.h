/* What watch last published of each file: an SQLite file that can be deleted at any time (then
 * everything is published once more, which is harmless). One thread. */
#ifndef WB_PRODUCER_SEEN_H
#define WB_PRODUCER_SEEN_H

#include "core/base/buf.h"
#include "core/base/version.h"

struct wb_seen;

/* The caller closes. */
enum wb_rc wb_seen_open(const char *path, struct wb_seen **ret, struct wb_err *err) WB_MUST_USE;
void wb_seen_close(struct wb_seen **seen); /* NULL is fine; commits */

/* Whether nothing was ever published. */
enum wb_rc wb_seen_is_empty(struct wb_seen *seen, bool *ret_empty, struct wb_err *err) WB_MUST_USE;

/* A scan begins: names that are not touched until it ends have gone. */
enum wb_rc wb_seen_scan_begin(struct wb_seen *seen, struct wb_err *err) WB_MUST_USE;
/* The name is there, as `version`: `ret_same` tells whether that was published already. */
enum wb_rc wb_seen_look(struct wb_seen *seen, struct wb_span path, const struct wb_version *version,
                        bool *ret_same, struct wb_err *err) WB_MUST_USE;

/* The log has an event for this state of the file; `version` NULL: that it is gone. */
enum wb_rc wb_seen_put(struct wb_seen *seen, struct wb_span path, const struct wb_version *version,
                       struct wb_err *err) WB_MUST_USE;
/* Whether anything was published of the name. */
enum wb_rc wb_seen_has(struct wb_seen *seen, struct wb_span path, bool *ret_has,
                       struct wb_err *err) WB_MUST_USE;

/* Visits names below `prefix` (empty: all); with `untouched` only those that the scan did not
 * touch. The visitor may change what it is shown. */
enum wb_rc wb_seen_each(struct wb_seen *seen, struct wb_span prefix, bool untouched,
                        enum wb_rc (*visit)(void *arg, struct wb_span path, struct wb_err *err),
                        void *arg, struct wb_err *err) WB_MUST_USE;
/* Makes changes last over a kill; done now and then by itself in long scans. */
enum wb_rc wb_seen_commit(struct wb_seen *seen, struct wb_err *err) WB_MUST_USE;

#endif

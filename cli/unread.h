/* Events that lie in the log and that no planner has taken in: without them a ring whose planner
 * does not run looks idle. */
#ifndef WB_CLI_UNREAD_H
#define WB_CLI_UNREAD_H

#include "cli/cli.h"
#include "core/wire/log.h"

struct wb_unread {
    int64_t events;   /* -1: the log does not let us know */
    int32_t planners; /* in their group now */
};

/* Asks by any consumer. Who may not ask about the group, or asks while its coordinator moves, is
 * told nothing, which is no error. */
enum wb_rc wb_unread_ask(const struct wb_config *config, struct wb_consumer *consumer,
                         int32_t partitions, struct wb_unread *ret, struct wb_err *err) WB_MUST_USE;

/* "622 events wait for a planner; none is in the group" in `out`, or "" when there is nothing to
 * say. Returns `out`. */
const char *wb_unread_text(const struct wb_unread *unread, char *out, size_t size);

/* `{unread, planners}`, null where it is not known; the caller owns it. */
json_t *wb_unread_json(const struct wb_unread *unread);

#endif

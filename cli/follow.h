/* Following published events to their ends: what `put --wait` does. Memory: about 32 bytes for each
 * file and target. */
#ifndef WB_CLI_FOLLOW_H
#define WB_CLI_FOLLOW_H

#include "cli/cli.h"
#include "core/stage/registry.h"
#include "core/wire/records.h"

struct wb_follow;

struct wb_follow_counts {
    int64_t expected; /* files times targets */
    int64_t ended;
    int64_t verified;
    int64_t superseded;
    int64_t deleted;
    int64_t dead;
    int64_t unmatched; /* events that no rule sends anywhere */
    int64_t ignored;   /* deletes that no rule of theirs propagates */
    int64_t bytes;     /* of files verified */
    int64_t bytes_expected;
};

/* Notes where waybill.replicas ends now: call it before the first event is sent. The caller frees.
 */
enum wb_rc wb_follow_new(const struct wb_cli *cli, struct wb_registry *registry,
                         struct wb_follow **ret, struct wb_err *err) WB_MUST_USE;
void wb_follow_free(struct wb_follow **follow); /* fits WB_AUTO */

/* An event is in the log: expects its end on every target that the rules name. */
void wb_follow_expect(struct wb_follow *follow, enum wb_event_kind kind, const char *node,
                      struct wb_span path, int64_t size_bytes, int64_t offset);

/* Reads until all have ended, with progress on stderr; dead ones are told as they come. TIMEOUT
 * after cli->timeout_ms; CANCELLED by SIGINT or SIGTERM. */
enum wb_rc wb_follow_run(struct wb_follow *follow, struct wb_err *err) WB_MUST_USE;
const struct wb_follow_counts *wb_follow_counts(const struct wb_follow *follow);

#endif

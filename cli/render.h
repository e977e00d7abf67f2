/* Records as JSON with the names of INTERFACE; the same objects make the text of `describe`. The
 * caller owns what is returned. */
#ifndef WB_CLI_RENDER_H
#define WB_CLI_RENDER_H

#include "cli/cli.h"
#include "cli/holds.h"
#include "core/wire/records.h"

/* NULL gives JSON null. */
json_t *wb_render_error(const struct wb_err *err);
json_t *wb_render_version(const struct wb_version *version);
json_t *wb_render_options(const struct wb_options *options);

/* Attempts made so far, the one under way among them: 0 while it waits for its first. The log
 * counts those that failed. */
int32_t wb_render_attempts(const struct wb_job *job);

/* All there is, `path` in the form that wb_out_set_path chooses. */
json_t *wb_render_job(const struct wb_cli *cli, const struct wb_job *job);
json_t *wb_render_replica(const struct wb_cli *cli, const struct wb_replica *replica);
json_t *wb_render_node(const struct wb_node *node);
json_t *wb_render_rule(const struct wb_cli *cli, const struct wb_rule *rule);

/* NULL gives JSON null. */
json_t *wb_render_health(const struct wb_node_health *health);
json_t *wb_render_pause(const struct wb_setting *pause);
json_t *wb_render_hold(const struct wb_hold *hold);
/* wb_render_job with what parks it, and the state that follows; `hold` may be NULL. */
json_t *wb_render_held_job(const struct wb_cli *cli, const struct wb_job *job,
                           const struct wb_hold *hold);

/* "no space left on device (target, publish, ENOSPC)" in `out`; "" for NULL. Returns `out`. */
const char *wb_render_reason(const struct wb_err *err, char *out, size_t size);

#endif

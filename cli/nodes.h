/* Nodes as people see them: what the operator said of each, what the planner found, and whether it
 * is paused. */
#ifndef WB_CLI_NODES_H
#define WB_CLI_NODES_H

#include "cli/cli.h"
#include "core/stage/registry.h"

struct wb_node_view {
    const struct wb_node *node;
    const struct wb_node_health *health; /* NULL: nothing is known yet */
    const struct wb_setting *pause;      /* NULL: not paused */
};

/* One, or all in order of name; in the arena. */
struct wb_node_view wb_node_view(struct wb_registry *registry, const struct wb_node *node,
                                 struct wb_arena *arena);
struct wb_node_view *wb_node_views(struct wb_registry *registry, struct wb_arena *arena,
                                   size_t *ret_count);

/* The worst of all that is said: sick, draining, degraded, up, unknown. */
enum wb_node_state wb_node_view_state(const struct wb_node_view *view);
/* "up", "up/sick" (as a source, as a target), "up,draining", "sick,paused"; "-" when nothing is
 * known. Returns `out`. */
const char *wb_node_view_words(const struct wb_node_view *view, char *out, size_t size);
/* Why it is not just up; "" when it is. Returns `out`. */
const char *wb_node_view_reason(const struct wb_node_view *view, char *out, size_t size);
/* Since when it is what wb_node_view_state says; 0: not known. */
int64_t wb_node_view_since(const struct wb_node_view *view);
/* The higher of its sides; -1: not known. */
int64_t wb_node_view_p50(const struct wb_node_view *view);
int64_t wb_node_view_p99(const struct wb_node_view *view);

/* The definition with state, reason and since as above, `health` and `paused`; the caller owns it.
 */
json_t *wb_node_view_json(const struct wb_node_view *view);

#endif

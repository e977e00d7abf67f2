#include "cli/holds.h"

#include <stdio.h>

#include "cli/out.h"

/* Room for the two sides of a node, well or not and drained, and for the two of a pause. */
enum { HOLDS_A_NODE = 4, HOLDS_A_PAUSE = 2 };

/* ---- scopes ---- */

static const char *after(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static size_t of_node(const char *name, struct wb_arena *arena, struct wb_hold ret[2])
{
    const char *what = wb_arena_strdup(arena, name);
    ret[0] = (struct wb_hold){.source = what, .what = what};
    ret[1] = (struct wb_hold){.target = what, .what = what};
    return 2;
}

static size_t of_link(const char *names, struct wb_arena *arena, struct wb_hold *ret)
{
    char *source = wb_arena_strdup(arena, names);
    char *slash = source ? strchr(source, '/') : NULL;
    if (!slash)
        return 0;
    *slash = 0;
    *ret = (struct wb_hold){.source = source, .target = slash + 1, .what = "link"};
    return 1;
}

static size_t of_rule(const char *name, struct wb_arena *arena, struct wb_hold *ret)
{
    const char *what = wb_arena_printf(arena, "rule %s", name);
    if (!what)
        return 0;
    *ret = (struct wb_hold){.rule = what + strlen("rule "), .what = what};
    return 1;
}

static size_t of_file(const char *name, struct wb_arena *arena, struct wb_hold *ret)
{
    char *source = wb_arena_strdup(arena, name);
    char *colon = source ? strchr(source, ':') : NULL;
    if (!colon)
        return 0;
    *colon = 0;
    *ret = (struct wb_hold){.source = source, .path = wb_span_str(colon + 1), .what = "file"};
    return ret->path.len ? 1 : 0;
}

size_t wb_hold_of_scope(const char *scope, struct wb_arena *arena, struct wb_hold ret[2])
{
    const char *name;
    if ((name = after(scope, "node/")))
        return of_node(name, arena, ret);
    if ((name = after(scope, "link/")))
        return of_link(name, arena, ret);
    if ((name = after(scope, "rule/")))
        return of_rule(name, arena, ret);
    if ((name = after(scope, "file/")))
        return of_file(name, arena, ret);
    return 0;
}

/* ---- all there are ---- */

static void add_side(struct wb_holds *holds, const struct wb_side_health *side, struct wb_hold hold)
{
    if (side->state != WB_NODE_SICK && side->state != WB_NODE_DEGRADED)
        return;
    hold.parks = side->state == WB_NODE_SICK;
    hold.state = wb_node_state_name(side->state);
    hold.reason = !*side->reason && side->error ? side->error->text : side->reason;
    hold.since_ms = side->since_ms;
    holds->items[holds->count++] = hold;
}

static void add_node(struct wb_holds *holds, struct wb_registry *registry,
                     const struct wb_node *node, struct wb_arena *arena)
{
    struct wb_hold sides[2];
    const struct wb_node_health *health = wb_registry_health(registry, node->name, arena);
    (void)of_node(node->name, arena, sides);
    if (health) {
        add_side(holds, &health->source, sides[0]);
        add_side(holds, &health->target, sides[1]);
    }
    for (size_t i = 0; i < 2 && node->state == WB_NODE_DRAINING; i++) {
        sides[i].parks = true;
        sides[i].state = wb_node_state_name(WB_NODE_DRAINING);
        sides[i].reason = node->reason;
        sides[i].since_ms = node->since_ms;
        holds->items[holds->count++] = sides[i];
    }
}

static void add_pause(struct wb_holds *holds, const struct wb_setting *pause,
                      struct wb_arena *arena)
{
    struct wb_hold found[2];
    size_t count = wb_hold_of_scope(pause->key, arena, found);
    for (size_t i = 0; i < count; i++) {
        found[i].parks = true;
        found[i].state = "paused";
        found[i].reason = pause->value;
        found[i].since_ms = pause->updated_ms;
        holds->items[holds->count++] = found[i];
    }
}

void wb_holds_load(struct wb_registry *registry, struct wb_arena *arena, struct wb_holds *ret)
{
    struct wb_node **nodes;
    struct wb_setting **pauses;
    size_t node_count = 0;
    size_t pause_count = 0;
    wb_registry_nodes(registry, arena, &nodes, &node_count);
    wb_registry_controls(registry, "pause/", arena, &pauses, &pause_count);
    size_t most = HOLDS_A_NODE * node_count + HOLDS_A_PAUSE * pause_count;
    *ret = (struct wb_holds){.items = wb_arena_alloc(arena, (most + 1) * sizeof(*ret->items))};
    if (!ret->items)
        return;
    for (size_t i = 0; i < node_count; i++)
        add_node(ret, registry, nodes[i], arena);
    for (size_t i = 0; i < pause_count; i++)
        add_pause(ret, pauses[i], arena);
}

/* ---- one ---- */

bool wb_hold_covers(const struct wb_hold *hold, const struct wb_job *job)
{
    return (!hold->source || strcmp(hold->source, job->source) == 0) &&
           (!hold->target || strcmp(hold->target, job->target) == 0) &&
           (!hold->rule || strcmp(hold->rule, job->rule) == 0) &&
           (hold->path.len == 0 || wb_span_eq(hold->path, job->path));
}

const char *wb_hold_text(const struct wb_hold *hold, int64_t now_ms, char *out, size_t size)
{
    char since[32] = "";
    if (now_ms > 0 && hold->since_ms > 0 && now_ms >= hold->since_ms)
        (void)wb_out_age(now_ms - hold->since_ms, since);
    (void)snprintf(out, size, "%s %s%s%s%s%s", hold->what, hold->state, *since ? " " : "", since,
                   *hold->reason ? ": " : "", hold->reason);
    return out;
}

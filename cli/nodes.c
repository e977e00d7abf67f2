#include "cli/nodes.h"

#include "cli/lists.h"
#include "cli/out.h"
#include "cli/render.h"
#include "cli/watch.h"
#include "core/base/clock.h"

enum { REASON_MAX = 2048 };

/* ---- putting together ---- */

struct pauses {
    struct wb_setting **items;
    size_t count;
};

static struct pauses load_pauses(struct wb_registry *registry, struct wb_arena *arena)
{
    struct pauses pauses = {0};
    wb_registry_controls(registry, "pause/node/", arena, &pauses.items, &pauses.count);
    return pauses;
}

static struct wb_node_view view_of(struct wb_registry *registry, const struct pauses *pauses,
                                   const struct wb_node *node, struct wb_arena *arena)
{
    struct wb_node_view view = {.node = node,
                                .health = wb_registry_health(registry, node->name, arena)};
    for (size_t i = 0; i < pauses->count; i++)
        if (strcmp(pauses->items[i]->key, node->name) == 0)
            view.pause = pauses->items[i];
    return view;
}

struct wb_node_view wb_node_view(struct wb_registry *registry, const struct wb_node *node,
                                 struct wb_arena *arena)
{
    const struct pauses pauses = load_pauses(registry, arena);
    return view_of(registry, &pauses, node, arena);
}

struct wb_node_view *wb_node_views(struct wb_registry *registry, struct wb_arena *arena,
                                   size_t *ret_count)
{
    struct wb_node **nodes;
    size_t count = 0;
    wb_registry_nodes(registry, arena, &nodes, &count);
    struct wb_node_view *views = wb_arena_alloc(arena, (count + 1) * sizeof(*views));
    const struct pauses pauses = load_pauses(registry, arena);
    *ret_count = views ? count : 0;
    for (size_t i = 0; i < *ret_count; i++)
        views[i] = view_of(registry, &pauses, nodes[i], arena);
    return views;
}

/* ---- state ---- */

static const int badness[] = {[WB_NODE_UNKNOWN] = 0,
                              [WB_NODE_UP] = 1,
                              [WB_NODE_DEGRADED] = 2,
                              [WB_NODE_DRAINING] = 3,
                              [WB_NODE_SICK] = 4};

static enum wb_node_state worse(enum wb_node_state one, enum wb_node_state other)
{
    return badness[other] > badness[one] ? other : one;
}

static bool is_draining(const struct wb_node_view *view)
{
    return view->node->state == WB_NODE_DRAINING;
}

enum wb_node_state wb_node_view_state(const struct wb_node_view *view)
{
    enum wb_node_state state = is_draining(view) ? WB_NODE_DRAINING : WB_NODE_UNKNOWN;
    if (!view->health)
        return state;
    return worse(state, worse(view->health->source.state, view->health->target.state));
}

/* That a node drains is said once, by its definition. */
static const char *side_word(const struct wb_side_health *side)
{
    bool known = side->state != WB_NODE_UNKNOWN && side->state != WB_NODE_DRAINING;
    return known ? wb_node_state_name(side->state) : "";
}

static void add_word(char *out, size_t size, const char *separator, const char *word)
{
    size_t len = strlen(out);
    if (*word)
        (void)snprintf(out + len, size - len, "%s%s", len ? separator : "", word);
}

const char *wb_node_view_words(const struct wb_node_view *view, char *out, size_t size)
{
    out[0] = 0;
    if (view->health) {
        const char *source = side_word(&view->health->source);
        const char *target = side_word(&view->health->target);
        add_word(out, size, "", source);
        if (strcmp(source, target) != 0)
            add_word(out, size, "/", target);
    }
    if (is_draining(view))
        add_word(out, size, ",", wb_node_state_name(WB_NODE_DRAINING));
    if (view->pause)
        add_word(out, size, ",", "paused");
    if (!*out)
        (void)snprintf(out, size, "-");
    return out;
}

static bool is_unwell(const struct wb_side_health *side)
{
    return side->state == WB_NODE_SICK || side->state == WB_NODE_DEGRADED;
}

static const char *side_reason(const struct wb_side_health *side)
{
    if (*side->reason || !side->error)
        return side->reason;
    return side->error->text;
}

static void add_side_reason(const struct wb_side_health *side, const char *name, char *out,
                            size_t size)
{
    if (!is_unwell(side) || !*side_reason(side))
        return;
    add_word(out, size, "; ", name);
    add_word(out, size, "", side_reason(side));
}

static void add_health_reasons(const struct wb_node_health *health, char *out, size_t size)
{
    const struct wb_side_health *source = &health->source;
    const struct wb_side_health *target = &health->target;
    if (is_unwell(source) && is_unwell(target) &&
        strcmp(side_reason(source), side_reason(target)) == 0) {
        add_word(out, size, "; ", side_reason(source));
        return;
    }
    add_side_reason(source, "read: ", out, size);
    add_side_reason(target, "write: ", out, size);
}

const char *wb_node_view_reason(const struct wb_node_view *view, char *out, size_t size)
{
    out[0] = 0;
    if (view->health)
        add_health_reasons(view->health, out, size);
    if (is_draining(view) && *view->node->reason) {
        add_word(out, size, "; ", "draining: ");
        add_word(out, size, "", view->node->reason);
    }
    if (view->pause) {
        add_word(out, size, "; ", *view->pause->value ? "paused: " : "paused");
        add_word(out, size, "", view->pause->value);
    }
    return out;
}

int64_t wb_node_view_since(const struct wb_node_view *view)
{
    const struct wb_node_health *health = view->health;
    enum wb_node_state state = wb_node_view_state(view);
    if (health && health->source.state == state)
        return health->source.since_ms;
    if (health && health->target.state == state)
        return health->target.since_ms;
    return is_draining(view) ? view->node->since_ms : 0;
}

int64_t wb_node_view_p50(const struct wb_node_view *view)
{
    const struct wb_node_health *health = view->health;
    if (!health)
        return -1;
    return health->source.p50_ms > health->target.p50_ms ? health->source.p50_ms
                                                         : health->target.p50_ms;
}

int64_t wb_node_view_p99(const struct wb_node_view *view)
{
    const struct wb_node_health *health = view->health;
    if (!health)
        return -1;
    return health->source.p99_ms > health->target.p99_ms ? health->source.p99_ms
                                                         : health->target.p99_ms;
}

json_t *wb_node_view_json(const struct wb_node_view *view)
{
    char reason[REASON_MAX];
    json_t *object = wb_render_node(view->node);
    wb_json_set_str(object, "state", wb_node_state_name(wb_node_view_state(view)));
    wb_json_set_str(object, "reason", wb_node_view_reason(view, reason, sizeof(reason)));
    (void)json_object_del(object, "since");
    wb_json_set_time(object, "since", wb_node_view_since(view));
    (void)json_object_set_new(object, "draining", json_boolean(is_draining(view)));
    (void)json_object_set_new(object, "paused", wb_render_pause(view->pause));
    (void)json_object_set_new(object, "health", wb_render_health(view->health));
    return object;
}

/* ---- the list ---- */

static void ms_cell(struct wb_list *list, int64_t ms)
{
    char text[16] = "-";
    if (ms >= 0)
        wb_duration_format(ms, text);
    wb_list_cell(list, "%s", text);
}

static void node_row(struct wb_list *list, const struct wb_node_view *view, int64_t now_ms)
{
    char text[REASON_MAX];
    char age[32];
    char size[16] = "-";
    const struct wb_node *node = view->node;
    int64_t since_ms = wb_node_view_since(view);
    wb_list_cell(list, "%s", node->name);
    wb_list_cell(list, "%s", wb_node_view_words(view, text, sizeof(text)));
    wb_node_view_reason(view, text, sizeof(text));
    wb_list_cell(list, "%s", *text ? text : "-");
    wb_list_cell(list, "%s", since_ms > 0 ? wb_out_age(now_ms - since_ms, age) : "-");
    ms_cell(list, wb_node_view_p50(view));
    ms_cell(list, wb_node_view_p99(view));
    if (view->health && view->health->free_bytes >= 0)
        wb_size_format(view->health->free_bytes, size);
    wb_list_cell(list, "%s", size);
    wb_list_cell(list, "%s", *node->site ? node->site : "-");
    wb_list_cell(list, "%s", *node->secret ? node->secret : "-");
    wb_list_cell(list, "%s", node->url);
}

struct listing {
    const struct wb_cli *cli;
    struct wb_registry *registry;
    uint64_t generation; /* of the registry when last shown */
};

static enum wb_rc look(void *arg, bool *ret_changed, struct wb_err *err)
{
    struct listing *listing = arg;
    if (wb_registry_poll(listing->registry, err) != WB_OK)
        return WB_ERROR;
    uint64_t generation = wb_registry_generation(listing->registry);
    *ret_changed = generation != listing->generation;
    listing->generation = generation;
    return WB_OK;
}

static enum wb_rc show(void *arg, struct wb_err *err)
{
    static const struct wb_column columns[] = {{"NAME", false, false},   {"STATE", false, false},
                                               {"REASON", false, false}, {"SINCE", true, false},
                                               {"P50", true, false},     {"P99", true, false},
                                               {"FREE", true, false},    {"SITE", false, true},
                                               {"SECRET", false, true},  {"URL", false, false}};
    size_t count = 0;
    struct listing *listing = arg;
    (void)err;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    const struct wb_node_view *views = wb_node_views(listing->registry, arena, &count);
    struct wb_list *list WB_AUTO(wb_list_end) =
        wb_list_new(listing->cli, "nodes", columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < count; i++) {
        if (wb_list_is_json(list))
            wb_list_object(list, wb_node_view_json(&views[i]));
        else
            node_row(list, &views[i], wb_clock_wall_ms());
    }
    return WB_OK;
}

int wb_node_list(const struct wb_cli *cli)
{
    struct wb_err err;
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    if (wb_registry_new(cli->config, &registry, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    struct listing listing = {cli, registry, wb_registry_generation(registry)};
    return wb_watch_run(cli, look, show, &listing);
}

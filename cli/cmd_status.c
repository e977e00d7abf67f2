/* One line a link: what is proved, under way, waiting and dead, and how far behind it is. */
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/nodes.h"
#include "cli/out.h"
#include "cli/render.h"
#include "cli/view.h"
#include "cli/watch.h"
#include "core/base/clock.h"

enum { NOTES_MAX = 4096, NOTE_MAX = 700, FOOTER_MAX = 160, REASON_MAX = 2048 };

struct status {
    struct wb_cli *cli;
    struct wb_view *view;
    struct wb_view_link *links;
    size_t count;
    const struct wb_node_view *nodes;
    size_t node_count;
    struct wb_rule **rules;
    size_t rule_count;
    struct wb_holds holds;
    struct wb_unread unread;
    int64_t now_ms;
    uint64_t generation; /* of the registry when last shown */
};

static int64_t lag_ms(const struct status *status, const struct wb_view_link *link)
{
    int64_t lag = status->now_ms - link->oldest_accepted_ms;
    return link->oldest_accepted_ms <= 0 ? -1 : lag < 0 ? 0 : lag;
}

/* Bytes proved within the last hour over the time that something was under way. */
static int64_t bytes_per_second(const struct wb_view_link *link)
{
    if (link->hour_bytes <= 0 || link->hour_busy_ms <= 0)
        return 0;
    return (int64_t)((double)link->hour_bytes * 1000 / (double)link->hour_busy_ms);
}

/* ---- links of nodes that were removed ---- */

static bool is_node(const struct status *status, const char *name)
{
    for (size_t i = 0; i < status->node_count; i++)
        if (strcmp(status->nodes[i].node->name, name) == 0)
            return true;
    return false;
}

/* What was copied over it is history. */
static bool is_removed(const struct status *status, const struct wb_view_link *link)
{
    return !is_node(status, link->source) || !is_node(status, link->target);
}

/* ---- what holds a link up ---- */

static bool rule_has_link(const struct status *status, const char *name,
                          const struct wb_view_link *link)
{
    for (size_t i = 0; i < status->rule_count; i++) {
        const struct wb_rule *rule = status->rules[i];
        if (strcmp(rule->name, name) != 0 || strcmp(rule->source, link->source) != 0)
            continue;
        for (size_t t = 0; t < rule->target_count; t++)
            if (strcmp(rule->targets[t], link->target) == 0)
                return true;
    }
    return false;
}

/* Paused files are no matter of the link. */
static bool concerns(const struct status *status, const struct wb_hold *hold,
                     const struct wb_view_link *link)
{
    return hold->path.len == 0 && (!hold->source || strcmp(hold->source, link->source) == 0) &&
           (!hold->target || strcmp(hold->target, link->target) == 0) &&
           (!hold->rule || rule_has_link(status, hold->rule, link));
}

/* ---- JSON ---- */

static void add_offset(void *arg, int32_t partition, int64_t offset)
{
    char name[16];
    (void)snprintf(name, sizeof(name), "%d", partition);
    wb_json_set_int(arg, name, offset);
}

static json_t *link_json(const struct status *status, const struct wb_view_link *link)
{
    struct wb_err ignored;
    int64_t lag = lag_ms(status, link);
    json_t *object = json_object();
    wb_json_set_str(object, "source", link->source);
    wb_json_set_str(object, "target", link->target);
    (void)json_object_set_new(object, "removed", json_boolean(is_removed(status, link)));
    wb_json_set_int(object, "verified", link->verified);
    wb_json_set_int(object, "running", link->running);
    wb_json_set_int(object, "waiting", link->waiting);
    wb_json_set_int(object, "parked", link->parked);
    wb_json_set_int(object, "dead", link->dead);
    wb_json_set_int(object, "superseded", link->superseded);
    wb_json_set_int(object, "deleted", link->deleted);
    wb_json_set_int(object, "bytes", link->bytes);
    wb_json_set_int(object, "bytes_per_second", bytes_per_second(link));
    wb_json_set_int(object, "hour_ended", link->hour_ended);
    wb_json_set_int(object, "hour_dead", link->hour_dead);
    (void)json_object_set_new(object, "lag_ms", lag < 0 ? json_null() : json_integer(lag));
    json_t *watermark = json_object();
    json_t *offsets = json_object();
    wb_json_set_time(watermark, "time", link->watermark_ms);
    if (wb_view_offsets(status->view, link->source, link->target, add_offset, offsets, &ignored) !=
        WB_OK)
        (void)json_object_clear(offsets);
    (void)json_object_set_new(watermark, "offsets", offsets);
    (void)json_object_set_new(object, "watermark", watermark);
    json_t *held = json_array();
    for (size_t i = 0; i < status->holds.count; i++)
        if (concerns(status, &status->holds.items[i], link))
            (void)json_array_append_new(held, wb_render_hold(&status->holds.items[i]));
    (void)json_object_set_new(object, "held_by", held);
    return object;
}

static json_t *node_json(const struct wb_node_view *view)
{
    char reason[REASON_MAX];
    int64_t rtt_ms = wb_node_view_p50(view);
    json_t *object = json_object();
    wb_json_set_str(object, "name", view->node->name);
    wb_json_set_str(object, "state", wb_node_state_name(wb_node_view_state(view)));
    wb_json_set_str(object, "reason", wb_node_view_reason(view, reason, sizeof(reason)));
    (void)json_object_set_new(object, "rtt_ms", rtt_ms < 0 ? json_null() : json_integer(rtt_ms));
    (void)json_object_set_new(object, "paused", json_boolean(view->pause != NULL));
    return object;
}

static void show_json(const struct status *status)
{
    json_t *document = json_object();
    json_t *links = json_array();
    json_t *nodes = json_array();
    for (size_t i = 0; i < status->count; i++)
        (void)json_array_append_new(links, link_json(status, &status->links[i]));
    for (size_t i = 0; i < status->node_count; i++)
        (void)json_array_append_new(nodes, node_json(&status->nodes[i]));
    (void)json_object_set_new(document, "links", links);
    (void)json_object_set_new(document, "nodes", nodes);
    (void)json_object_set_new(document, "events", wb_unread_json(&status->unread));
    wb_json_set_time(document, "as_of", status->now_ms);
    wb_out_document(status->cli, document);
}

/* ---- table ---- */

/* "  dc2 sick 5m: connection refused" for each. */
static void notes_text(const struct status *status, const struct wb_view_link *link,
                       char out[NOTES_MAX])
{
    size_t len = 0;
    char note[NOTE_MAX];
    out[0] = 0;
    for (size_t i = 0; i < status->holds.count && len < NOTES_MAX; i++)
        if (concerns(status, &status->holds.items[i], link))
            len += (size_t)snprintf(
                out + len, NOTES_MAX - len, "  %s",
                wb_hold_text(&status->holds.items[i], status->now_ms, note, sizeof(note)));
}

struct range {
    int count;
    int64_t offset;
};

static void take_range(void *arg, int32_t partition, int64_t offset)
{
    struct range *range = arg;
    (void)partition;
    range->count++;
    range->offset = offset;
}

static void until_cell(const struct status *status, struct wb_list *list,
                       const struct wb_view_link *link)
{
    char time[32];
    char events[48] = "";
    char notes[NOTES_MAX];
    struct range range = {0};
    struct wb_err ignored;
    if (wb_view_offsets(status->view, link->source, link->target, take_range, &range, &ignored) ==
            WB_OK &&
        range.count == 1 && range.offset >= 0)
        (void)snprintf(events, sizeof(events), " (events 0-%lld)", (long long)range.offset);
    notes_text(status, link, notes);
    wb_list_cell(list, "%s%s%s", wb_out_time(link->watermark_ms, status->now_ms, time), events,
                 notes);
}

static void rate_cell(struct wb_list *list, const struct wb_view_link *link)
{
    if (link->hour_ended == 0) {
        wb_list_cell(list, "-");
        return;
    }
    /* Rounded down: 100% means that nothing died. */
    int64_t shares = (link->hour_ended - link->hour_dead) * 10000 / link->hour_ended;
    if (shares == 10000)
        wb_list_cell(list, "100%%");
    else
        wb_list_cell(list, "%lld.%02lld%%", (long long)(shares / 100), (long long)(shares % 100));
}

static void link_row(const struct status *status, struct wb_list *list,
                     const struct wb_view_link *link)
{
    char text[32];
    char size[16];
    int64_t lag = lag_ms(status, link);
    wb_list_cell(list, "%s → %s%s", link->source, link->target,
                 is_removed(status, link) ? " (removed)" : "");
    wb_list_cell(list, "%s", wb_out_count(link->verified + link->deleted, text));
    wb_list_cell(list, "%s", wb_out_count(link->running, text));
    wb_list_cell(list, "%s", wb_out_count(link->waiting + link->parked, text));
    wb_list_cell(list, "%s", wb_out_count(link->dead, text));
    wb_list_cell(list, "%s", wb_out_count(link->parked, text));
    wb_list_cell(list, "%s", wb_out_count(link->superseded, text));
    wb_list_cell(list, "%s", wb_out_count(link->deleted, text));
    wb_size_format(link->bytes, size);
    wb_list_cell(list, "%s", size);
    rate_cell(list, link);
    wb_size_format(bytes_per_second(link), size);
    wb_list_cell(list, "%s/s", size);
    if (lag < 0)
        (void)snprintf(size, sizeof(size), "-");
    else
        wb_duration_format(lag > 60000 ? lag / 1000 * 1000 : lag, size);
    wb_list_cell(list, "%s", size);
    until_cell(status, list, link);
}

static void show_table(const struct status *status)
{
    static const struct wb_column columns[] = {
        {"LINK", false, false},          {"OK", true, false},         {"RUN", true, false},
        {"WAIT", true, false},           {"DEAD", true, false},       {"PARKED", true, true},
        {"SUPERSEDED", true, true},      {"DELETED", true, true},     {"BYTES", true, true},
        {"RATE/1h", true, false},        {"THROUGHPUT", true, false}, {"LAG", true, false},
        {"VERIFIED UNTIL", false, false}};
    struct wb_list *list WB_AUTO(wb_list_end) =
        wb_list_new(status->cli, "links", columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < status->count; i++)
        if (status->cli->verbose || !is_removed(status, &status->links[i]))
            link_row(status, list, &status->links[i]);
}

/* Below the table: what no line of it can show. */
static void show_footer(const struct status *status)
{
    char text[FOOTER_MAX];
    if (status->cli->output != WB_OUT_NAME && *wb_unread_text(&status->unread, text, sizeof(text)))
        (void)printf("%s\n", text);
    (void)fflush(stdout);
}

/* ---- the command ---- */

static bool has_link(const struct wb_view_link *links, size_t count, const char *source,
                     const char *target)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(links[i].source, source) == 0 && strcmp(links[i].target, target) == 0)
            return true;
    return false;
}

/* Links of rules that no file went over yet are shown too. */
static void add_rule_links(struct status *status)
{
    struct wb_rule *const *rules = status->rules;
    size_t count = status->rule_count;
    size_t most = status->count;
    for (size_t i = 0; i < count; i++)
        most += rules[i]->target_count;
    struct wb_view_link *links = wb_xcalloc(most + 1, sizeof(*links));
    if (status->count)
        memcpy(links, status->links, status->count * sizeof(*links));
    free(status->links);
    status->links = links;
    for (size_t i = 0; i < count; i++)
        for (size_t t = 0; t < rules[i]->target_count; t++) {
            if (has_link(links, status->count, rules[i]->source, rules[i]->targets[t]))
                continue;
            struct wb_view_link *link = &links[status->count++];
            (void)snprintf(link->source, sizeof(link->source), "%s", rules[i]->source);
            (void)snprintf(link->target, sizeof(link->target), "%s", rules[i]->targets[t]);
        }
}

static enum wb_rc show(struct status *status, struct wb_registry *registry, struct wb_err *err)
{
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    status->now_ms = wb_clock_wall_ms();
    wb_holds_load(registry, arena, &status->holds);
    if (wb_view_hold(status->view, &status->holds, err) != WB_OK ||
        wb_view_links(status->view, status->now_ms, &status->links, &status->count, err) != WB_OK)
        return WB_ERROR;
    status->nodes = wb_node_views(registry, arena, &status->node_count);
    wb_registry_rules(registry, arena, &status->rules, &status->rule_count);
    add_rule_links(status);
    if (wb_out_is_json(status->cli)) {
        show_json(status);
    } else {
        show_table(status);
        show_footer(status);
    }
    free(status->links);
    status->links = NULL;
    return WB_OK;
}

struct followed {
    struct status *status;
    struct wb_registry *registry;
};

static enum wb_rc show_followed(void *arg, struct wb_err *err)
{
    struct followed *followed = arg;
    return show(followed->status, followed->registry, err);
}

static enum wb_rc look(void *arg, bool *ret_changed, struct wb_err *err)
{
    struct followed *followed = arg;
    struct status *status = followed->status;
    const struct wb_unread former = status->unread;
    if (wb_registry_poll(followed->registry, err) != WB_OK ||
        wb_view_refresh(status->view, ret_changed, err) != WB_OK ||
        wb_view_unread(status->view, &status->unread, err) != WB_OK)
        return WB_ERROR;
    uint64_t generation = wb_registry_generation(followed->registry);
    *ret_changed |= generation != status->generation || former.events != status->unread.events ||
                    former.planners != status->unread.planners;
    status->generation = generation;
    return WB_OK;
}

static int run_status(struct wb_cli *cli)
{
    struct wb_err err;
    struct wb_view *view WB_AUTO(wb_view_free) = NULL;
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    if (wb_registry_new(cli->config, &registry, &err) != WB_OK ||
        wb_view_open(cli->config, &view, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    struct status status = {
        .cli = cli, .view = view, .generation = wb_registry_generation(registry)};
    struct followed followed = {&status, registry};
    if (wb_view_unread(view, &status.unread, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    return wb_watch_run(cli, look, show_followed, &followed);
}

const struct wb_command wb_cmd_status = {
    .name = "status",
    .group = "observe",
    .summary = "how far each link is: proved, running, waiting, dead, lag",
    .help =
        "OK: files proved on the target, or deleted there as asked. RUN: jobs under way.\n"
        "WAIT: jobs that wait, for their turn, their next attempt, or because they are parked\n"
        "(a node is sick or drained, or something is paused: told at the end of the line).\n"
        "DEAD: jobs that need a person (`waybill get dead`). RATE/1h: share of what ended "
        "within the\n"
        "last hour that did not end dead. THROUGHPUT: bytes proved within that hour over the\n"
        "time that something was under way. LAG: age of the oldest event under way. VERIFIED\n"
        "UNTIL: every event up to this time has ended. Below the table: events that no planner\n"
        "has taken in yet, and whether there is one (JSON: `events`).\n"
        "Links of a node that was removed are shown with -v only, as `(removed)` (JSON:\n"
        "`removed`).\n\n"
        "examples:\n"
        "  waybill status -w\n"
        "  waybill status --json\n",
    .watches = true,
    .run = run_status,
};

#include "cli/commands.h"
#include "cli/nodes.h"
#include "cli/out.h"
#include "cli/render.h"
#include "cli/view.h"
#include "core/base/path.h"
#include "core/stage/registry.h"

enum { SHOWN_MAX = 8192, NOTE_MAX = 160 };

struct describe {
    struct wb_cli *cli;
    struct wb_span path;
    json_t *found; /* array */
};

/* The view with what holds jobs up laid over it. */
static enum wb_rc open_view(const struct wb_cli *cli, struct wb_registry *registry,
                            struct wb_arena *arena, struct wb_view **ret, struct wb_err *err)
{
    struct wb_holds holds;
    wb_holds_load(registry, arena, &holds);
    if (wb_view_open(cli->config, ret, err) != WB_OK)
        return WB_ERROR;
    return wb_view_hold(*ret, &holds, err);
}

/* The pause of a scope ("rule/", "file/") and a name; NULL: not paused. */
static const struct wb_setting *pause_of(struct wb_registry *registry, const char *kind,
                                         const char *name, struct wb_arena *arena)
{
    struct wb_setting **pauses;
    size_t count = 0;
    wb_registry_controls(registry, wb_arena_printf(arena, "pause/%s/", kind), arena, &pauses,
                         &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(pauses[i]->key, name) == 0)
            return pauses[i];
    return NULL;
}

/* ---- file ---- */

static enum wb_rc add_target(void *arg, const struct wb_view_row *row, struct wb_err *err)
{
    const struct describe *describe = arg;
    struct wb_span path = row->job ? row->job->path : row->replica->path;
    (void)err;
    if (!wb_span_eq(path, describe->path))
        return WB_OK;
    json_t *object = json_object();
    wb_json_set_str(object, "target", row->job ? row->job->target : row->replica->target);
    wb_json_set_str(object, "source", row->job ? row->job->source : row->replica->source);
    wb_json_set_str(object, "state", wb_view_state(row));
    if (row->replica) {
        json_t *replica = wb_render_replica(describe->cli, row->replica);
        if (row->job && row->job->state == WB_JOB_DEAD)
            wb_json_set_int(replica, "attempts", wb_render_attempts(row->job));
        (void)json_object_set_new(object, "replica", replica);
    }
    if (row->job)
        (void)json_object_set_new(object, "job",
                                  wb_render_held_job(describe->cli, row->job, row->hold));
    (void)json_array_append_new(describe->found, object);
    return WB_OK;
}

static enum wb_rc find_file(struct describe *describe, struct wb_view *view, const char *node,
                            struct wb_err *err)
{
    struct wb_view_filter of_source = {.source = node, .path = describe->path};
    struct wb_view_filter of_target = {.target = node, .path = describe->path};
    if (wb_view_each(view, &of_source, add_target, describe, err) != WB_OK)
        return WB_ERROR;
    return wb_view_each(view, &of_target, add_target, describe, err);
}

/* It may be on its way already. */
static int fail_unknown_file(const struct wb_cli *cli, struct wb_view *view,
                             const struct wb_err *err)
{
    struct wb_err ignored;
    struct wb_unread unread;
    char text[NOTE_MAX];
    if (wb_view_unread(view, &unread, &ignored) == WB_OK && unread.events > 0)
        return wb_cli_fail_hint(cli, err, wb_unread_text(&unread, text, sizeof(text)));
    return wb_cli_fail_hint(cli, err,
                            "`waybill rule test` shows where it would go, `waybill put` sends it");
}

static int describe_file(struct wb_cli *cli)
{
    struct wb_err err;
    char node[64];
    char shown[SHOWN_MAX];
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    struct wb_view *view WB_AUTO(wb_view_free) = NULL;
    json_t *targets WB_AUTO(wb_json_free) = json_array();
    struct describe describe = {.cli = cli, .found = targets};
    if (wb_path_split(cli->words[1], node, &describe.path, &err) != WB_OK ||
        wb_path_check(describe.path, &err) != WB_OK ||
        wb_registry_new(cli->config, &registry, &err) != WB_OK ||
        open_view(cli, registry, arena, &view, &err) != WB_OK ||
        find_file(&describe, view, node, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    if (json_array_size(targets) == 0) {
        (void)wb_err_set(&err, WB_CAT_NOT_FOUND, "nothing is known of \"%s:%s\"", node,
                         wb_path_show(describe.path, shown, sizeof(shown)));
        return fail_unknown_file(cli, view, &err);
    }
    const char *name =
        wb_arena_printf(arena, "%s:%.*s", node, (int)describe.path.len, describe.path.data);
    json_t *document = json_object();
    wb_json_set_str(document, "node", node);
    wb_out_set_path(cli, document, describe.path);
    (void)json_object_set_new(document, "paused",
                              wb_render_pause(pause_of(registry, "file", name, arena)));
    (void)json_object_set(document, "targets", targets);
    wb_out_document(cli, document);
    return 0;
}

/* ---- job ---- */

static enum wb_rc add_job(void *arg, const struct wb_view_row *row, struct wb_err *err)
{
    const struct describe *describe = arg;
    (void)err;
    (void)json_array_append_new(describe->found,
                                wb_render_held_job(describe->cli, row->job, row->hold));
    return WB_OK;
}

static int describe_job(struct wb_cli *cli)
{
    struct wb_err err;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    struct wb_view *view WB_AUTO(wb_view_free) = NULL;
    json_t *jobs WB_AUTO(wb_json_free) = json_array();
    struct describe describe = {.cli = cli, .found = jobs};
    struct wb_view_filter filter = {.set = WB_VIEW_JOBS, .job = cli->words[1]};
    if (wb_registry_new(cli->config, &registry, &err) != WB_OK ||
        open_view(cli, registry, arena, &view, &err) != WB_OK ||
        wb_view_each(view, &filter, add_job, &describe, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    if (json_array_size(jobs) == 0) {
        (void)wb_err_set(&err, WB_CAT_NOT_FOUND, "no job \"%s\" is in flight", cli->words[1]);
        return wb_cli_fail_hint(cli, &err,
                                "jobs that ended are gone; `waybill describe file "
                                "NODE:PATH` shows how");
    }
    wb_out_document(cli, json_incref(json_array_get(jobs, 0)));
    return 0;
}

/* ---- node ---- */

static json_t *rules_of(struct wb_registry *registry, const char *name, struct wb_arena *arena)
{
    struct wb_rule **rules;
    size_t count = 0;
    json_t *names = json_array();
    wb_registry_rules(registry, arena, &rules, &count);
    for (size_t i = 0; i < count; i++) {
        bool named = strcmp(rules[i]->source, name) == 0;
        for (size_t t = 0; t < rules[i]->target_count; t++)
            named |= strcmp(rules[i]->targets[t], name) == 0;
        if (named)
            (void)json_array_append_new(names, json_string(rules[i]->name));
    }
    return names;
}

static int describe_node(struct wb_cli *cli)
{
    struct wb_err err;
    struct wb_node *node = NULL;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    if (wb_registry_new(cli->config, &registry, &err) != WB_OK ||
        wb_registry_node(registry, cli->words[1], arena, &node, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    const struct wb_node_view view = wb_node_view(registry, node, arena);
    json_t *document = wb_node_view_json(&view);
    (void)json_object_set_new(document, "rules", rules_of(registry, node->name, arena));
    wb_out_document(cli, document);
    return 0;
}

/* ---- rule ---- */

static int describe_rule(struct wb_cli *cli)
{
    struct wb_err err;
    struct wb_rule *rule = NULL;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    if (wb_registry_new(cli->config, &registry, &err) != WB_OK ||
        wb_registry_rule(registry, cli->words[1], arena, &rule, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    json_t *document = wb_render_rule(cli, rule);
    (void)json_object_set_new(document, "paused",
                              wb_render_pause(pause_of(registry, "rule", rule->name, arena)));
    wb_out_document(cli, document);
    return 0;
}

/* ---- the command ---- */

static int run_describe(struct wb_cli *cli)
{
    static const char *const names[] = {"file", "job", "node", "rule", NULL};
    static int (*const runs[])(struct wb_cli *) = {describe_file, describe_job, describe_node,
                                                   describe_rule};
    struct wb_err err;
    int kind;
    if (wb_cli_choice("kind", cli->words[0], names, &kind, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    return runs[kind](cli);
}

const struct wb_command wb_cmd_describe = {
    .name = "describe",
    .words = "file|job|node|rule NAME",
    .group = "observe",
    .summary = "everything known of a file on all its targets, a job, a node, or a rule",
    .help = "A file is NODE:PATH, of its source or of a target.\n\n"
            "examples:\n"
            "  waybill describe file a:raw/x.bin\n"
            "  waybill describe job 5f1c0a77d1e2b3c4 --json\n"
            "  waybill describe node b\n"
            "  waybill describe rule all\n",
    .least_words = 2,
    .most_words = 2,
    .run = run_describe,
};

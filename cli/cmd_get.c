#include <stdlib.h>

#include "cli/commands.h"
#include "cli/lists.h"
#include "cli/out.h"
#include "cli/render.h"
#include "cli/view.h"
#include "cli/watch.h"
#include "core/base/clock.h"
#include "core/base/path.h"

enum { SHOWN_MAX = 8192, STATES_MOST = 32, REASON_MAX = 700, NOTE_MAX = 160 };

struct get {
    struct wb_cli *cli;
    struct wb_view *view;
    struct wb_registry *registry;
    uint64_t generation; /* of the registry when last shown */
    struct wb_view_filter filter;
    char node[64]; /* of NODE:PREFIX, "" when none was given */
    int64_t now_ms;
    struct wb_list *list;
    const struct kind *kind;
};

struct kind {
    const char *name;
    const struct wb_column *columns;
    size_t column_count;
    enum wb_view_set set;
    const char *state;
    void (*row)(struct get *get, const struct wb_view_row *row);
};

static void path_cell(struct wb_list *list, const char *node, struct wb_span path)
{
    char shown[SHOWN_MAX];
    wb_list_cell(list, "%s:%s", node, wb_path_show(path, shown, sizeof(shown)));
}

static void age_cell(const struct get *get, int64_t since_ms)
{
    char age[16] = "-";
    if (since_ms > 0)
        wb_duration_format((get->now_ms - since_ms) / 1000 * 1000, age);
    wb_list_cell(get->list, "%s", age);
}

/* ---- files ---- */

static void size_cell(struct wb_list *list, const struct wb_version *version)
{
    char text[16] = "-";
    if (version && version->size_bytes >= 0)
        wb_size_format(version->size_bytes, text);
    wb_list_cell(list, "%s", text);
}

static void file_row(struct get *get, const struct wb_view_row *row)
{
    const struct wb_replica *replica = row->replica;
    const struct wb_job *job = row->job;
    char time[32];
    char sha[80] = "-";
    path_cell(get->list, job ? job->source : replica->source, job ? job->path : replica->path);
    wb_list_cell(get->list, "%s", job ? job->target : replica->target);
    wb_list_cell(get->list, "%s", wb_view_state(row));
    size_cell(get->list, replica && replica->version ? replica->version
                         : job                       ? job->version
                                                     : NULL);
    wb_list_cell(get->list, "%s", wb_out_time(replica ? replica->proved_ms : 0, get->now_ms, time));
    enum wb_strategy strategy = job ? job->strategy : replica->strategy;
    wb_list_cell(get->list, "%s", strategy ? wb_strategy_name(strategy) : "-");
    wb_list_cell(get->list, "%d", job ? wb_render_attempts(job) : replica->attempts);
    if (replica && replica->sha256.len == 32)
        for (size_t i = 0; i < 32; i++)
            (void)snprintf(sha + 2 * i, 3, "%02x", replica->sha256.data[i]);
    wb_list_cell(get->list, "%s", sha);
}

static json_t *file_json(const struct get *get, const struct wb_view_row *row)
{
    json_t *object = row->replica ? wb_render_replica(get->cli, row->replica) : json_object();
    if (!row->replica) {
        wb_json_set_str(object, "source", row->job->source);
        wb_json_set_str(object, "target", row->job->target);
        wb_out_set_path(get->cli, object, row->job->path);
    }
    wb_json_set_str(object, "state", wb_view_state(row));
    if (row->job) {
        wb_json_set_str(object, "job", row->job->id);
        wb_json_set_int(object, "attempts", wb_render_attempts(row->job));
    }
    (void)json_object_set_new(object, "held_by", wb_render_hold(row->hold));
    return object;
}

/* ---- jobs and dead ---- */

/* What holds it up says more than the error of an attempt before. */
static void reason_cell(const struct get *get, const struct wb_view_row *row)
{
    char reason[REASON_MAX];
    if (row->hold)
        wb_hold_text(row->hold, get->now_ms, reason, sizeof(reason));
    else
        wb_render_reason(row->job->error, reason, sizeof(reason));
    wb_list_cell(get->list, "%s", *reason ? reason : row->job->reason);
}

static void job_row(struct get *get, const struct wb_view_row *row)
{
    const struct wb_job *job = row->job;
    wb_list_cell(get->list, "%s", job->id);
    path_cell(get->list, job->source, job->path);
    wb_list_cell(get->list, "%s", job->target);
    wb_list_cell(get->list, "%s", wb_view_state(row));
    wb_list_cell(get->list, "%s", wb_strategy_name(job->strategy));
    wb_list_cell(get->list, "%d/%d", wb_render_attempts(job), job->max_attempts);
    age_cell(get, job->created_ms);
    reason_cell(get, row);
}

static void dead_row(struct get *get, const struct wb_view_row *row)
{
    const struct wb_job *job = row->job;
    wb_list_cell(get->list, "%s", job->id);
    path_cell(get->list, job->source, job->path);
    wb_list_cell(get->list, "%s", job->target);
    wb_list_cell(get->list, "%d", wb_render_attempts(job));
    age_cell(get, job->updated_ms);
    reason_cell(get, row);
}

static const struct wb_column file_columns[] = {
    {"FILE", false, false},   {"TARGET", false, false}, {"STATE", false, false},
    {"SIZE", true, false},    {"PROVED", false, false}, {"STRATEGY", false, false},
    {"ATTEMPTS", true, true}, {"SHA256", false, true},
};
static const struct wb_column job_columns[] = {
    {"ID", false, false},    {"FILE", false, false},     {"TARGET", false, false},
    {"STATE", false, false}, {"STRATEGY", false, false}, {"ATTEMPT", true, false},
    {"AGE", true, false},    {"REASON", false, false},
};
static const struct wb_column dead_columns[] = {
    {"ID", false, false},      {"FILE", false, false}, {"TARGET", false, false},
    {"ATTEMPTS", true, false}, {"AGE", true, false},   {"REASON", false, false},
};

static const struct kind kinds[] = {
    {"files", file_columns, 8, WB_VIEW_FILES, NULL, file_row},
    {"jobs", job_columns, 8, WB_VIEW_FLYING, NULL, job_row},
    {"dead", dead_columns, 6, WB_VIEW_JOBS, "dead", dead_row},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* ---- the command ---- */

static enum wb_rc visit(void *arg, const struct wb_view_row *row, struct wb_err *err)
{
    struct get *get = arg;
    (void)err;
    if (!wb_list_is_json(get->list))
        get->kind->row(get, row);
    else if (get->kind->set == WB_VIEW_FILES)
        wb_list_object(get->list, file_json(get, row));
    else
        wb_list_object(get->list, wb_render_held_job(get->cli, row->job, row->hold));
    return WB_OK;
}

/* A node is meant as the source of files, and as a target of others'. */
static enum wb_rc show_rows(struct get *get, struct wb_err *err)
{
    struct wb_view_filter there = get->filter;
    if (wb_view_each(get->view, &get->filter, visit, get, err) != WB_OK)
        return WB_ERROR;
    if (!*get->node || get->filter.target)
        return WB_OK;
    there.source = NULL;
    there.target = get->node;
    return wb_view_each(get->view, &there, visit, get, err);
}

static enum wb_rc show(void *arg, struct wb_err *err)
{
    struct get *get = arg;
    const struct kind *kind = get->kind;
    struct wb_holds holds;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    wb_holds_load(get->registry, arena, &holds);
    if (wb_view_hold(get->view, &holds, err) != WB_OK)
        return WB_ERROR;
    struct wb_list *list WB_AUTO(wb_list_end) =
        wb_list_new(get->cli, kind->name, kind->columns, kind->column_count);
    get->list = list;
    get->now_ms = wb_clock_wall_ms();
    return show_rows(get, err);
}

static enum wb_rc look(void *arg, bool *ret_changed, struct wb_err *err)
{
    struct get *get = arg;
    if (wb_registry_poll(get->registry, err) != WB_OK ||
        wb_view_refresh(get->view, ret_changed, err) != WB_OK)
        return WB_ERROR;
    uint64_t generation = wb_registry_generation(get->registry);
    *ret_changed |= generation != get->generation;
    get->generation = generation;
    return WB_OK;
}

/* An empty list of a ring without a planner means little. */
static void tell_unread(const struct get *get)
{
    struct wb_err ignored;
    struct wb_unread unread;
    char text[NOTE_MAX];
    if (get->cli->quiet || wb_view_unread(get->view, &unread, &ignored) != WB_OK ||
        unread.events <= 0 || unread.planners > 0)
        return;
    (void)fprintf(stderr, "waybill: %s\n", wb_unread_text(&unread, text, sizeof(text)));
}

/* The states of jobs and, for files, the ways to end; one that both have is told once. */
static enum wb_rc check_state(const struct get *get, struct wb_err *err)
{
    int found;
    size_t count = 0;
    const char *names[STATES_MOST] = {NULL};
    const char *state = wb_cli_flag(get->cli, "state");
    if (!state)
        return WB_OK;
    if (get->kind->state)
        return wb_err_set(err, WB_CAT_USAGE, "--state: all that `get %s` lists is %s",
                          get->kind->name, get->kind->state);
    for (int end = WB_END_VERIFIED; get->kind->set == WB_VIEW_FILES && end < WB_END_DEAD; end++)
        names[count++] = wb_end_name((enum wb_end)end);
    for (int job = WB_JOB_WAITING; job < WB_JOB_DEAD; job++)
        names[count++] = wb_job_state_name((enum wb_job_state)job);
    if (get->kind->set == WB_VIEW_FILES)
        names[count] = wb_end_name(WB_END_DEAD);
    if (wb_cli_choice("value", state, names, &found, err) == WB_OK)
        return WB_OK;
    return wb_err_prefix(err, "--state");
}

static enum wb_rc read_filter(struct get *get, struct wb_err *err)
{
    if (check_state(get, err) != WB_OK)
        return WB_ERROR;
    get->filter.set = get->kind->set;
    get->filter.state = get->kind->state ? get->kind->state : wb_cli_flag(get->cli, "state");
    get->filter.target = wb_cli_flag(get->cli, "target");
    if (get->cli->word_count < 2)
        return WB_OK;
    if (wb_path_split(get->cli->words[1], get->node, &get->filter.path, err) != WB_OK)
        return WB_ERROR;
    get->filter.source = get->node;
    return WB_OK;
}

/* A node that was removed is known as long as there are files of it. */
static enum wb_rc check_node(const struct get *get, const char *name, struct wb_err *err)
{
    struct wb_node *node;
    struct wb_err ignored;
    struct wb_view_link *links = NULL;
    size_t count = 0;
    bool known = false;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    if (!name || !*name || wb_registry_node(get->registry, name, arena, &node, err) == WB_OK)
        return WB_OK;
    if (wb_view_links(get->view, wb_clock_wall_ms(), &links, &count, &ignored) == WB_OK)
        for (size_t i = 0; i < count; i++)
            known |= strcmp(links[i].source, name) == 0 || strcmp(links[i].target, name) == 0;
    free(links);
    return known ? WB_OK : WB_ERROR;
}

static int run_kind(struct wb_cli *cli, const struct kind *kind)
{
    struct wb_err err;
    struct wb_view *view WB_AUTO(wb_view_free) = NULL;
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    struct get get = {.cli = cli, .kind = kind};
    if (read_filter(&get, &err) != WB_OK ||
        wb_registry_new(cli->config, &registry, &err) != WB_OK ||
        wb_view_open(cli->config, &view, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    get.view = view;
    get.registry = registry;
    get.generation = wb_registry_generation(registry);
    if (check_node(&get, get.node, &err) != WB_OK ||
        check_node(&get, get.filter.target, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    tell_unread(&get);
    return wb_watch_run(cli, look, show, &get);
}

/* Nodes and rules are few: all are listed. */
static int run_list(const struct wb_cli *cli, int (*list)(const struct wb_cli *cli))
{
    if (cli->word_count > 1)
        return wb_cli_usage(cli, "unexpected \"%s\"; `get %s` lists all", cli->words[1],
                            cli->words[0]);
    if (wb_cli_flag(cli, "state") || wb_cli_flag(cli, "target"))
        return wb_cli_usage(cli, "--state and --target are for files and jobs, not for %s",
                            cli->words[0]);
    return list(cli);
}

static int run_get(struct wb_cli *cli)
{
    struct wb_err err;
    int found;
    static int (*const lists[])(const struct wb_cli *) = {wb_node_list, wb_rule_list};
    const char *names[KINDS + 3] = {NULL};
    for (size_t i = 0; i < KINDS; i++)
        names[i] = kinds[i].name;
    names[KINDS] = "nodes";
    names[KINDS + 1] = "rules";
    if (wb_cli_choice("kind", cli->words[0], names, &found, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    return found < KINDS ? run_kind(cli, &kinds[found]) : run_list(cli, lists[found - KINDS]);
}

static const struct wb_flag flags[] = {
    {"state", 0, "NAME",
     "only these: verified, superseded, deleted, dead, waiting, parked, copying …"},
    {"target", 0, "NODE", "only files on their way to this node, or there"},
    {NULL, 0, NULL, NULL},
};

const struct wb_command wb_cmd_get = {
    .name = "get",
    .words = "jobs|files|nodes|rules|dead [NODE:PREFIX]",
    .group = "observe",
    .summary = "list jobs in flight, files, nodes, rules, or what is dead",
    .help =
        "NODE:PREFIX names one file of a source or of a target, or everything below a folder.\n"
        "A job is parked when it would wait for its turn but a node is sick or drained, or\n"
        "something of it is paused; REASON says which. A node's STATE is one word, or two when\n"
        "it reads and writes not equally well (`up/sick`).\n\n"
        "examples:\n"
        "  waybill get files a:raw --state verified\n"
        "  waybill get jobs -w\n"
        "  waybill get jobs --state parked\n"
        "  waybill get dead --json\n",
    .least_words = 1,
    .most_words = 2,
    .flags = flags,
    .watches = true,
    .names = true,
    .run = run_get,
};

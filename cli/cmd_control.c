/* Pause, resume, cancel: what an operator says while the ring runs. Each is a record in the log
 * under the scope that it is for; the planners act on it. */
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/view.h"
#include "core/base/clock.h"
#include "core/base/path.h"

enum { SHOWN_MAX = 8192, EXIT_USAGE = 2 };

static const char pause_prefix[] = "pause/";
static const char cancel_prefix[] = "cancel/";

/* ---- scopes ---- */

struct scope {
    const char *kind;
    size_t names; /* words that follow the kind */
};

static const struct scope scopes[] = {{"node", 1}, {"link", 2}, {"rule", 1}, {"file", 1}};
enum { SCOPES = sizeof(scopes) / sizeof(scopes[0]) };

/* What one invocation is about. */
struct control {
    struct wb_cli *cli;
    struct wb_arena *arena;
    struct wb_registry *registry;
    const char *key;  /* "link/a/b" */
    const char *text; /* "link a b", for people */
};

static enum wb_rc find_scope(const char *word, const struct scope **ret, struct wb_err *err)
{
    int found;
    const char *names[SCOPES + 1] = {NULL};
    for (size_t i = 0; i < SCOPES; i++)
        names[i] = scopes[i].kind;
    if (wb_cli_choice("scope", word, names, &found, err) != WB_OK)
        return WB_ERROR;
    *ret = &scopes[found];
    return WB_OK;
}

static enum wb_rc check_file(const char *name, struct wb_err *err)
{
    char node[64];
    struct wb_span path;
    if (wb_path_split(name, node, &path, err) != WB_OK)
        return WB_ERROR;
    return wb_path_check(path, err);
}

static enum wb_rc check_names(const struct wb_cli *cli, const struct scope *scope,
                              struct wb_err *err)
{
    if (cli->word_count != 1 + scope->names)
        return wb_err_set(err, WB_CAT_USAGE, "a %s is given by %s", scope->kind,
                          scope->names == 2                  ? "two names: its source and target"
                          : strcmp(scope->kind, "file") == 0 ? "NODE:PATH, its source"
                                                             : "one name");
    if (strcmp(scope->kind, "file") == 0)
        return check_file(cli->words[1], err);
    for (size_t i = 1; i <= scope->names; i++)
        if (wb_name_check(cli->words[i], err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

static enum wb_rc read_scope(struct control *control, struct wb_err *err)
{
    char shown[SHOWN_MAX];
    struct wb_arena *arena = control->arena;
    const char *const *words = control->cli->words;
    const struct scope *scope = NULL;
    if (find_scope(words[0], &scope, err) != WB_OK ||
        check_names(control->cli, scope, err) != WB_OK)
        return WB_ERROR;
    const char *second = scope->names == 2 ? words[2] : "";
    (void)wb_path_show(wb_span_str(words[1]), shown, sizeof(shown));
    control->key =
        wb_arena_printf(arena, "%s/%s%s%s", words[0], words[1], *second ? "/" : "", second);
    control->text =
        wb_arena_printf(arena, "%s %s%s%s", words[0], shown, *second ? " " : "", second);
    return WB_OK;
}

/* ---- what is there ---- */

static enum wb_rc check_node(struct control *control, const char *name, struct wb_err *err)
{
    struct wb_node *node;
    return wb_registry_node(control->registry, name, control->arena, &node, err);
}

static enum wb_rc check_known(struct control *control, struct wb_err *err)
{
    char node[64];
    struct wb_span path;
    struct wb_rule *rule;
    const char *const *words = control->cli->words;
    if (strcmp(words[0], "rule") == 0)
        return wb_registry_rule(control->registry, words[1], control->arena, &rule, err);
    if (strcmp(words[0], "file") == 0)
        return wb_path_split(words[1], node, &path, err) == WB_OK ? check_node(control, node, err)
                                                                  : WB_ERROR;
    for (size_t i = 1; i < control->cli->word_count; i++)
        if (check_node(control, words[i], err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

static const struct wb_setting *pause_of(struct control *control)
{
    struct wb_setting **pauses;
    size_t count = 0;
    wb_registry_controls(control->registry, pause_prefix, control->arena, &pauses, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(pauses[i]->key, control->key) == 0)
            return pauses[i];
    return NULL;
}

static enum wb_rc put(const struct control *control, const char *prefix, const char *reason,
                      int64_t when_ms, struct wb_err *err)
{
    char by[WB_WHO_MAX];
    const struct wb_setting record = {
        .key = control->key, .value = reason, .updated_ms = when_ms, .by = wb_cli_who(by)};
    if (control->cli->dry_run)
        return WB_OK;
    return wb_registry_put_control(control->cli->config, prefix, &record, err);
}

/* ---- pause and resume ---- */

/* What is paused may be paused again: a new reason counts, the time stays. */
static int pause_it(struct control *control)
{
    struct wb_err err;
    const char *reason = wb_cli_flag(control->cli, "reason");
    const struct wb_setting *former = pause_of(control);
    if (check_known(control, &err) != WB_OK ||
        ((!former || (reason && strcmp(reason, former->value) != 0)) &&
         put(control, pause_prefix, reason ? reason : "",
             former ? former->updated_ms : wb_clock_wall_ms(), &err) != WB_OK))
        return wb_cli_fail(control->cli, &err);
    if (former)
        wb_out_done(control->cli, "paused", control->text, "%s is paused already", control->text);
    else
        wb_out_done(control->cli, "paused", control->text,
                    "%s paused: nothing new begins, what is under way ends", control->text);
    return 0;
}

/* The pause of a node or rule that is gone can be taken away too. */
static int resume_it(struct control *control)
{
    struct wb_err err;
    struct wb_cli *cli = control->cli;
    const struct wb_setting *former = pause_of(control);
    if ((!former && check_known(control, &err) != WB_OK) ||
        (former && !cli->dry_run &&
         wb_registry_remove_control(cli->config, pause_prefix, control->key, &err) != WB_OK))
        return wb_cli_fail(cli, &err);
    wb_out_done(cli, "resumed", control->text, former ? "%s resumed" : "%s was not paused",
                control->text);
    return 0;
}

/* ---- cancel ---- */

struct tally {
    struct wb_hold holds[2];
    size_t hold_count;
    int64_t jobs;
};

static enum wb_rc tally_one(void *arg, const struct wb_view_row *row, struct wb_err *err)
{
    struct tally *tally = arg;
    bool covered = false;
    (void)err;
    for (size_t i = 0; i < tally->hold_count; i++)
        covered |= wb_hold_covers(&tally->holds[i], row->job);
    tally->jobs += covered;
    return WB_OK;
}

static enum wb_rc count_jobs(struct control *control, int64_t *ret, struct wb_err *err)
{
    struct tally tally = {0};
    struct wb_view *view WB_AUTO(wb_view_free) = NULL;
    const struct wb_view_filter flying = {.set = WB_VIEW_FLYING};
    tally.hold_count = wb_hold_of_scope(control->key, control->arena, tally.holds);
    if (wb_view_open(control->cli->config, &view, err) != WB_OK ||
        wb_view_each(view, &flying, tally_one, &tally, err) != WB_OK)
        return WB_ERROR;
    *ret = tally.jobs;
    return WB_OK;
}

static int cancel_it(struct control *control)
{
    struct wb_err err;
    char question[SHOWN_MAX + 128];
    int64_t jobs = 0;
    const char *reason = wb_cli_flag(control->cli, "reason");
    if (check_known(control, &err) != WB_OK || count_jobs(control, &jobs, &err) != WB_OK)
        return wb_cli_fail(control->cli, &err);
    (void)snprintf(question, sizeof(question), "cancel %lld job%s of %s (what is on targets stays)",
                   (long long)jobs, jobs == 1 ? "" : "s", control->text);
    if (!wb_cli_confirm(control->cli, question))
        return EXIT_USAGE;
    if (put(control, cancel_prefix, reason ? reason : "", wb_clock_wall_ms(), &err) != WB_OK)
        return wb_cli_fail(control->cli, &err);
    wb_out_done(control->cli, "cancelled", control->text, "%lld job%s of %s cancelled",
                (long long)jobs, jobs == 1 ? "" : "s", control->text);
    return 0;
}

/* ---- the commands ---- */

static int run_control(struct wb_cli *cli, int (*act)(struct control *control))
{
    struct wb_err err;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    struct control control = {.cli = cli, .arena = arena};
    if (read_scope(&control, &err) != WB_OK || wb_cli_check_reason(cli, &err) != WB_OK) {
        (void)wb_cli_fail(cli, &err);
        return EXIT_USAGE;
    }
    if (wb_registry_new(cli->config, &registry, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    control.registry = registry;
    return act(&control);
}

static int run_pause(struct wb_cli *cli)
{
    return run_control(cli, pause_it);
}

static int run_resume(struct wb_cli *cli)
{
    return run_control(cli, resume_it);
}

static int run_cancel(struct wb_cli *cli)
{
    return run_control(cli, cancel_it);
}

static const struct wb_flag reason_flags[] = {
    {"reason", 0, "TEXT", "why, for whoever looks later"},
    {NULL, 0, NULL, NULL},
};

#define SCOPE_HELP                                                           \
    "A scope is `node NAME` (as source and target), `link SOURCE TARGET`,\n" \
    "`rule NAME` or `file NODE:PATH` (of its source, on all targets).\n"

const struct wb_command wb_cmd_pause = {
    .name = "pause",
    .words = "node|link|rule|file NAME [TARGET]",
    .group = "repair",
    .summary = "hold up a node, a link, a rule or a file until resumed",
    .help = SCOPE_HELP
    "Nothing new begins there, what is under way ends. Events are taken in and wait; no\n"
    "attempt is used up. `status` and `get` tell what is paused, and why.\n\n"
    "examples:\n"
    "  waybill pause node b --reason 'new disks'\n"
    "  waybill pause link a b\n"
    "  waybill pause file a:raw/x\n",
    .least_words = 2,
    .most_words = 3,
    .flags = reason_flags,
    .brief = true,
    .run = run_pause,
};

const struct wb_command wb_cmd_resume = {
    .name = "resume",
    .words = "node|link|rule|file NAME [TARGET]",
    .group = "repair",
    .summary = "let what was paused go on",
    .help = SCOPE_HELP "\nexamples:\n"
                       "  waybill resume node b\n"
                       "  waybill resume link a b\n",
    .least_words = 2,
    .most_words = 3,
    .brief = true,
    .run = run_resume,
};

const struct wb_command wb_cmd_cancel = {
    .name = "cancel",
    .words = "node|link|rule|file NAME [TARGET]",
    .group = "repair",
    .summary = "call off the jobs of a node, a link, a rule or a file",
    .help = SCOPE_HELP
    "It is for what was accepted until now: a later event of the same file begins a new\n"
    "job. What was staged is removed; files on targets stay. Asks first, unless --yes.\n\n"
    "examples:\n"
    "  waybill cancel link a b --reason 'wrong rule' --yes\n"
    "  waybill cancel file a:raw/x --dry-run\n",
    .least_words = 2,
    .most_words = 3,
    .flags = reason_flags,
    .brief = true,
    .run = run_cancel,
};

#include "cli/commands.h"
#include "cli/out.h"
#include "core/base/clock.h"
#include "core/base/path.h"
#include "core/stage/health.h"
#include "core/stage/registry.h"
#include "producer/watch.h"

enum { QUIET_MS = 2000 };

static void summary_json(int64_t sent)
{
    json_t *line WB_AUTO(wb_json_free) = json_object();
    wb_json_set_str(line, "type", "summary");
    wb_json_set_str(line, "schema", "waybill/v1");
    wb_json_set_int(line, "published", sent);
    (void)wb_json_write(stdout, line, 0);
}

static int run_once(struct wb_cli *cli, const struct wb_watch_target *target)
{
    struct wb_err err;
    char text[64];
    int64_t sent;
    struct wb_health *health = wb_health_new("watch");
    const struct wb_stage_env env = {
        .config = cli->config, .health = health, .arg = target, .worker = "watch"};
    enum wb_rc rc = wb_watch_once(&env, &sent, &err);
    wb_health_free(&health);
    if (rc != WB_OK)
        return wb_cli_fail(cli, &err);
    if (wb_out_is_json(cli))
        summary_json(sent);
    else if (!cli->quiet)
        (void)fprintf(stderr, "waybill: %s published\n",
                      wb_out_counted(sent, "event", "events", text));
    return 0;
}

/* Without a broker there is nothing to say yet: the service waits for one. */
static enum wb_rc check_node(const struct wb_cli *cli, const char *name, struct wb_err *err)
{
    struct wb_node *node;
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    if (wb_registry_new(cli->config, &registry, err) != WB_OK)
        return err->category == WB_CAT_NOT_FOUND ? WB_ERROR : WB_OK;
    return wb_registry_node(registry, name, arena, &node, err);
}

static int run_watch(struct wb_cli *cli)
{
    struct wb_err err;
    char node[64];
    struct wb_watch_target target = {.node = node, .quiet_ms = QUIET_MS};
    const char *quiet = wb_cli_flag(cli, "quiet-time");
    if (wb_path_split(cli->words[0], node, &target.prefix, &err) != WB_OK ||
        (target.prefix.len && wb_path_check(target.prefix, &err) != WB_OK) ||
        (quiet && wb_duration_parse(quiet, &target.quiet_ms, &err) != WB_OK))
        return wb_cli_fail(cli, &err);
    if (check_node(cli, node, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    if (wb_cli_flag(cli, "once"))
        return run_once(cli, &target);
    struct wb_stage_ops stage = wb_watch_stage;
    stage.arg = &target;
    const struct wb_stage_ops *const stages[] = {&stage};
    return wb_service_run(cli->config, stages, 1);
}

static const struct wb_flag flags[] = {
    {"once", 0, NULL, "scan, publish what changed since the last time, and end"},
    {"quiet-time", 0, "DUR", "a file left alone for so long is complete (default 2s)"},
    {NULL, 0, NULL, NULL},
};

const struct wb_command wb_cmd_watch = {
    .name = "watch",
    .words = "NODE:PATH",
    .group = "services",
    .summary = "publish what happens to the files of a node",
    .help =
        "Follows a tree of a file:// node. On start, and when the kernel lost events, the tree\n"
        "is compared with what was last published, so nothing is missed; files still being\n"
        "written are waited for. Runs until SIGTERM or SIGINT.\n\n"
        "examples:\n"
        "  waybill watch a:\n"
        "  waybill watch a:incoming --once\n",
    .least_words = 1,
    .most_words = 1,
    .flags = flags,
    .run = run_watch,
};

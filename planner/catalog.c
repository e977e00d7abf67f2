/* Rules and nodes as the planner sees them: decoded once for each change of the registry. */
#include "core/base/clock.h"
#include "planner/shell.h"

enum { POLL_EVERY_MS = 50, CATALOG_MOST = 256 * 1024 * 1024 };

static void compile(struct wb_shell *shell)
{
    wb_arena_free(&shell->catalog);
    shell->catalog = wb_arena_new(CATALOG_MOST);
    wb_registry_rules(shell->registry, shell->catalog, &shell->rules, &shell->rule_count);
    wb_metric_set(shell->metrics.rules, (double)shell->rule_count);
}

static void refresh(struct wb_shell *shell)
{
    uint64_t generation = wb_registry_generation(shell->registry);
    if (shell->catalog && generation == shell->generation)
        return;
    shell->generation = generation;
    compile(shell);
}

enum wb_rc wb_catalog_poll(struct wb_shell *shell, struct wb_err *err)
{
    int64_t now_ms = wb_clock_mono_ms();
    if (shell->catalog && now_ms < shell->registry_due_ms)
        return WB_OK;
    shell->registry_due_ms = now_ms + POLL_EVERY_MS;
    if (wb_registry_poll(shell->registry, err) != WB_OK)
        return WB_ERROR;
    refresh(shell);
    return WB_OK;
}

enum wb_rc wb_catalog_catch_up(struct wb_shell *shell, struct wb_err *err)
{
    if (wb_registry_catch_up(shell->registry, shell->producer, err) != WB_OK)
        return WB_ERROR;
    refresh(shell);
    return WB_OK;
}

struct wb_policy wb_catalog_policy(struct wb_shell *shell, const char *target, const char *source,
                                   struct wb_span path)
{
    struct wb_route *routes;
    size_t count = wb_rules_routes(shell->rules, shell->rule_count, &shell->defaults, source, path,
                                   shell->arena, &routes);
    for (size_t i = 0; i < count; i++)
        if (strcmp(routes[i].target, target) == 0)
            return routes[i].policy;
    return shell->defaults;
}

/* Rules, nodes, settings and what operators hold up, as the planner sees them: made once for each
 * change of the registry. */
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "planner/shell.h"

enum { POLL_EVERY_MS = 50 };

static struct wb_health_policy health_policy(const struct wb_config *config)
{
    struct wb_health_policy policy = {
        .sick_after = (int32_t)wb_config_int(config, WB_OPT_SICK_AFTER),
        .recover_after = (int32_t)wb_config_int(config, WB_OPT_RECOVER_AFTER),
        .slow_factor = (int32_t)wb_config_int(config, WB_OPT_SLOW_FACTOR),
        .probe_every_ms = wb_config_int(config, WB_OPT_PROBE_INTERVAL),
        .min_free_bytes = wb_config_int(config, WB_OPT_MIN_FREE),
        .window_least = (int32_t)wb_config_int(config, WB_OPT_WINDOW_LEAST),
        .window_most = (int32_t)wb_config_int(config, WB_OPT_WINDOW_TASKS),
    };
    wb_config_span(config, WB_OPT_SICK_HOLD, &policy.hold_least_ms, &policy.hold_most_ms);
    return policy;
}

/* Of what decides which links there are to be. A rule that is as it was before is another one if it
 * was set since: what came in between went by what it said then. */
static uint64_t digest_demands(const struct wb_shell *shell)
{
    uint64_t digest = 1;
    for (size_t i = 0; i < shell->rule_count; i++) {
        const struct wb_rule *rule = shell->rules[i];
        digest = digest * 31 + wb_hash64_of(wb_span_str(rule->source));
        digest = digest * 31 + wb_hash64_of(rule->pattern);
        digest = digest * 31 + (uint64_t)rule->updated_ms;
        for (size_t t = 0; t < rule->target_count; t++)
            digest = digest * 31 + wb_hash64_of(wb_span_str(rule->targets[t]));
    }
    for (size_t i = 0; i < shell->cancel_count; i++)
        digest = digest * 31 + (uint64_t)shell->cancels[i].until_ms;
    return digest & INT64_MAX;
}

void wb_catalog_compare(struct wb_shell *shell)
{
    for (int32_t p = 0; p < shell->partitions; p++) {
        struct wb_part *part = &shell->parts[p];
        if (!part->ours)
            continue;
        part->compared = wb_ledger_seen(part->ledger) == shell->demands;
        part->replicas = false;
        part->walk = (struct wb_ledger_place){0};
    }
}

/* In the middle of a turn: what was loaded goes by the rules as they are now, like what will be. */
static void renew_policies(struct wb_shell *shell)
{
    for (struct wb_loaded *loaded = shell->first_link; loaded; loaded = loaded->next)
        loaded->policy =
            wb_catalog_policy(shell, loaded->link.target, loaded->link.source, loaded->link.path);
}

static void compile(struct wb_shell *shell)
{
    uint64_t before = shell->demands;
    wb_arena_free(&shell->catalog);
    shell->catalog = wb_arena_new(WB_REGISTRY_ARENA);
    wb_registry_rules(shell->registry, shell->catalog, &shell->rules, &shell->rule_count);
    wb_config_free(&shell->settings);
    shell->settings = wb_registry_overlay(shell->registry, shell->env->config);
    shell->defaults = wb_rules_defaults(shell->settings);
    shell->health = health_policy(shell->settings);
    wb_holds_compile(shell);
    wb_nodes_refresh(shell);
    wb_queues_refresh(shell);
    shell->demands = digest_demands(shell);
    if (shell->demands != before)
        wb_catalog_compare(shell);
    renew_policies(shell);
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

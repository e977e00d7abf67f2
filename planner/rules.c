/* Matching and merging of rules, and the refusal of those that make no sense. */
#include "planner/rules.h"

#include "core/base/path.h"

enum { WAY_MOST = 32, WAY_TEXT = 400 };

struct wb_policy wb_rules_defaults(const struct wb_config *config)
{
    struct wb_policy policy = {
        .rule = "",
        .strategy = WB_STRATEGY_AUTO,
        .max_attempts = (int32_t)wb_config_int(config, WB_OPT_ATTEMPTS),
        .batch_below_bytes = wb_config_int(config, WB_OPT_BATCH_BELOW),
        .direct_below_bytes = wb_config_int(config, WB_OPT_DIRECT_BELOW),
        .chunk_bytes = wb_config_int(config, WB_OPT_CHUNK_SIZE),
        .deadline_ms = wb_config_int(config, WB_OPT_TASK_DEADLINE),
        .lost_most = (int32_t)wb_config_int(config, WB_OPT_LOST_ATTEMPTS),
    };
    wb_config_span(config, WB_OPT_BACKOFF, &policy.backoff_least_ms, &policy.backoff_most_ms);
    return policy;
}

enum wb_rc wb_rule_check(const struct wb_rule *rule, struct wb_err *err)
{
    if (wb_name_check(rule->name, err) != WB_OK)
        return wb_err_prefix(err, "rule");
    if (wb_name_check(rule->source, err) != WB_OK)
        return wb_err_prefix(err, "source of rule \"%s\"", rule->name);
    if (rule->pattern.len == 0)
        return wb_err_set(err, WB_CAT_USAGE,
                          "rule \"%s\" has no pattern; `%s:**` matches all files of \"%s\"",
                          rule->name, rule->source, rule->source);
    if (rule->target_count == 0)
        return wb_err_set(err, WB_CAT_USAGE, "rule \"%s\" has no target", rule->name);
    for (size_t i = 0; i < rule->target_count; i++) {
        if (wb_name_check(rule->targets[i], err) != WB_OK)
            return wb_err_prefix(err, "target of rule \"%s\"", rule->name);
        if (strcmp(rule->targets[i], rule->source) == 0)
            return wb_err_set(err, WB_CAT_USAGE, "rule \"%s\" copies \"%s\" onto itself",
                              rule->name, rule->source);
    }
    return WB_OK;
}

/* ---- circles ---- */

struct search {
    struct wb_rule *const *rules;
    size_t count;
    const struct wb_rule *candidate;
    const char *way[WAY_MOST];
    size_t depth;
};

static const struct wb_rule *rule_at(const struct search *search, size_t index)
{
    const struct wb_rule *rule = search->rules[index];
    return strcmp(rule->name, search->candidate->name) == 0 ? NULL : rule;
}

static bool leads_to(struct search *search, const char *from, const char *goal);

static bool targets_lead_to(struct search *search, const struct wb_rule *rule, const char *goal)
{
    for (size_t i = 0; i < rule->target_count; i++)
        if (leads_to(search, rule->targets[i], goal))
            return true;
    return false;
}

static bool on_way(const struct search *search, const char *node)
{
    for (size_t i = 0; i < search->depth; i++)
        if (strcmp(search->way[i], node) == 0)
            return true;
    return false;
}

static bool leads_to(struct search *search, const char *from, const char *goal)
{
    if (search->depth == WAY_MOST || on_way(search, from))
        return false;
    search->way[search->depth++] = from;
    if (strcmp(from, goal) == 0)
        return true;
    for (size_t i = 0; i < search->count; i++) {
        const struct wb_rule *rule = rule_at(search, i);
        if (rule && strcmp(rule->source, from) == 0 && targets_lead_to(search, rule, goal))
            return true;
    }
    search->depth--;
    return false;
}

enum wb_rc wb_rules_check_circle(struct wb_rule *const *rules, size_t count,
                                 const struct wb_rule *candidate, struct wb_err *err)
{
    struct search search = {.rules = rules, .count = count, .candidate = candidate};
    if (!targets_lead_to(&search, candidate, candidate->source))
        return WB_OK;
    struct wb_buf way WB_AUTO(wb_buf_free) = wb_buf_make(WAY_TEXT);
    for (size_t i = 0; i < search.depth; i++)
        if (wb_buf_printf(&way, err, " -> %s", search.way[i]) != WB_OK)
            break;
    return wb_err_set(err, WB_CAT_USAGE, "rule \"%s\" sends files round in a circle: %s%s",
                      candidate->name, candidate->source, wb_buf_cstr(&way));
}

/* ---- routes ---- */

static struct wb_route *route_for(struct wb_route *routes, size_t *count, const char *target,
                                  const struct wb_policy *defaults)
{
    size_t at = 0;
    while (at < *count && strcmp(routes[at].target, target) < 0)
        at++;
    if (at < *count && strcmp(routes[at].target, target) == 0)
        return &routes[at];
    memmove(&routes[at + 1], &routes[at], (*count - at) * sizeof(*routes));
    routes[at] = (struct wb_route){.target = target, .policy = *defaults};
    routes[at].policy.deletes = true;
    routes[at].policy.priority = INT32_MIN;
    ++*count;
    return &routes[at];
}

static void merge_options(struct wb_options *into, const struct wb_options *from)
{
    into->owner |= from->owner;
    into->group |= from->group;
    into->xattrs |= from->xattrs;
    into->sha256 |= from->sha256;
    into->medium |= from->medium;
    into->keep |= from->keep;
}

static void merge(struct wb_policy *policy, const struct wb_rule *rule, struct wb_arena *arena)
{
    if (!*policy->rule)
        policy->rule = wb_arena_strdup(arena, rule->name);
    if (policy->strategy == WB_STRATEGY_AUTO && rule->strategy != WB_STRATEGY_UNKNOWN)
        policy->strategy = rule->strategy;
    merge_options(&policy->options, &rule->options);
    policy->deletes &= rule->deletes;
    if (rule->priority > policy->priority)
        policy->priority = rule->priority;
    if (rule->batch_below_bytes >= 0)
        policy->batch_below_bytes = rule->batch_below_bytes;
    if (rule->direct_below_bytes >= 0)
        policy->direct_below_bytes = rule->direct_below_bytes;
    if (rule->attempts > 0)
        policy->max_attempts = rule->attempts;
}

static bool matches(const struct wb_rule *rule, const char *source, struct wb_span path)
{
    return strcmp(rule->source, source) == 0 && wb_glob_match(rule->pattern, path);
}

size_t wb_rules_routes(struct wb_rule *const *rules, size_t count, const struct wb_policy *defaults,
                       const char *source, struct wb_span path, struct wb_arena *arena,
                       struct wb_route **ret)
{
    size_t most = 0;
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        most += strcmp(rules[i]->source, source) == 0 ? rules[i]->target_count : 0;
    *ret = wb_arena_alloc(arena, (most + 1) * sizeof(**ret));
    for (size_t i = 0; i < count; i++) {
        if (!matches(rules[i], source, path))
            continue;
        for (size_t t = 0; t < rules[i]->target_count; t++) {
            const char *target = wb_arena_strdup(arena, rules[i]->targets[t]);
            merge(&route_for(*ret, &found, target, defaults)->policy, rules[i], arena);
        }
    }
    return found;
}

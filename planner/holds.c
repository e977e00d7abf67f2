/* What operators hold up or call off: the records `pause/<scope>` and `cancel/<scope>`. */
#include "planner/shell.h"

/* Cuts the text up to the next slash (or its end) off `rest`. */
static const char *cut(struct wb_arena *arena, const char **rest, char end)
{
    const char *at = strchr(*rest, end);
    size_t len = at ? (size_t)(at - *rest) : strlen(*rest);
    const char *part = wb_arena_printf(arena, "%.*s", (int)len, *rest);
    *rest += at ? len + 1 : len;
    return part;
}

/* False for a scope of a newer version. */
static bool parse(struct wb_arena *arena, const struct wb_setting *setting, struct wb_hold *ret)
{
    const char *rest = setting->key;
    const char *kind = cut(arena, &rest, '/');
    *ret = (struct wb_hold){.until_ms = setting->updated_ms};
    if (strcmp(kind, "node") == 0)
        ret->node = rest;
    else if (strcmp(kind, "rule") == 0)
        ret->rule = rest;
    else if (strcmp(kind, "link") == 0) {
        ret->source = cut(arena, &rest, '/');
        ret->target = rest;
    } else if (strcmp(kind, "file") == 0) {
        ret->source = cut(arena, &rest, ':');
        ret->path = wb_span_str(rest);
    } else {
        return false;
    }
    return true;
}

static size_t compile(struct wb_shell *shell, const char *prefix, struct wb_hold **ret)
{
    size_t count;
    size_t found = 0;
    struct wb_setting **settings;
    wb_registry_controls(shell->registry, prefix, shell->catalog, &settings, &count);
    *ret = wb_arena_alloc(shell->catalog, (count + 1) * sizeof(**ret));
    for (size_t i = 0; i < count; i++)
        found += parse(shell->catalog, settings[i], &(*ret)[found]);
    return found;
}

void wb_holds_compile(struct wb_shell *shell)
{
    shell->pause_count = compile(shell, "pause/", &shell->pauses);
    shell->cancel_count = compile(shell, "cancel/", &shell->cancels);
}

bool wb_hold_matches(const struct wb_hold *hold, const struct wb_link *link, const char *rule)
{
    if (hold->node)
        return strcmp(hold->node, link->source) == 0 || strcmp(hold->node, link->target) == 0;
    if (hold->rule)
        return strcmp(hold->rule, rule) == 0;
    if (strcmp(hold->source, link->source) != 0)
        return false;
    if (hold->target)
        return strcmp(hold->target, link->target) == 0;
    return wb_span_eq(hold->path, link->path);
}

bool wb_link_is_paused(const struct wb_shell *shell, const struct wb_loaded *loaded)
{
    const char *rule = loaded->link.job ? loaded->link.job->rule : "";
    for (size_t i = 0; i < shell->pause_count; i++)
        if (shell->pauses[i].path.data && wb_hold_matches(&shell->pauses[i], &loaded->link, rule))
            return true;
    return false;
}

int64_t wb_link_cancelled_ms(const struct wb_shell *shell, const struct wb_loaded *loaded)
{
    int64_t latest_ms = 0;
    const char *rule = loaded->link.job ? loaded->link.job->rule : "";
    for (size_t i = 0; i < shell->cancel_count; i++)
        if (wb_hold_matches(&shell->cancels[i], &loaded->link, rule) &&
            shell->cancels[i].until_ms > latest_ms)
            latest_ms = shell->cancels[i].until_ms;
    return latest_ms;
}

#include "cli/roots.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "core/base/buf.h"

enum { WAY_MOST = 32, WAY_TEXT = 400 };

/* ---- two roots ---- */

static const char *path_of(const struct wb_node *node)
{
    static const char scheme[] = "file://";
    size_t len = sizeof(scheme) - 1;
    return strncmp(node->url, scheme, len) == 0 ? node->url + len : NULL;
}

static bool is_within(const char *inner, const char *outer)
{
    size_t len = strlen(outer);
    while (len > 0 && outer[len - 1] == '/')
        len--;
    return strncmp(inner, outer, len) == 0 && (inner[len] == '/' || inner[len] == 0);
}

/* Up from `inner`, a real path, by what the folders are: one may be mounted at two places. */
static bool is_really_within(char *inner, const struct stat *outer)
{
    for (;;) {
        struct stat now;
        if (stat(*inner ? inner : "/", &now) == 0 && now.st_dev == outer->st_dev &&
            now.st_ino == outer->st_ino)
            return true;
        char *slash = strrchr(inner, '/');
        if (!slash)
            return false;
        *slash = 0;
    }
}

bool wb_roots_overlap(const struct wb_node *one, const struct wb_node *other)
{
    struct stat stats[2];
    const char *paths[2] = {path_of(one), path_of(other)};
    if (strcmp(one->site, other->site) != 0)
        return false;
    if (!paths[0] || !paths[1])
        return is_within(one->url, other->url) || is_within(other->url, one->url);
    char *real WB_AUTO(wb_free_ptr) = realpath(paths[0], NULL);
    char *other_real WB_AUTO(wb_free_ptr) = realpath(paths[1], NULL);
    if (!real || !other_real || stat(real, &stats[0]) != 0 || stat(other_real, &stats[1]) != 0)
        return is_within(paths[0], paths[1]) || is_within(paths[1], paths[0]);
    return is_really_within(real, &stats[1]) || is_really_within(other_real, &stats[0]);
}

/* ---- ways of rules ---- */

struct search {
    struct wb_node *const *nodes;
    size_t node_count;
    struct wb_rule *const *rules;
    size_t rule_count;
    const struct wb_rule *candidate;
    const struct wb_node *goal;
    const char *way[WAY_MOST];
    size_t depth;
};

static const struct wb_node *node_of(const struct search *search, const char *name)
{
    for (size_t i = 0; i < search->node_count; i++)
        if (strcmp(search->nodes[i]->name, name) == 0)
            return search->nodes[i];
    return NULL;
}

static bool on_way(const struct search *search, const char *name)
{
    for (size_t i = 0; i < search->depth; i++)
        if (strcmp(search->way[i], name) == 0)
            return true;
    return false;
}

/* What lies in a node lies in those that it overlaps, so their rules go on with it. */
static bool goes_on(const struct search *search, const struct wb_rule *rule,
                    const struct wb_node *from)
{
    const struct wb_node *source = node_of(search, rule->source);
    return strcmp(rule->name, search->candidate->name) != 0 && source &&
           wb_roots_overlap(source, from);
}

static bool leads_back(struct search *search, const char *name)
{
    const struct wb_node *node = node_of(search, name);
    if (!node || search->depth == WAY_MOST || on_way(search, name))
        return false;
    search->way[search->depth++] = name;
    if (wb_roots_overlap(node, search->goal))
        return true;
    for (size_t i = 0; i < search->rule_count; i++) {
        const struct wb_rule *rule = search->rules[i];
        if (!goes_on(search, rule, node))
            continue;
        for (size_t t = 0; t < rule->target_count; t++)
            if (leads_back(search, rule->targets[t]))
                return true;
    }
    search->depth--;
    return false;
}

static enum wb_rc refuse(const struct search *search, struct wb_err *err)
{
    struct wb_buf way WB_AUTO(wb_buf_free) = wb_buf_make(WAY_TEXT);
    const char *source = search->candidate->source;
    const char *last = search->way[search->depth - 1];
    for (size_t i = 0; i < search->depth; i++)
        if (wb_buf_printf(&way, err, " -> %s", search->way[i]) != WB_OK)
            break;
    return wb_err_set(
        err, WB_CAT_USAGE,
        "rule \"%s\" copies a node into itself (%s%s): the roots \"%s\" of \"%s\" and "
        "\"%s\" of \"%s\" are the same, or one lies inside the other",
        search->candidate->name, source, wb_buf_cstr(&way), node_of(search, last)->url, last,
        search->goal->url, source);
}

enum wb_rc wb_roots_check(struct wb_node *const *nodes, size_t node_count,
                          struct wb_rule *const *rules, size_t rule_count,
                          const struct wb_rule *candidate, struct wb_err *err)
{
    struct search search = {nodes, node_count, rules, rule_count, candidate, NULL, {NULL}, 0};
    search.goal = node_of(&search, candidate->source);
    for (size_t i = 0; search.goal && i < candidate->target_count; i++)
        if (leads_back(&search, candidate->targets[i]))
            return refuse(&search, err);
    return WB_OK;
}

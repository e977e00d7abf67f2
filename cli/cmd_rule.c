/* Rules: what goes where. A rule is checked against the nodes and the other rules before it is
 * written, since the planner takes what it finds. */
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/lists.h"
#include "cli/out.h"
#include "cli/render.h"
#include "cli/roots.h"
#include "cli/watch.h"
#include "core/base/clock.h"
#include "core/base/path.h"
#include "core/stage/registry.h"
#include "core/wire/codec.h"
#include "planner/rules.h"

enum { TARGETS_MOST = 64, EXIT_USAGE = 2, EXIT_NOT_FOUND = 4 };

static const char *const strategies[] = {"auto", "batch", "direct", "chunked", "streaming", NULL};
static const char *const delete_words[] = {"ignore", "propagate", NULL};
static const char *const existing_words[] = {"replace", "keep", NULL};

/* ---- set ---- */

/* The value of a flag, the first of `words` when it was not given. */
static enum wb_rc read_choice(const struct wb_cli *cli, const char *flag, const char *const *words,
                              int *ret, struct wb_err *err)
{
    const char *value = wb_cli_flag(cli, flag);
    *ret = 0;
    if (!value || wb_cli_choice("value", value, words, ret, err) == WB_OK)
        return WB_OK;
    return wb_err_prefix(err, "--%s", flag);
}

static enum wb_rc read_match(const struct wb_cli *cli, struct wb_arena *arena, struct wb_rule *rule,
                             struct wb_err *err)
{
    const char *text = wb_cli_flag(cli, "match");
    const char *colon = text ? strchr(text, ':') : NULL;
    if (!text)
        return wb_err_set(err, WB_CAT_USAGE, "--match is missing, for example --match 'a:**'");
    if (!colon || colon == text)
        return wb_err_set(err, WB_CAT_USAGE,
                          "--match: \"%s\" is not NODE:PATTERN, for example 'a:**'", text);
    rule->source = wb_arena_printf(arena, "%.*s", (int)(colon - text), text);
    rule->pattern = wb_span_str(colon + 1);
    if (wb_glob_check(rule->pattern, err) != WB_OK)
        return wb_err_prefix(err, "--match: pattern of \"%s\"", text);
    return WB_OK;
}

static enum wb_rc read_targets(const struct wb_cli *cli, struct wb_arena *arena,
                               struct wb_rule *rule, struct wb_err *err)
{
    const char *text;
    rule->targets = wb_arena_alloc(arena, TARGETS_MOST * sizeof(*rule->targets));
    for (size_t i = 0; (text = wb_cli_flag_at(cli, "to", i)); i++) {
        char *rest = wb_arena_strdup(arena, text);
        for (char *name; (name = strsep(&rest, ","));) {
            if (!*name)
                continue;
            if (rule->target_count == TARGETS_MOST)
                return wb_err_set(err, WB_CAT_USAGE, "--to: more than %d targets", TARGETS_MOST);
            rule->targets[rule->target_count++] = name;
        }
    }
    if (rule->target_count == 0)
        return wb_err_set(err, WB_CAT_USAGE, "--to is missing, for example --to b,c");
    return WB_OK;
}

static enum wb_rc read_numbers(const struct wb_cli *cli, struct wb_rule *rule, struct wb_err *err)
{
    int64_t priority;
    int64_t attempts;
    int64_t weight;
    if (wb_cli_flag_int(cli, "priority", -1000, 1000, 0, &priority, err) != WB_OK ||
        wb_cli_flag_int(cli, "attempts", 1, 1000, 0, &attempts, err) != WB_OK ||
        wb_cli_flag_int(cli, "weight", 1, 1000, 0, &weight, err) != WB_OK ||
        wb_cli_flag_size(cli, "batch-below", -1, &rule->batch_below_bytes, err) != WB_OK ||
        wb_cli_flag_size(cli, "direct-below", -1, &rule->direct_below_bytes, err) != WB_OK)
        return WB_ERROR;
    rule->priority = (int32_t)priority;
    rule->attempts = (int32_t)attempts;
    rule->weight = (int32_t)weight;
    return WB_OK;
}

static enum wb_rc read_rule(const struct wb_cli *cli, struct wb_arena *arena, struct wb_rule *rule,
                            struct wb_err *err)
{
    int strategy;
    int deletes;
    int existing;
    rule->name = cli->words[0];
    if (read_match(cli, arena, rule, err) != WB_OK ||
        read_targets(cli, arena, rule, err) != WB_OK ||
        read_choice(cli, "strategy", strategies, &strategy, err) != WB_OK ||
        read_choice(cli, "deletes", delete_words, &deletes, err) != WB_OK ||
        read_choice(cli, "existing", existing_words, &existing, err) != WB_OK ||
        read_numbers(cli, rule, err) != WB_OK)
        return WB_ERROR;
    rule->strategy = wb_strategy_parse(strategies[strategy]);
    rule->deletes = deletes == 1;
    rule->options.sha256 = wb_cli_flag(cli, "sha256");
    rule->options.owner = wb_cli_flag(cli, "owner");
    rule->options.group = wb_cli_flag(cli, "group");
    rule->options.xattrs = wb_cli_flag(cli, "xattrs");
    rule->options.medium = wb_cli_flag(cli, "medium");
    rule->options.keep = existing == 1;
    rule->updated_ms = wb_clock_wall_ms();
    return wb_rule_check(rule, err);
}

static enum wb_rc check_against(struct wb_registry *registry, const struct wb_rule *rule,
                                struct wb_arena *arena, struct wb_err *err)
{
    struct wb_node *node;
    struct wb_node **nodes;
    struct wb_rule **rules;
    size_t count = 0;
    size_t node_count = 0;
    if (wb_registry_node(registry, rule->source, arena, &node, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < rule->target_count; i++)
        if (wb_registry_node(registry, rule->targets[i], arena, &node, err) != WB_OK)
            return WB_ERROR;
    wb_registry_rules(registry, arena, &rules, &count);
    if (wb_rules_check_circle(rules, count, rule, err) != WB_OK)
        return WB_ERROR;
    wb_registry_nodes(registry, arena, &nodes, &node_count);
    return wb_roots_check(nodes, node_count, rules, count, rule, err);
}

/* As records, but for the time: no field can be forgotten. */
static enum wb_rc same_rule(const struct wb_rule *rule, const struct wb_rule *former,
                            bool *ret_same, struct wb_err *err)
{
    struct wb_codec *codec WB_AUTO(wb_codec_free) = NULL;
    struct wb_buf one WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    struct wb_buf other WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    struct wb_rule now = *former;
    now.updated_ms = rule->updated_ms;
    if (wb_codec_new(&codec, err) != WB_OK ||
        wb_codec_encode(codec, WB_RECORD_RULE, rule, &one, err) != WB_OK ||
        wb_codec_encode(codec, WB_RECORD_RULE, &now, &other, err) != WB_OK)
        return WB_ERROR;
    *ret_same = wb_span_eq(wb_buf_span(&one), wb_buf_span(&other));
    return WB_OK;
}

static int run_set(struct wb_cli *cli)
{
    bool same = false;
    struct wb_err err;
    struct wb_rule rule = {0};
    struct wb_rule *former = NULL;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    if (read_rule(cli, arena, &rule, &err) != WB_OK ||
        wb_registry_new(cli->config, &registry, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    if (check_against(registry, &rule, arena, &err) != WB_OK)
        return wb_cli_fail_hint(cli, &err,
                                err.category == WB_CAT_NOT_FOUND
                                    ? "`waybill node ls` lists the nodes, `waybill node add` adds"
                                    : NULL);
    bool known = wb_registry_rule(registry, rule.name, arena, &former, &err) == WB_OK;
    if (known && same_rule(&rule, former, &same, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    if (!cli->dry_run && !same && wb_registry_put_rule(cli->config, &rule, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    const char *done = same ? "unchanged" : known ? "changed" : "added";
    wb_out_done(cli, done, rule.name, "rule %s %s", rule.name, done);
    return 0;
}

/* ---- ls ---- */

static const char *joined_targets(const struct wb_rule *rule, char *out, size_t size)
{
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < rule->target_count && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%s", i ? "," : "", rule->targets[i]);
    return out;
}

static const char *option_text(const struct wb_options *options, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s%s%s%s", options->sha256 ? "sha256 " : "",
                   options->owner ? "owner " : "", options->group ? "group " : "",
                   options->xattrs ? "xattrs " : "", options->medium ? "medium " : "");
    size_t len = strlen(out);
    if (len)
        out[len - 1] = 0;
    return len ? out : "-";
}

static const struct wb_setting *pause_of(struct wb_setting *const *pauses, size_t count,
                                         const struct wb_rule *rule)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(pauses[i]->key, rule->name) == 0)
            return pauses[i];
    return NULL;
}

static void pause_cell(struct wb_list *list, const struct wb_setting *pause)
{
    if (pause)
        wb_list_cell(list, "paused%s%s", *pause->value ? ": " : "", pause->value);
    else
        wb_list_cell(list, "-");
}

/* "-": as configured. */
static void size_cell(struct wb_list *list, int64_t bytes)
{
    char text[16] = "-";
    if (bytes >= 0)
        wb_size_format(bytes, text);
    wb_list_cell(list, "%s", text);
}

static void rule_row(struct wb_list *list, const struct wb_rule *rule,
                     const struct wb_setting *pause)
{
    char text[4096];
    wb_list_cell(list, "%s", rule->name);
    wb_list_cell(list, "%s:%s", rule->source, wb_path_show(rule->pattern, text, sizeof(text)));
    wb_list_cell(list, "%s", joined_targets(rule, text, sizeof(text)));
    wb_list_cell(list, "%s", wb_strategy_name(rule->strategy));
    wb_list_cell(list, "%s", rule->deletes ? "propagate" : "ignore");
    wb_list_cell(list, "%d", rule->priority);
    wb_list_cell(list, "%d", rule->weight > 0 ? rule->weight : 1);
    wb_list_cell(list, "%s", rule->options.keep ? "keep" : "replace");
    size_cell(list, rule->batch_below_bytes);
    size_cell(list, rule->direct_below_bytes);
    if (rule->attempts > 0)
        wb_list_cell(list, "%d", rule->attempts);
    else
        wb_list_cell(list, "-");
    wb_list_cell(list, "%s", wb_out_time(rule->updated_ms, wb_clock_wall_ms(), text));
    wb_list_cell(list, "%s", option_text(&rule->options, text, sizeof(text)));
    pause_cell(list, pause);
}

static json_t *rule_json(const struct wb_cli *cli, const struct wb_rule *rule,
                         const struct wb_setting *pause)
{
    json_t *object = wb_render_rule(cli, rule);
    (void)json_object_set_new(object, "paused", wb_render_pause(pause));
    return object;
}

struct listing {
    const struct wb_cli *cli;
    struct wb_registry *registry;
    uint64_t generation; /* of the registry when last shown */
};

static enum wb_rc look(void *arg, bool *ret_changed, struct wb_err *err)
{
    struct listing *listing = arg;
    if (wb_registry_poll(listing->registry, err) != WB_OK)
        return WB_ERROR;
    uint64_t generation = wb_registry_generation(listing->registry);
    *ret_changed = generation != listing->generation;
    listing->generation = generation;
    return WB_OK;
}

static enum wb_rc show(void *arg, struct wb_err *err)
{
    static const struct wb_column columns[] = {
        {"NAME", false, false},     {"MATCH", false, false},   {"TO", false, false},
        {"STRATEGY", false, false}, {"DELETES", false, false}, {"PRIORITY", true, false},
        {"WEIGHT", true, true},     {"EXISTING", false, true}, {"BATCH", true, true},
        {"DIRECT", true, true},     {"ATTEMPTS", true, true},  {"UPDATED", false, true},
        {"OPTIONS", false, false},  {"REASON", false, false}};
    struct wb_rule **rules;
    struct wb_setting **pauses;
    size_t count = 0;
    size_t pause_count = 0;
    const struct listing *listing = arg;
    (void)err;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    wb_registry_rules(listing->registry, arena, &rules, &count);
    wb_registry_controls(listing->registry, "pause/rule/", arena, &pauses, &pause_count);
    struct wb_list *list WB_AUTO(wb_list_end) =
        wb_list_new(listing->cli, "rules", columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < count; i++) {
        const struct wb_setting *pause = pause_of(pauses, pause_count, rules[i]);
        if (wb_list_is_json(list))
            wb_list_object(list, rule_json(listing->cli, rules[i], pause));
        else
            rule_row(list, rules[i], pause);
    }
    return WB_OK;
}

int wb_rule_list(const struct wb_cli *cli)
{
    struct wb_err err;
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    if (wb_registry_new(cli->config, &registry, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    struct listing listing = {cli, registry, wb_registry_generation(registry)};
    return wb_watch_run(cli, look, show, &listing);
}

static int run_ls(struct wb_cli *cli)
{
    return wb_rule_list(cli);
}

/* ---- rm ---- */

static int run_rm(struct wb_cli *cli)
{
    struct wb_err err;
    struct wb_rule *rule = NULL;
    char question[128];
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    if (wb_registry_new(cli->config, &registry, &err) != WB_OK ||
        wb_registry_rule(registry, cli->words[0], arena, &rule, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    (void)snprintf(question, sizeof(question), "remove rule \"%s\" (no file is touched)",
                   rule->name);
    if (!wb_cli_confirm(cli, question))
        return EXIT_USAGE;
    if (!cli->dry_run && wb_registry_remove_rule(cli->config, rule->name, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    wb_out_done(cli, "removed", rule->name, "rule %s removed", rule->name);
    return 0;
}

/* ---- test ---- */

static bool sends_to(const struct wb_rule *rule, const char *target)
{
    for (size_t i = 0; i < rule->target_count; i++)
        if (strcmp(rule->targets[i], target) == 0)
            return true;
    return false;
}

static bool gives_strategy(const struct wb_rule *rule)
{
    return rule->strategy != WB_STRATEGY_AUTO && rule->strategy != WB_STRATEGY_UNKNOWN;
}

static bool gives_batch(const struct wb_rule *rule)
{
    return rule->batch_below_bytes >= 0;
}

static bool gives_direct(const struct wb_rule *rule)
{
    return rule->direct_below_bytes >= 0;
}

static bool gives_attempts(const struct wb_rule *rule)
{
    return rule->attempts > 0;
}

static bool gives_ignore(const struct wb_rule *rule)
{
    return !rule->deletes;
}

struct giver {
    const char *name;
    bool (*gives)(const struct wb_rule *rule);
    bool last; /* else the first that gives it */
};

/* Of wb_rules_routes: whose word counts where several rules send a file to one target. */
static const struct giver givers[] = {
    {"strategy", gives_strategy, false},  {"deletes", gives_ignore, false},
    {"attempts", gives_attempts, true},   {"batch_below", gives_batch, true},
    {"direct_below", gives_direct, true},
};

/* The matching rules that send to the target, and which of them gave what: null where none did, and
 * the configuration counts (of deletes: where all say the same). The options add up. */
static void set_givers(json_t *object, struct wb_rule *const *rules, size_t count,
                       const struct wb_route *route)
{
    const struct wb_rule *highest = NULL;
    json_t *names = json_array();
    json_t *from = json_object();
    for (size_t i = 0; i < count; i++) {
        if (!sends_to(rules[i], route->target))
            continue;
        (void)json_array_append_new(names, json_string(rules[i]->name));
        highest = highest && highest->priority >= rules[i]->priority ? highest : rules[i];
    }
    for (size_t g = 0; g < sizeof(givers) / sizeof(givers[0]); g++) {
        const char *giver = NULL;
        for (size_t i = 0; i < count; i++)
            if (sends_to(rules[i], route->target) && givers[g].gives(rules[i]) &&
                (!giver || givers[g].last))
                giver = rules[i]->name;
        wb_json_set_str(from, givers[g].name, giver);
    }
    wb_json_set_str(from, "priority", highest ? highest->name : NULL);
    (void)json_object_set_new(object, "rules", names);
    (void)json_object_set_new(object, "from", from);
}

static json_t *route_json(struct wb_rule *const *rules, size_t count, const struct wb_route *route)
{
    const struct wb_policy *policy = &route->policy;
    json_t *object = json_object();
    wb_json_set_str(object, "target", route->target);
    wb_json_set_str(object, "rule", policy->rule);
    wb_json_set_str(object, "strategy", wb_strategy_name(policy->strategy));
    wb_json_set_str(object, "deletes", policy->deletes ? "propagate" : "ignore");
    wb_json_set_int(object, "priority", policy->priority);
    wb_json_set_int(object, "attempts", policy->max_attempts);
    wb_json_set_int(object, "batch_below", policy->batch_below_bytes);
    wb_json_set_int(object, "direct_below", policy->direct_below_bytes);
    (void)json_object_set_new(object, "options", wb_render_options(&policy->options));
    set_givers(object, rules, count, route);
    return object;
}

/* Leaves those that match at the front; returns their number. */
static size_t keep_matching(struct wb_rule **rules, size_t count, const char *node,
                            struct wb_span path)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(rules[i]->source, node) == 0 && wb_glob_match(rules[i]->pattern, path))
            rules[kept++] = rules[i];
    return kept;
}

static json_t *match_json(const struct wb_cli *cli, const struct wb_rule *rule)
{
    json_t *object = wb_render_rule(cli, rule);
    (void)json_object_del(object, "source");
    (void)json_object_del(object, "updated");
    return object;
}

static int show_routes(struct wb_cli *cli, struct wb_registry *registry, const char *node,
                       struct wb_span path)
{
    struct wb_rule **rules;
    struct wb_route *routes;
    size_t count = 0;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    wb_registry_rules(registry, arena, &rules, &count);
    struct wb_policy defaults = wb_rules_defaults(cli->config);
    size_t found = wb_rules_routes(rules, count, &defaults, node, path, arena, &routes);
    json_t *document = json_object();
    wb_json_set_str(document, "node", node);
    wb_out_set_path(cli, document, path);
    json_t *names = json_array();
    json_t *matches = json_array();
    json_t *targets = json_array();
    count = keep_matching(rules, count, node, path);
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(names, json_string(rules[i]->name));
        (void)json_array_append_new(matches, match_json(cli, rules[i]));
    }
    for (size_t i = 0; i < found; i++)
        (void)json_array_append_new(targets, route_json(rules, count, &routes[i]));
    (void)json_object_set_new(document, "rules", names);
    (void)json_object_set_new(document, "matches", matches);
    (void)json_object_set_new(document, "targets", targets);
    wb_out_document(cli, document);
    return found ? 0 : EXIT_NOT_FOUND;
}

static int run_test(struct wb_cli *cli)
{
    struct wb_err err;
    char name[64];
    struct wb_span path;
    struct wb_node *node;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    if (wb_path_split(cli->words[0], name, &path, &err) != WB_OK ||
        wb_path_check(path, &err) != WB_OK ||
        wb_registry_new(cli->config, &registry, &err) != WB_OK ||
        wb_registry_node(registry, name, arena, &node, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    return show_routes(cli, registry, name, path);
}

static const struct wb_flag set_flags[] = {
    {"match", 0, "NODE:GLOB", "files this rule is for; ** crosses folders, * does not"},
    {"to", 0, "NODE[,NODE]", "targets; may be given again"},
    {"strategy", 0, "auto|batch|direct|chunked|streaming", "how files travel; default auto"},
    {"sha256", 0, NULL, "SHA-256 of each file as evidence"},
    {"deletes", 0, "ignore|propagate", "what a delete means; default ignore"},
    {"priority", 0, "N", "higher goes first; default 0"},
    {"weight", 0, "N", "share of a target beside other rules of that priority; default 1"},
    {"existing", 0, "replace|keep", "a file there that is not ours; default replace"},
    {"batch-below", 0, "SIZE", "smaller files travel in batches"},
    {"direct-below", 0, "SIZE", "smaller files are copied in one pass"},
    {"attempts", 0, "N", "attempts before a file is dead"},
    {"owner", 0, NULL, "keep the owner"},
    {"group", 0, NULL, "keep the group"},
    {"xattrs", 0, NULL, "keep extended attributes"},
    {"medium", 0, NULL, "read from the medium, not the page cache"},
    {NULL, 0, NULL, NULL},
};

const struct wb_command wb_cmd_rule_set = {
    .name = "rule set",
    .words = "NAME",
    .group = "configure",
    .summary = "make a rule, or replace the one of that name",
    .help = "The nodes must be there. A rule that copies a node onto itself or, with the other\n"
            "rules, round in a circle is refused; so is one whose target's root lies inside its\n"
            "source's, or the reverse. A file that is already on the target and\n"
            "was not put there by waybill is adopted when it is equal, else replaced, or with\n"
            "--existing keep left alone and the file reported dead.\n\n"
            "examples:\n"
            "  waybill rule set all --match 'a:**' --to b,c\n"
            "  waybill rule set raw --match 'a:raw/**' --to b --sha256 --priority 10\n",
    .least_words = 1,
    .most_words = 1,
    .flags = set_flags,
    .run = run_set,
};

const struct wb_command wb_cmd_rule_ls = {
    .name = "rule ls",
    .group = "configure",
    .summary = "list the rules",
    .help = "example:\n  waybill rule ls --json\n",
    .watches = true,
    .names = true,
    .run = run_ls,
};

const struct wb_command wb_cmd_rule_rm = {
    .name = "rule rm",
    .words = "NAME",
    .group = "configure",
    .summary = "remove a rule; no file is touched",
    .help = "example:\n  waybill rule rm raw --yes\n",
    .least_words = 1,
    .most_words = 1,
    .run = run_rm,
};

const struct wb_command wb_cmd_rule_test = {
    .name = "rule test",
    .words = "NODE:PATH",
    .group = "configure",
    .summary = "show which rules match a file and what comes of them",
    .help = "Lists the rules that match, and for each target what they come to: `from` names the\n"
            "rule that gave it (`-`: none did, the configuration counts; of deletes: all agree).\n"
            "Exit code 4 when no rule sends the file anywhere. The file need not exist.\n\n"
            "example:\n  waybill rule test a:raw/x.bin\n",
    .least_words = 1,
    .most_words = 1,
    .run = run_test,
};

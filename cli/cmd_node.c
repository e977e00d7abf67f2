/* Nodes: names for storage. What is added is looked at first, since a wrong root is easier mended
 * here than found by workers. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/limits.h"
#include "cli/lists.h"
#include "cli/out.h"
#include "cli/render.h"
#include "cli/roots.h"
#include "cli/view.h"
#include "core/base/clock.h"
#include "core/base/path.h"
#include "core/stage/registry.h"
#include "core/store/store.h"

enum { OPTIONS_MOST = 32, QUESTION_MAX = 4096, EXIT_USAGE = 2 };

/* ---- rules that name a node ---- */

static bool names_node(const struct wb_rule *rule, const char *name)
{
    for (size_t i = 0; i < rule->target_count; i++)
        if (strcmp(rule->targets[i], name) == 0)
            return true;
    return strcmp(rule->source, name) == 0;
}

static const struct wb_rule *rule_that_names(struct wb_registry *registry, const char *name,
                                             struct wb_arena *arena)
{
    struct wb_rule **rules;
    size_t count = 0;
    wb_registry_rules(registry, arena, &rules, &count);
    for (size_t i = 0; i < count; i++)
        if (names_node(rules[i], name))
            return rules[i];
    return NULL;
}

/* ---- add ---- */

static enum wb_rc read_options(const struct wb_cli *cli, struct wb_arena *arena,
                               struct wb_node *node, struct wb_err *err)
{
    node->options = wb_arena_alloc(arena, OPTIONS_MOST * sizeof(*node->options));
    const char *text;
    while ((text = wb_cli_flag_at(cli, "opt", node->option_count))) {
        char *copy = wb_arena_strdup(arena, text);
        char *equals = strchr(copy, '=');
        if (!equals || equals == copy)
            return wb_err_set(err, WB_CAT_USAGE, "--opt: \"%s\" is not KEY=VALUE", text);
        if (node->option_count == OPTIONS_MOST)
            return wb_err_set(err, WB_CAT_USAGE, "--opt: more than %d options", OPTIONS_MOST);
        *equals = 0;
        node->options[node->option_count++] = (struct wb_pair){copy, equals + 1};
    }
    return WB_OK;
}

static const char *const *option_words(const struct wb_node *node, struct wb_arena *arena)
{
    const char **words = wb_arena_alloc(arena, (2 * node->option_count + 1) * sizeof(*words));
    for (size_t i = 0; i < node->option_count; i++) {
        words[2 * i] = node->options[i].key;
        words[2 * i + 1] = node->options[i].value;
    }
    return words;
}

static enum wb_rc read_node(const struct wb_cli *cli, struct wb_arena *arena, struct wb_node *node,
                            struct wb_err *err)
{
    node->name = cli->words[0];
    node->url = cli->words[1];
    node->site = wb_cli_flag(cli, "site") ? wb_cli_flag(cli, "site") : "";
    node->secret = wb_cli_flag(cli, "secret");
    node->state = WB_NODE_UP;
    node->added_ms = node->since_ms = wb_clock_wall_ms();
    if (wb_name_check(node->name, err) != WB_OK ||
        (node->secret && wb_name_check(node->secret, err) != WB_OK) ||
        (node->site && *node->site && wb_name_check(node->site, err) != WB_OK) ||
        read_options(cli, arena, node, err) != WB_OK)
        return WB_ERROR;
    return wb_store_check_url(node->url, option_words(node, arena), err);
}

/* Says on stderr what is not to be expected of the node. Some of it shows only when the node is
 * tried out in its staging area, which one that can only be read does not let happen. */
static void warn_limits(const struct wb_node *node, struct wb_store *store)
{
    static const char scheme[] = "file://";
    struct wb_err err;
    const char *list[WB_LIMITS_MOST];
    bool local = strncmp(node->url, scheme, sizeof(scheme) - 1) == 0;
    bool writable = wb_store_prepare(store, &err) == WB_OK &&
                    (!local || access(node->url + sizeof(scheme) - 1, W_OK) == 0);
    struct wb_store_caps caps = store->caps;
    caps.writes &= writable;
    size_t count = wb_limits_of(&caps, list);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(stderr, "waybill: \"%s\" %s\n", node->url, list[i]);
}

static enum wb_rc look_at(const struct wb_cli *cli, const struct wb_node *node,
                          struct wb_arena *arena, struct wb_err *err)
{
    struct wb_store *store WB_AUTO(wb_store_close) = NULL;
    int64_t free_bytes = -1;
    if (wb_store_open(node->name, node->url, option_words(node, arena), node->secret, cli->config,
                      &store, err) != WB_OK ||
        wb_store_check(store, &free_bytes, err) != WB_OK)
        return WB_ERROR;
    warn_limits(node, store);
    return WB_OK;
}

/* A node that is defined anew goes on draining. */
static void keep_state(struct wb_node *node, const struct wb_node *former)
{
    node->added_ms = former->added_ms;
    node->state = former->state;
    node->reason = former->reason;
    node->since_ms = former->since_ms;
}

/* The rules that name the node must make sense with its new root, too. */
static enum wb_rc check_rules(struct wb_node *const *nodes, size_t node_count,
                              struct wb_registry *registry, const struct wb_node *node,
                              struct wb_arena *arena, struct wb_err *err)
{
    struct wb_rule **rules;
    size_t count = 0;
    wb_registry_rules(registry, arena, &rules, &count);
    for (size_t i = 0; i < count; i++)
        if (names_node(rules[i], node->name) &&
            wb_roots_check(nodes, node_count, rules, count, rules[i], err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

/* What a target stages in its root is a file of the node around it like any other. */
static void warn_overlap(const struct wb_node *node, const struct wb_node *other)
{
    if (strcmp(node->name, other->name) != 0 && wb_roots_overlap(node, other))
        (void)fprintf(stderr,
                      "waybill: \"%s\" and \"%s\" of node \"%s\" are the same, or one lies inside "
                      "the other; no rule may lead from one to the other\n",
                      node->url, other->url, other->name);
}

static enum wb_rc check_roots(struct wb_registry *registry, struct wb_node *node,
                              struct wb_arena *arena, struct wb_err *err)
{
    struct wb_node **nodes;
    size_t count = 0;
    wb_registry_nodes(registry, arena, &nodes, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(nodes[i]->name, node->name) == 0)
            nodes[i] = node;
    if (check_rules(nodes, count, registry, node, arena, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++)
        warn_overlap(node, nodes[i]);
    return WB_OK;
}

static bool same_text(const char *one, const char *other)
{
    return strcmp(one ? one : "", other ? other : "") == 0;
}

static bool same_options(const struct wb_node *one, const struct wb_node *other)
{
    if (one->option_count != other->option_count)
        return false;
    for (size_t i = 0; i < one->option_count; i++)
        if (strcmp(one->options[i].key, other->options[i].key) != 0 ||
            strcmp(one->options[i].value, other->options[i].value) != 0)
            return false;
    return true;
}

static bool same_place(const struct wb_node *one, const struct wb_node *other)
{
    return same_text(one->url, other->url) && same_text(one->site, other->site) &&
           same_options(one, other);
}

/* Files that are proved on the node, or are to be copied from or to it. */
static enum wb_rc count_files(const struct wb_config *config, const char *name, int64_t *ret,
                              struct wb_err *err)
{
    struct wb_view_link *links;
    size_t count = 0;
    struct wb_view *view WB_AUTO(wb_view_free) = NULL;
    if (wb_view_open(config, &view, err) != WB_OK ||
        wb_view_links(view, wb_clock_wall_ms(), &links, &count, err) != WB_OK)
        return WB_ERROR;
    *ret = 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(links[i].source, name) == 0 || strcmp(links[i].target, name) == 0)
            *ret += links[i].verified + links[i].running + links[i].waiting + links[i].parked;
    free(links);
    return WB_OK;
}

/* Asks where a name that others go by is to lead elsewhere. `ret_agreed` false: say no more. */
static enum wb_rc ask_move(const struct wb_cli *cli, struct wb_registry *registry,
                           const struct wb_node *former, struct wb_arena *arena, bool *ret_agreed,
                           struct wb_err *err)
{
    char count[64];
    char question[QUESTION_MAX];
    int64_t files = 0;
    const struct wb_rule *rule = rule_that_names(registry, former->name, arena);
    if (count_files(cli->config, former->name, &files, err) != WB_OK)
        return WB_ERROR;
    *ret_agreed = true;
    if (!rule && files == 0)
        return WB_OK;
    (void)snprintf(
        question, sizeof(question),
        "node \"%s\" is \"%s\" now; %s%s%s%s of it count as they are, and are not copied "
        "again: lead it to \"%s\"",
        former->name, former->url, rule ? "rule \"" : "", rule ? rule->name : "",
        rule ? "\" names it, " : "", wb_out_counted(files, "file", "files", count), cli->words[1]);
    *ret_agreed = wb_cli_confirm(cli, question);
    return WB_OK;
}

/* The marker of the former root is not demanded of the new one. */
static enum wb_rc write_node(const struct wb_cli *cli, const struct wb_node *node, bool moved,
                             struct wb_err *err)
{
    if (cli->dry_run)
        return WB_OK;
    if (wb_registry_put_node(cli->config, node, err) != WB_OK)
        return WB_ERROR;
    return moved ? wb_registry_remove_health(cli->config, node->name, err) : WB_OK;
}

static int change_node(struct wb_cli *cli, struct wb_registry *registry, struct wb_node *node,
                       const struct wb_node *former, struct wb_arena *arena)
{
    struct wb_err err;
    bool agreed = true;
    bool moved = !same_place(node, former);
    if (!moved && same_text(node->secret, former->secret)) {
        wb_out_done(cli, "unchanged", node->name, "node %s unchanged", node->name);
        return 0;
    }
    if (moved && ask_move(cli, registry, former, arena, &agreed, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    if (!agreed)
        return EXIT_USAGE;
    keep_state(node, former);
    if (write_node(cli, node, moved, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    wb_out_done(cli, "changed", node->name, "node %s changed", node->name);
    return 0;
}

static int run_add(struct wb_cli *cli)
{
    struct wb_err err;
    struct wb_node node = {0};
    struct wb_node *former = NULL;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    if (read_node(cli, arena, &node, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    if (!wb_cli_flag(cli, "force") && look_at(cli, &node, arena, &err) != WB_OK)
        return wb_cli_fail_hint(cli, &err,
                                "mend it, or give --force where only other machines reach it");
    if (wb_registry_new(cli->config, &registry, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    bool known = wb_registry_node(registry, node.name, arena, &former, &err) == WB_OK;
    if (check_roots(registry, &node, arena, &err) != WB_OK)
        return wb_cli_fail_hint(cli, &err, "change the rule, or choose another root");
    if (known)
        return change_node(cli, registry, &node, former, arena);
    if (write_node(cli, &node, false, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    wb_out_done(cli, "added", node.name, "node %s added", node.name);
    return 0;
}

/* ---- ls ---- */

static int run_ls(struct wb_cli *cli)
{
    return wb_node_list(cli);
}

/* ---- drain ---- */

/* False: nothing changes, nor its reason. */
static bool change_state(struct wb_node *node, bool drain, const char *reason)
{
    bool changes = (node->state == WB_NODE_DRAINING) != drain;
    if (!changes && !reason)
        return false;
    if (changes)
        node->since_ms = wb_clock_wall_ms();
    node->state = drain ? WB_NODE_DRAINING : WB_NODE_UP;
    node->reason = reason ? reason : "";
    return true;
}

static int set_state(struct wb_cli *cli, bool drain)
{
    struct wb_err err;
    struct wb_node *node = NULL;
    const char *reason = drain ? wb_cli_flag(cli, "reason") : NULL;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    if (wb_cli_check_reason(cli, &err) != WB_OK ||
        wb_registry_new(cli->config, &registry, &err) != WB_OK ||
        wb_registry_node(registry, cli->words[0], arena, &node, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    bool changed = change_state(node, drain, reason);
    if (changed && !cli->dry_run && wb_registry_put_node(cli->config, node, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    wb_out_done(cli, drain ? "drained" : "undrained", node->name, "node %s %s%s", node->name,
                changed ? "" : "already ",
                drain ? "drains: no new work begins, the rest is finished" : "takes work");
    return 0;
}

static int run_drain(struct wb_cli *cli)
{
    return set_state(cli, true);
}

static int run_undrain(struct wb_cli *cli)
{
    return set_state(cli, false);
}

/* ---- rm ---- */

/* Nothing that was said of the node is left to a later one of its name. */
static enum wb_rc forget(const struct wb_cli *cli, const char *name, struct wb_err *err)
{
    if (cli->dry_run)
        return WB_OK;
    if (wb_registry_remove_node(cli->config, name, err) != WB_OK ||
        wb_registry_remove_health(cli->config, name, err) != WB_OK)
        return WB_ERROR;
    return wb_registry_remove_control(cli->config, "pause/node/", name, err);
}

static int run_rm(struct wb_cli *cli)
{
    struct wb_err err;
    struct wb_node *node = NULL;
    char question[160];
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    if (wb_registry_new(cli->config, &registry, &err) != WB_OK ||
        wb_registry_node(registry, cli->words[0], arena, &node, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    const struct wb_rule *rule = rule_that_names(registry, node->name, arena);
    if (rule) {
        (void)wb_err_set(&err, WB_CAT_USAGE, "node \"%s\" is named by rule \"%s\"", node->name,
                         rule->name);
        (void)snprintf(question, sizeof(question), "change it first: waybill rule rm %s",
                       rule->name);
        return wb_cli_fail_hint(cli, &err, question);
    }
    (void)snprintf(question, sizeof(question), "remove node \"%s\" (its files stay)", node->name);
    if (!wb_cli_confirm(cli, question))
        return EXIT_USAGE;
    if (forget(cli, node->name, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    wb_out_done(cli, "removed", node->name, "node %s removed", node->name);
    return 0;
}

static const struct wb_flag add_flags[] = {
    {"secret", 0, "NAME", "name of the secret; its value is never given here"},
    {"opt", 0, "KEY=VALUE", "option of the backend; may be given again"},
    {"force", 0, NULL, "add it even if it cannot be reached from here"},
    {NULL, 0, NULL, NULL},
};

const struct wb_command wb_cmd_node_add = {
    .name = "node add",
    .words = "NAME URL",
    .group = "configure",
    .summary = "name a storage node, or change where a name leads to",
    .help = "The root must be there and be a folder; one that cannot be written to is taken with\n"
            "a warning, as it may be a source only. --site says where the node is; the default\n"
            "site needs no name. A secret NAME is looked up by workers as\n"
            "WAYBILL_SECRET_<NAME>, then as a file in $CREDENTIALS_DIRECTORY or secrets.dir.\n"
            "A root inside the root of a node that a rule connects with it is refused, with\n"
            "--force, too. A name that rules or files go by is led elsewhere only when asked or\n"
            "with --yes: what was proved on the former root counts for the new one. To replace a\n"
            "lost target take a new name.\n\n"
            "examples:\n"
            "  waybill node add a file:///srv/a\n"
            "  waybill node add b file:///srv/b --site dc2 --force\n",
    .least_words = 2,
    .most_words = 2,
    .flags = add_flags,
    .run = run_add,
};

const struct wb_command wb_cmd_node_ls = {
    .name = "node ls",
    .group = "configure",
    .summary = "list the nodes",
    .help = "example:\n  waybill node ls -o wide\n",
    .watches = true,
    .names = true,
    .run = run_ls,
};

static const struct wb_flag drain_flags[] = {
    {"reason", 0, "TEXT", "why, for whoever looks later"},
    {NULL, 0, NULL, NULL},
};

const struct wb_command wb_cmd_node_drain = {
    .name = "node drain",
    .words = "NAME",
    .group = "configure",
    .summary = "give a node no new work; what is begun is finished",
    .help =
        "For both, what is read from it and what is written to it. Jobs that wait are parked\n"
        "until `node undrain`, and `status` shows RUN go to 0. `node add` leaves it draining.\n\n"
        "example:\n  waybill node drain b --reason 'new disks'\n",
    .least_words = 1,
    .most_words = 1,
    .flags = drain_flags,
    .run = run_drain,
};

const struct wb_command wb_cmd_node_undrain = {
    .name = "node undrain",
    .words = "NAME",
    .group = "configure",
    .summary = "give a drained node work again",
    .help = "example:\n  waybill node undrain b\n",
    .least_words = 1,
    .most_words = 1,
    .run = run_undrain,
};

const struct wb_command wb_cmd_node_rm = {
    .name = "node rm",
    .words = "NAME",
    .group = "configure",
    .summary = "forget a node; its files stay",
    .help = "Refused while a rule names it. What was known of its health, and its pause, go with "
            "it.\n\nexample:\n  waybill node rm old --yes\n",
    .least_words = 1,
    .most_words = 1,
    .run = run_rm,
};

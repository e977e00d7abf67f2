/* Settings: options that change while the ring runs, kept in the log. They are checked by the same
 * table as the configuration file before they are written, since every planner takes them over. */
#include "cli/commands.h"
#include "cli/out.h"
#include "core/base/clock.h"
#include "core/stage/registry.h"

static const char prefix[] = "setting/";

struct settings {
    struct wb_setting **items;
    size_t count;
};

static const struct wb_setting *setting_of(const struct settings *settings, const char *key)
{
    for (size_t i = 0; i < settings->count; i++)
        if (strcmp(settings->items[i]->key, key) == 0)
            return settings->items[i];
    return NULL;
}

static const char *value_of(const struct wb_cli *cli, const struct wb_opt_row *row,
                            const struct wb_setting *setting)
{
    return setting ? setting->value : wb_config_text(cli->config, row->id);
}

/* ---- get ---- */

static const char *origin_of(const struct wb_cli *cli, const struct wb_opt_row *row,
                             const struct wb_setting *setting)
{
    if (setting)
        return "setting";
    return wb_config_is_set(cli->config, row->id) ? "config" : "default";
}

static json_t *setting_json(const struct wb_cli *cli, const struct wb_opt_row *row,
                            const struct wb_setting *setting)
{
    json_t *object = json_object();
    wb_json_set_str(object, "key", row->key);
    wb_json_set_str(object, "value", value_of(cli, row, setting));
    wb_json_set_str(object, "from", origin_of(cli, row, setting));
    wb_json_set_str(object, "default", row->fallback);
    wb_json_set_time(object, "since", setting ? setting->updated_ms : 0);
    wb_json_set_str(object, "by", setting ? setting->by : NULL);
    wb_json_set_str(object, "help", row->help);
    return object;
}

static void setting_row(const struct wb_cli *cli, struct wb_list *list,
                        const struct wb_opt_row *row, const struct wb_setting *setting)
{
    char time[32];
    wb_list_cell(list, "%s", row->key);
    wb_list_cell(list, "%s", value_of(cli, row, setting));
    wb_list_cell(list, "%s", origin_of(cli, row, setting));
    wb_list_cell(list, "%s",
                 wb_out_time(setting ? setting->updated_ms : 0, wb_clock_wall_ms(), time));
    wb_list_cell(list, "%s", setting && *setting->by ? setting->by : "-");
    wb_list_cell(list, "%s", row->fallback);
    wb_list_cell(list, "%s", row->help);
}

/* `only` NULL: all. */
static void print_settings(const struct wb_cli *cli, const struct settings *settings,
                           const struct wb_opt_row *only)
{
    static const struct wb_column columns[] = {{"KEY", false, false},  {"VALUE", false, false},
                                               {"FROM", false, false}, {"SINCE", true, false},
                                               {"BY", false, false},   {"DEFAULT", false, true},
                                               {"HELP", false, true}};
    struct wb_list *list WB_AUTO(wb_list_end) = wb_list_new(cli, "settings", columns, 7);
    for (int id = 0; id < WB_OPT_COUNT; id++) {
        const struct wb_opt_row *row = &wb_config_table()[id];
        if (!row->live || (only && row != only))
            continue;
        const struct wb_setting *setting = setting_of(settings, row->key);
        if (wb_list_is_json(list))
            wb_list_object(list, setting_json(cli, row, setting));
        else
            setting_row(cli, list, row, setting);
    }
}

static int run_get(struct wb_cli *cli)
{
    struct wb_err err;
    struct settings settings = {0};
    const struct wb_opt_row *only = NULL;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    if ((cli->word_count && wb_config_live_row(cli->words[0], &only, &err) != WB_OK) ||
        wb_registry_new(cli->config, &registry, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    wb_registry_controls(registry, prefix, arena, &settings.items, &settings.count);
    print_settings(cli, &settings, only);
    return 0;
}

/* ---- set ---- */

static int unset(struct wb_cli *cli, const struct wb_opt_row *row, const struct wb_setting *former)
{
    struct wb_err err;
    const char *value = wb_config_text(cli->config, row->id);
    /* Also where none is seen: one that is not valid is passed over, and stays in the log. */
    if (!cli->dry_run && wb_registry_remove_control(cli->config, prefix, row->key, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    if (former)
        wb_out_done(cli, "unset", row->key, "%s is as configured (%s), no more %s", row->key, value,
                    former->value);
    else
        wb_out_done(cli, "unset", row->key, "%s was not set; it is as configured (%s)", row->key,
                    value);
    return 0;
}

static int set(struct wb_cli *cli, const struct wb_opt_row *row, const struct wb_setting *former)
{
    struct wb_err err;
    char by[WB_WHO_MAX];
    const struct wb_setting setting = {.key = row->key,
                                       .value = cli->words[1],
                                       .updated_ms = wb_clock_wall_ms(),
                                       .by = wb_cli_who(by)};
    if (!cli->dry_run && wb_registry_put_control(cli->config, prefix, &setting, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    wb_out_done(cli, "set", row->key, "%s is %s, was %s", row->key, setting.value,
                value_of(cli, row, former));
    return 0;
}

static int run_set(struct wb_cli *cli)
{
    struct wb_err err;
    struct settings settings = {0};
    const struct wb_opt_row *row;
    const char *away = wb_cli_flag(cli, "unset");
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    if (cli->word_count != (away ? 0 : 2))
        return wb_cli_usage(cli, "give a key and a value, or --unset and a key");
    if (wb_config_live_row(away ? away : cli->words[0], &row, &err) != WB_OK ||
        (!away && wb_config_check(row, cli->words[1], &err) != WB_OK))
        return wb_cli_fail_hint(cli, &err, "`waybill settings get -o wide` lists what there is");
    if (wb_registry_new(cli->config, &registry, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    wb_registry_controls(registry, prefix, arena, &settings.items, &settings.count);
    const struct wb_setting *former = setting_of(&settings, row->key);
    return away ? unset(cli, row, former) : set(cli, row, former);
}

const struct wb_command wb_cmd_settings_get = {
    .name = "settings get",
    .words = "[KEY]",
    .group = "configure",
    .summary = "show what may change while running, and what it is now",
    .help = "FROM: `setting` was set in the log and counts everywhere, `config` is of the\n"
            "configuration of this command (services may have another), `default` of the\n"
            "program. Other options belong in the file: docs/CONFIG.md.\n\n"
            "examples:\n"
            "  waybill settings get -o wide\n"
            "  waybill settings get planner.attempts --json\n",
    .most_words = 1,
    .names = true,
    .run = run_get,
};

static const struct wb_flag set_flags[] = {
    {"unset", 0, "KEY", "take the setting away: what is configured counts again"},
    {NULL, 0, NULL, NULL},
};

const struct wb_command wb_cmd_settings_set = {
    .name = "settings set",
    .words = "KEY VALUE | --unset KEY",
    .group = "configure",
    .summary = "change an option while running, for all planners",
    .help = "It counts at once and survives restarts, above flag, environment and file. A key\n"
            "that is unknown or fixed and a value that is out of bounds are refused with the\n"
            "reason (exit code 2), and the former value stays.\n\n"
            "examples:\n"
            "  waybill settings set planner.backoff 1s..10m\n"
            "  waybill settings set --unset planner.backoff\n",
    .most_words = 2,
    .flags = set_flags,
    .run = run_set,
};

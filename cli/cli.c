/* From argv to an exit code: flags, environment and file become one configuration, then the
 * command runs. */
#include "cli/cli.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/help.h"
#include "cli/parse.h"
#include "core/base/clock.h"
#include "core/base/log.h"

enum { PATH_BYTES = 4096, NAME_BYTES = 64, EXIT_USAGE = 2, EXIT_TIMEOUT = 8 };

/* ---- global flags that are no options of the configuration ---- */

enum global_kind { SWITCH, DURATION, OUTPUT, JSON, COLOR };

struct global_row {
    const char *name;
    enum global_kind kind;
    size_t offset; /* SWITCH, DURATION: of the field of struct wb_cli */
};

static const struct global_row globals[] = {
    {"output", OUTPUT, 0},
    {"json", JSON, 0},
    {"color", COLOR, 0},
    {"watch", SWITCH, offsetof(struct wb_cli, watch)},
    {"progress", SWITCH, offsetof(struct wb_cli, progress)},
    {"quiet", SWITCH, offsetof(struct wb_cli, quiet)},
    {"verbose", SWITCH, offsetof(struct wb_cli, verbose)},
    {"dry-run", SWITCH, offsetof(struct wb_cli, dry_run)},
    {"yes", SWITCH, offsetof(struct wb_cli, yes)},
    {"stats", DURATION, offsetof(struct wb_cli, stats_ms)},
    {"timeout", DURATION, offsetof(struct wb_cli, timeout_ms)},
};

static enum wb_rc set_output(struct wb_cli *cli, const char *value, struct wb_err *err)
{
    static const char *const words[] = {"table", "wide", "json", "ndjson", "name", NULL};
    int found = 0;
    if (wb_cli_choice("value", value, words, &found, err) != WB_OK)
        return WB_ERROR;
    cli->output = (enum wb_output)found;
    return WB_OK;
}

static enum wb_rc set_color(struct wb_cli *cli, const char *value, struct wb_err *err)
{
    static const char *const words[] = {"auto", "always", "never", NULL};
    int found = 0;
    if (wb_cli_choice("value", value, words, &found, err) != WB_OK)
        return WB_ERROR;
    cli->color = found == 1 || (found == 0 && cli->color);
    return WB_OK;
}

static enum wb_rc set_switch(bool *field, const char *value, struct wb_err *err)
{
    static const char *const words[] = {"1", "true", "yes", "0", "false", "no", NULL};
    int found = 0;
    if (*value && wb_cli_choice("value", value, words, &found, err) != WB_OK)
        return WB_ERROR;
    *field = found < 3;
    return WB_OK;
}

static enum wb_rc set_global(struct wb_cli *cli, const struct global_row *row, const char *value,
                             struct wb_err *err)
{
    char *field = (char *)cli + row->offset;
    bool json = false;
    enum wb_rc rc = WB_OK;
    switch (row->kind) {
    case SWITCH:
        return set_switch((bool *)(void *)field, value, err);
    case DURATION:
        return wb_duration_parse(value, (int64_t *)(void *)field, err);
    case OUTPUT:
        return set_output(cli, value, err);
    case COLOR:
        return set_color(cli, value, err);
    case JSON:
        rc = set_switch(&json, value, err);
        if (rc == WB_OK && json)
            cli->output = WB_OUT_JSON;
        return rc;
    }
    return rc;
}

static void environment_name(const char *flag, char out[NAME_BYTES])
{
    size_t at = (size_t)snprintf(out, NAME_BYTES, "WAYBILL_");
    for (; *flag && at + 1 < NAME_BYTES; flag++)
        out[at++] = *flag == '-' ? '_' : (char)(*flag >= 'a' && *flag <= 'z' ? *flag - 32 : *flag);
    out[at] = 0;
}

static enum wb_rc apply_globals(struct wb_cli *cli, struct wb_err *err)
{
    for (size_t i = 0; i < sizeof(globals) / sizeof(globals[0]); i++) {
        char name[NAME_BYTES];
        environment_name(globals[i].name, name);
        const char *value = getenv(name);
        if (value && set_global(cli, &globals[i], value, err) != WB_OK)
            return wb_err_prefix(err, "%s", name);
        value = wb_parsed_last(cli->parsed, globals[i].name);
        if (value && set_global(cli, &globals[i], value, err) != WB_OK)
            return wb_err_prefix(err, "--%s", globals[i].name);
    }
    return WB_OK;
}

/* ---- configuration ---- */

static bool default_file(char out[PATH_BYTES])
{
    const char *base = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (base && *base)
        (void)snprintf(out, PATH_BYTES, "%s/waybill/waybill.yaml", base);
    else
        (void)snprintf(out, PATH_BYTES, "%s/.config/waybill/waybill.yaml", home ? home : "");
    if (access(out, F_OK) == 0)
        return true;
    (void)snprintf(out, PATH_BYTES, "/etc/waybill/waybill.yaml");
    return access(out, F_OK) == 0;
}

static enum wb_rc load_file(struct wb_cli *cli, struct wb_err *err)
{
    char found[PATH_BYTES];
    const char *path = wb_parsed_last(cli->parsed, "config");
    if (!path)
        path = getenv("WAYBILL_CONFIG");
    if (!path && default_file(found))
        path = found;
    return path ? wb_config_load_file(cli->config, path, err) : WB_OK;
}

static const struct wb_opt_row *row_of(const struct wb_given *given)
{
    if (given->name)
        return wb_config_row_by_flag(given->name);
    for (size_t i = 0; i < WB_OPT_COUNT; i++)
        if (wb_config_table()[i].short_flag == given->short_name)
            return &wb_config_table()[i];
    return NULL;
}

static enum wb_rc apply_flags(struct wb_cli *cli, struct wb_err *err)
{
    for (size_t i = 0; i < cli->parsed->given_count; i++) {
        const struct wb_given *given = &cli->parsed->given[i];
        const struct wb_opt_row *row = row_of(given);
        char origin[NAME_BYTES];
        if (!row)
            continue;
        if (given->name)
            (void)snprintf(origin, sizeof(origin), "--%s", given->name);
        else
            (void)snprintf(origin, sizeof(origin), "-%c", given->short_name);
        if (wb_config_set(cli->config, row->id, given->value, origin, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

static enum wb_rc check_environment(struct wb_err *err)
{
    enum { GLOBALS = sizeof(globals) / sizeof(globals[0]) };
    const char *names[GLOBALS + 2] = {"config"};
    for (size_t i = 0; i < GLOBALS; i++)
        names[i + 1] = globals[i].name;
    return wb_config_check_environment(names, err);
}

static enum wb_rc configure(struct wb_cli *cli, struct wb_err *err)
{
    if (check_environment(err) != WB_OK || load_file(cli, err) != WB_OK ||
        wb_config_load_environment(cli->config, err) != WB_OK || apply_flags(cli, err) != WB_OK)
        return WB_ERROR;
    return apply_globals(cli, err);
}

/* ---- logging ---- */

static int choice_index(const char *value, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(value, words[i]) == 0)
            return i;
    return 0;
}

/* A service logs as configured; other commands say themselves what matters, and log only errors
 * unless asked for more. */
static enum wb_log_level log_level(const struct wb_cli *cli)
{
    static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
    bool asked = cli->verbose || wb_parsed_last(cli->parsed, "log-level") ||
                 getenv("WAYBILL_LOG_LEVEL") || strcmp(cli->command->group, "services") == 0;
    if (cli->quiet || !asked)
        return WB_LOG_ERROR;
    return (enum wb_log_level)choice_index(wb_config_text(cli->config, WB_OPT_LOG_LEVEL), levels);
}

static void setup_log(const struct wb_cli *cli)
{
    static const char *const formats[] = {"text", "logfmt", "json", NULL};
    const char *format = wb_config_text(cli->config, WB_OPT_LOG_FORMAT);
    enum wb_log_format chosen = (enum wb_log_format)choice_index(format, formats);
    if (strcmp(format, "auto") == 0)
        chosen = isatty(STDERR_FILENO) ? WB_LOG_TEXT : WB_LOG_LOGFMT;
    wb_log_setup(log_level(cli), chosen, cli->command->name);
}

/* ---- the program ---- */

static void on_time_over(int number)
{
    static const char text[] = "waybill: the time limit is reached\n";
    (void)number;
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)ignored;
    _exit(EXIT_TIMEOUT);
}

/* Commands that look or configure may end at any instant: what they leave is whole. Others, and -w,
 * keep to --timeout themselves. */
static void limit_time(const struct wb_cli *cli)
{
    const char *group = cli->command->group;
    bool brief =
        cli->command->brief || strcmp(group, "observe") == 0 || strcmp(group, "configure") == 0;
    const struct itimerval limit = {
        .it_value = {cli->timeout_ms / 1000, cli->timeout_ms % 1000 * 1000}};
    if (cli->timeout_ms <= 0 || cli->watch || !brief)
        return;
    (void)signal(SIGALRM, on_time_over);
    (void)setitimer(ITIMER_REAL, &limit, NULL);
}

static int run_command(struct wb_cli *cli)
{
    struct wb_err err;
    const struct wb_parsed *parsed = cli->parsed;
    cli->color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    cli->words = (const char *const *)parsed->words + parsed->name_words;
    cli->word_count = parsed->word_count - parsed->name_words;
    if (configure(cli, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    cli->progress = !cli->quiet && (cli->progress || isatty(STDERR_FILENO));
    setup_log(cli);
    limit_time(cli);
    int code = cli->command->run(cli);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)wb_err_set(&err, WB_CAT_IO, "cannot write to standard output");
        return wb_cli_fail(cli, &err);
    }
    return code;
}

int wb_cli_main(int argc, char **argv)
{
    struct wb_err err;
    struct wb_parsed *parsed WB_AUTO(wb_parsed_free) = NULL;
    struct wb_cli cli = {0};
    if (wb_parse_flags(argc, argv, &parsed, &err) != WB_OK)
        return wb_cli_fail(&cli, &err);
    if (wb_parsed_last(parsed, "help"))
        return wb_help_show(&cli, (const char *const *)parsed->words, parsed->word_count);
    if (parsed->word_count == 0 && wb_parsed_last(parsed, "version")) {
        (void)printf("waybill %s\n", WB_VERSION);
        return 0;
    }
    if (parsed->word_count == 0) {
        wb_help_program(stderr);
        return EXIT_USAGE;
    }
    if (wb_parse_command(parsed, &err) != WB_OK)
        return wb_cli_fail(&cli, &err);
    struct wb_config *config WB_AUTO(wb_config_free) = wb_config_new();
    cli.parsed = parsed;
    cli.command = parsed->command;
    cli.config = config;
    return run_command(&cli);
}

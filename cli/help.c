#include "cli/help.h"

#include "cli/commands.h"
#include "cli/parse.h"

enum { NAMES_WIDTH = 26 };

const char *const wb_help_groups[] = {"services",  "publish", "observe", "repair",
                                      "configure", "misc",    NULL};

void wb_help_each_global(void (*visit)(void *arg, const struct wb_flag *flag), void *arg)
{
    const struct wb_opt_row *rows = wb_config_table();
    for (size_t i = 0; i < WB_OPT_COUNT; i++) {
        const char *argument = rows[i].choices ? rows[i].choices : rows[i].argument;
        const struct wb_flag flag = {rows[i].flag, rows[i].short_flag,
                                     rows[i].type == WB_OPT_BOOL ? NULL : argument, rows[i].help};
        if (flag.name || flag.short_name)
            visit(arg, &flag);
    }
    for (const struct wb_flag *flag = wb_global_flags; flag->name; flag++)
        visit(arg, flag);
}

static void print_flag(void *arg, const struct wb_flag *flag)
{
    char text[80];
    int len = 0;
    FILE *out = arg;
    if (flag->short_name)
        len = snprintf(text, sizeof(text), "-%c%s", flag->short_name, flag->name ? ", " : "");
    else
        len = snprintf(text, sizeof(text), "    ");
    if (flag->name)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "--%s", flag->name);
    if (flag->argument)
        (void)snprintf(text + len, sizeof(text) - (size_t)len, " %s", flag->argument);
    if (strlen(text) > NAMES_WIDTH)
        (void)fprintf(out, "  %s\n  %*s %s\n", text, NAMES_WIDTH, "", flag->help);
    else
        (void)fprintf(out, "  %-*s %s\n", NAMES_WIDTH, text, flag->help);
}

static void print_commands(FILE *out, const char *group)
{
    bool any = false;
    for (size_t i = 0; wb_commands[i]; i++) {
        if (strcmp(wb_commands[i]->group, group) != 0)
            continue;
        if (!any)
            (void)fprintf(out, "\n%s\n", group);
        any = true;
        (void)fprintf(out, "  %-26s %s\n", wb_commands[i]->name, wb_commands[i]->summary);
    }
}

void wb_help_program(FILE *out)
{
    (void)fprintf(out, "waybill replicates files by events on Kafka and proves every copy.\n\n"
                       "usage: waybill [FLAG…] COMMAND [WORD…] [FLAG…]\n");
    for (size_t i = 0; wb_help_groups[i]; i++)
        print_commands(out, wb_help_groups[i]);
    (void)fprintf(out, "\nglobal flags (each also as WAYBILL_… in the environment)\n");
    wb_help_each_global(print_flag, out);
    (void)fprintf(
        out, "\nexit codes: 0 done, 1 internal, 2 usage or configuration, 3 some files failed,\n"
             "4 not found, 5 differences found, 6 Kafka unreachable, 7 a node unreachable,\n"
             "8 a time limit reached, 9 nothing to do, 130 or 143 interrupted\n\n"
             "`waybill help COMMAND` tells more\n");
}

static void show_command(const struct wb_command *command)
{
    (void)printf("waybill %s: %s\n\nusage: waybill %s%s%s%s\n", command->name, command->summary,
                 command->name, command->words && *command->words ? " " : "",
                 command->words ? command->words : "",
                 command->flags && command->flags->name ? " [FLAG…]" : "");
    if (command->flags && command->flags->name)
        (void)printf("\nflags\n");
    for (const struct wb_flag *flag = command->flags; flag && flag->name; flag++)
        print_flag(stdout, flag);
    if (command->help)
        (void)printf("\n%s", command->help);
    (void)printf("\nGlobal flags: `waybill help`\n");
}

static const struct wb_command *find(const char *name)
{
    for (size_t i = 0; wb_commands[i]; i++)
        if (strcmp(wb_commands[i]->name, name) == 0)
            return wb_commands[i];
    return NULL;
}

static bool show_group(const char *word)
{
    size_t len = strlen(word);
    bool found = false;
    for (size_t i = 0; wb_commands[i]; i++) {
        const struct wb_command *command = wb_commands[i];
        if (strncmp(command->name, word, len) != 0 || command->name[len] != ' ')
            continue;
        (void)printf("  %-26s %s\n", command->name, command->summary);
        found = true;
    }
    if (found)
        (void)printf("\n`waybill help %s WORD` tells more\n", word);
    return found;
}

int wb_help_show(const struct wb_cli *cli, const char *const *words, size_t count)
{
    char both[64];
    if (count == 0) {
        wb_help_program(stdout);
        return 0;
    }
    (void)snprintf(both, sizeof(both), "%s %s", words[0], count > 1 ? words[1] : "");
    const struct wb_command *command = find(both);
    if (!command)
        command = find(words[0]);
    if (command) {
        show_command(command);
        return 0;
    }
    if (show_group(words[0]))
        return 0;
    return wb_cli_usage(cli, "no help on \"%s\"; `waybill help` lists the commands", words[0]);
}

static int run_help(struct wb_cli *cli)
{
    return wb_help_show(cli, cli->words, cli->word_count);
}

const struct wb_command wb_cmd_help = {
    .name = "help",
    .words = "[COMMAND]",
    .group = "misc",
    .summary = "help on the program or on a command",
    .help = "example:\n  waybill help node add\n",
    .most_words = 2,
    .run = run_help,
};

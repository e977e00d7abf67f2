/* The manual page (man(7) macros), made from the tables. */
#include "cli/commands.h"
#include "cli/help.h"

/* A backslash, and a dot or quote that begins a line, mean something to troff. */
static void print_text(const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            (void)printf("\\&");
        if (*text == '\\')
            (void)printf("\\e");
        else if (*text == '-')
            (void)printf("\\-");
        else
            (void)putchar(*text);
        line_start = *text == '\n';
    }
}

static void print_flag(void *arg, const struct wb_flag *flag)
{
    (void)arg;
    (void)printf(".TP\n\\fB");
    if (flag->short_name)
        (void)printf("\\-%c%s", flag->short_name, flag->name ? "\\fR, \\fB" : "");
    if (flag->name) {
        (void)printf("\\-\\-");
        print_text(flag->name);
    }
    (void)printf("\\fR");
    if (flag->argument) {
        (void)printf(" \\fI");
        print_text(flag->argument);
        (void)printf("\\fR");
    }
    (void)printf("\n");
    print_text(flag->help);
    (void)printf("\n");
}

static void print_command(const struct wb_command *command)
{
    (void)printf(".SS waybill %s ", command->name);
    print_text(command->words ? command->words : "");
    (void)printf("\n");
    print_text(command->summary);
    (void)printf(".\n");
    for (const struct wb_flag *flag = command->flags; flag && flag->name; flag++)
        print_flag(NULL, flag);
    if (!command->help)
        return;
    (void)printf(".PP\n.nf\n");
    print_text(command->help);
    (void)printf(".fi\n");
}

static int run_man(struct wb_cli *cli)
{
    (void)cli;
    (void)printf(".TH WAYBILL 1 \"\" \"waybill %s\"\n.SH NAME\n"
                 "waybill \\- replicate files by events on Kafka and prove every copy\n"
                 ".SH SYNOPSIS\n\\fBwaybill\\fR [\\fIFLAG\\fR...] \\fICOMMAND\\fR "
                 "[\\fIWORD\\fR...] [\\fIFLAG\\fR...]\n.SH COMMANDS\n",
                 WB_VERSION);
    for (size_t i = 0; wb_commands[i]; i++)
        print_command(wb_commands[i]);
    (void)printf(".SH GLOBAL FLAGS\nEach has a twin in the environment, WAYBILL_ and its name in "
                 "capitals.\n");
    wb_help_each_global(print_flag, NULL);
    (void)printf(".SH EXIT STATUS\n0 done, 1 internal, 2 usage or configuration, 3 some files "
                 "failed, 4 not found, 5 differences found, 6 Kafka unreachable, 7 a node "
                 "unreachable, 8 a time limit reached, 9 nothing to do, 130 and 143 interrupted.\n"
                 ".SH FILES\n~/.config/waybill/waybill.yaml, /etc/waybill/waybill.yaml\n");
    return 0;
}

const struct wb_command wb_cmd_man = {
    .name = "man",
    .group = "misc",
    .summary = "print the manual page as troff",
    .help = "example:\n  waybill man | man -l -\n",
    .run = run_man,
};

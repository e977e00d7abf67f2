/* Completion scripts for three shells, made from the tables of commands and flags. */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/parse.h"

static void print_long(void *arg, const struct wb_flag *flag)
{
    if (flag->name)
        (void)fprintf(arg, " --%s", flag->name);
}

static void print_command_flags(const struct wb_command *command)
{
    for (const struct wb_flag *flag = command->flags; flag && flag->name; flag++)
        print_long(stdout, flag);
}

/* The words that may come third: choices written as a|b|c in the usage. */
static void print_choices(const struct wb_command *command)
{
    const char *words = command->words ? command->words : "";
    size_t len = strcspn(words, " ");
    if (!memchr(words, '|', len))
        return;
    for (size_t i = 0; i < len; i++)
        (void)putchar(words[i] == '|' ? ' ' : words[i]);
}

static size_t first_length(const char *name)
{
    return strcspn(name, " ");
}

static bool is_first_of_group(size_t index)
{
    const char *name = wb_commands[index]->name;
    size_t len = first_length(name);
    for (size_t i = 0; i < index; i++)
        if (first_length(wb_commands[i]->name) == len &&
            memcmp(wb_commands[i]->name, name, len) == 0)
            return false;
    return true;
}

static void print_first_words(void)
{
    for (size_t i = 0; wb_commands[i]; i++)
        if (is_first_of_group(i))
            (void)printf(" %.*s", (int)first_length(wb_commands[i]->name), wb_commands[i]->name);
}

static void print_second_words(const char *name)
{
    size_t len = first_length(name);
    for (size_t i = 0; wb_commands[i]; i++) {
        const char *other = wb_commands[i]->name;
        if (strncmp(other, name, len) == 0 && other[len] == ' ')
            (void)printf(" %s", other + len + 1);
    }
}

/* `"word") list="…" ;;` for each first word that has something to follow. */
static void print_following_cases(void)
{
    for (size_t i = 0; wb_commands[i]; i++) {
        const char *name = wb_commands[i]->name;
        if (!is_first_of_group(i))
            continue;
        (void)printf("        %.*s) list=\"", (int)first_length(name), name);
        print_second_words(name);
        if (!strchr(name, ' '))
            print_choices(wb_commands[i]);
        (void)printf("\" ;;\n");
    }
}

/* The keys that may follow `settings get` and `settings set`, in the syntax that bash and zsh
 * share.
 */
static void print_key_case(void)
{
    (void)printf("        \"settings get\"|\"settings set\") list=\"");
    for (size_t i = 0; i < WB_OPT_COUNT; i++)
        if (wb_config_table()[i].live)
            (void)printf(" %s", wb_config_table()[i].key);
    (void)printf("\" ;;\n");
}

static void print_flag_cases(void)
{
    for (size_t i = 0; wb_commands[i]; i++) {
        if (!wb_commands[i]->flags)
            continue;
        (void)printf("        \"%s\"*) own=\"", wb_commands[i]->name);
        print_command_flags(wb_commands[i]);
        (void)printf("\" ;;\n");
    }
}

/* `-b|--brokers|` … of flags whose next word is their value. */
static void print_value_flag(void *arg, const struct wb_flag *flag)
{
    if (flag->argument && flag->short_name)
        (void)fprintf(arg, "-%c|", flag->short_name);
    if (flag->argument && flag->name)
        (void)fprintf(arg, "--%s|", flag->name);
}

/* The case that tells flags, their values and words apart, in the syntax that bash and zsh share.
 */
static void print_word_case(const char *word, const char *keep)
{
    (void)printf("        case \"%s\" in\n            ", word);
    wb_help_each_global(print_value_flag, stdout);
    for (size_t i = 0; wb_commands[i]; i++)
        for (const struct wb_flag *flag = wb_commands[i]->flags; flag && flag->name; flag++)
            print_value_flag(stdout, flag);
    (void)printf("--) ((i++)) ;;\n            -*) ;;\n            *) %s ;;\n        esac\n", keep);
}

static bool has_choices(const struct wb_flag *flag)
{
    return flag->argument && strchr(flag->argument, '|');
}

static void print_alternatives(const char *choices)
{
    for (; *choices; choices++)
        (void)putchar(*choices == '|' ? ' ' : *choices);
}

/* `-o|--output) list="table wide …" ;;` of flags with a choice of values. */
static void print_value_case(void *arg, const struct wb_flag *flag)
{
    (void)arg;
    if (!has_choices(flag))
        return;
    (void)printf("        ");
    if (flag->short_name)
        (void)printf("-%c%s", flag->short_name, flag->name ? "|" : "");
    if (flag->name)
        (void)printf("--%s", flag->name);
    (void)printf(") list=\"");
    print_alternatives(flag->argument);
    (void)printf("\" ;;\n");
}

/* After a flag that takes a value come its choices, else files: no command. In the syntax that bash
 * and zsh share. */
static void print_value_cases(void)
{
    (void)printf("    case $previous in\n");
    wb_help_each_global(print_value_case, NULL);
    for (size_t i = 0; wb_commands[i]; i++)
        for (const struct wb_flag *flag = wb_commands[i]->flags; flag && flag->name; flag++)
            print_value_case(NULL, flag);
    (void)printf("        ");
    wb_help_each_global(print_value_flag, stdout);
    for (size_t i = 0; wb_commands[i]; i++)
        for (const struct wb_flag *flag = wb_commands[i]->flags; flag && flag->name; flag++)
            print_value_flag(stdout, flag);
    (void)printf("--no-such-flag) list= ;;\n    esac\n");
}

static void print_bash(void)
{
    (void)printf("# bash completion of waybill: eval \"$(waybill completion bash)\"\n"
                 "_waybill() {\n"
                 "    local current=${COMP_WORDS[COMP_CWORD]} words=() list= own= i\n"
                 "    local previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
                 "    [[ $current != = ]] || current=\n"
                 "    [[ $previous != = ]] || previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
                 "    for ((i = 1; i < COMP_CWORD; i++)); do\n");
    print_word_case("${COMP_WORDS[i]}", "words+=(\"${COMP_WORDS[i]}\")");
    (void)printf("    done\n    case ${words[0]-} in\n        '') list=\"");
    print_first_words();
    (void)printf("\" ;;\n");
    print_following_cases();
    (void)printf("    esac\n    [ ${#words[@]} -lt 2 ] || list=\n"
                 "    case \"${words[*]}\" in\n");
    print_key_case();
    (void)printf("    esac\n    case \"${words[*]}\" in\n");
    print_flag_cases();
    (void)printf("    esac\n    [[ $current != -* ]] || list=\"$own");
    wb_help_each_global(print_long, stdout);
    (void)printf("\"\n");
    print_value_cases();
    (void)printf("    mapfile -t COMPREPLY < <(compgen -W \"$list\" -- \"$current\")\n}\n"
                 "complete -o default -F _waybill waybill\n");
}

static void print_zsh(void)
{
    (void)printf("#compdef waybill\n# zsh completion of waybill: put it into a file _waybill in "
                 "$fpath,\n# or: source <(waybill completion zsh)\n"
                 "_waybill() {\n"
                 "    local -a words_only\n    local list own first i\n"
                 "    local previous=$words[CURRENT-1]\n"
                 "    for ((i = 2; i < CURRENT; i++)); do\n");
    print_word_case("$words[i]", "words_only+=($words[i])");
    (void)printf("    done\n"
                 "    first=${words_only[1]-}\n    case $first in\n        '') list=\"");
    print_first_words();
    (void)printf("\" ;;\n");
    print_following_cases();
    (void)printf("    esac\n    (( $#words_only < 2 )) || list=\n"
                 "    case \"$words_only\" in\n");
    print_key_case();
    (void)printf("    esac\n    case \"$words_only\" in\n");
    print_flag_cases();
    (void)printf("    esac\n    [[ $words[CURRENT] != -* ]] || list=\"$own");
    wb_help_each_global(print_long, stdout);
    (void)printf("\"\n");
    print_value_cases();
    (void)printf("    if [[ -n $list ]]; then compadd -- ${=list}; else _files; fi\n}\n"
                 "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _waybill \"$@\"; "
                 "else compdef _waybill waybill; fi\n");
}

/* Single quotes of fish: only \ and ' are special. */
static void print_fish_quoted(const char *text)
{
    (void)putchar('\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            (void)putchar('\\');
        (void)putchar(*text);
    }
    (void)putchar('\'');
}

static void print_fish_flag(void *arg, const struct wb_flag *flag)
{
    const struct wb_command *command = arg;
    (void)printf("complete -c waybill");
    if (command)
        (void)printf(" -n '__waybill_at %s'", command->name);
    if (flag->name)
        (void)printf(" -l %s", flag->name);
    if (flag->short_name)
        (void)printf(" -s %c", flag->short_name);
    (void)printf("%s", has_choices(flag) ? " -x -a '" : flag->argument ? " -r" : "");
    if (has_choices(flag)) {
        print_alternatives(flag->argument);
        (void)printf("'");
    }
    (void)printf(" -d ");
    print_fish_quoted(flag->help);
    (void)printf("\n");
}

static void print_fish_command(size_t index)
{
    const struct wb_command *command = wb_commands[index];
    size_t len = first_length(command->name);
    if (is_first_of_group(index)) {
        (void)printf("complete -c waybill -f -n '__waybill_at' -a %.*s", (int)len, command->name);
        if (!command->name[len]) {
            (void)printf(" -d ");
            print_fish_quoted(command->summary);
        }
        (void)printf("\n");
    }
    if (command->name[len]) {
        (void)printf("complete -c waybill -f -n '__waybill_is %.*s' -a %s -d ", (int)len,
                     command->name, command->name + len + 1);
        print_fish_quoted(command->summary);
        (void)printf("\n");
    }
    for (const struct wb_flag *flag = command->flags; flag && flag->name; flag++)
        print_fish_flag((void *)(uintptr_t)command, flag);
}

static void print_fish_keys(void)
{
    for (size_t i = 0; i < WB_OPT_COUNT; i++) {
        const struct wb_opt_row *row = &wb_config_table()[i];
        for (int set = 0; set < 2 && row->live; set++) {
            (void)printf("complete -c waybill -f -n '__waybill_is settings %s' -a %s -d ",
                         set ? "set" : "get", row->key);
            print_fish_quoted(row->help);
            (void)printf("\n");
        }
    }
}

static void print_fish(void)
{
    (void)printf("# fish completion of waybill: waybill completion fish | source\n"
                 "function __waybill_words\n"
                 "    set -l all (commandline -opc)\n"
                 "    for word in $all[2..]\n"
                 "        string match -q -- '-*' $word; or echo $word\n"
                 "    end\n"
                 "end\n"
                 "# true when the words so far begin with these; without any: when there is none\n"
                 "function __waybill_at\n"
                 "    set -l words (__waybill_words)\n"
                 "    test (count $argv) -gt 0; or test (count $words) -eq 0; or return 1\n"
                 "    for i in (seq (count $argv))\n"
                 "        test \"$words[$i]\" = $argv[$i]; or return 1\n"
                 "    end\n"
                 "end\n"
                 "# true when the words so far are these\n"
                 "function __waybill_is\n"
                 "    test \"$(__waybill_words)\" = \"$argv\"\n"
                 "end\n");
    for (size_t i = 0; wb_commands[i]; i++)
        print_fish_command(i);
    print_fish_keys();
    wb_help_each_global(print_fish_flag, NULL);
}

static int run_completion(struct wb_cli *cli)
{
    static const char *const names[] = {"bash", "zsh", "fish", NULL};
    static void (*const prints[])(void) = {print_bash, print_zsh, print_fish};
    struct wb_err err;
    int shell;
    if (wb_cli_choice("shell", cli->words[0], names, &shell, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    prints[shell]();
    return 0;
}

const struct wb_command wb_cmd_completion = {
    .name = "completion",
    .words = "bash|zsh|fish",
    .group = "misc",
    .summary = "print a completion script for a shell",
    .help = "examples:\n"
            "  eval \"$(waybill completion bash)\"\n"
            "  waybill completion fish | source\n",
    .least_words = 1,
    .most_words = 1,
    .run = run_completion,
};

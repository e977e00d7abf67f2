/* One popt table of all flags there are: a flag that two commands share has the same shape in both
 * (tests/unit/cli holds that), so that one pass can tell flags from words before the command is
 * known. */
#include "cli/parse.h"

#include <popt.h>
#include <stdlib.h>

enum { FLAGS_MOST = 256, GIVEN_MOST = 4096 };

const struct wb_flag wb_global_flags[] = {
    {"config", 'c', "FILE", "configuration file"},
    {"output", 'o', "table|wide|json|ndjson|name", "form of what is printed"},
    {"json", 0, NULL, "the same as --output json"},
    {"watch", 'w', NULL, "show again when something changed, until interrupted"},
    {"progress", 'P', NULL, "show progress on stderr, also where it is no terminal"},
    {"stats", 0, "DUR", "a line of progress this often"},
    {"timeout", 0, "DUR", "give up after this time, exit code 8; not for services"},
    {"quiet", 'q', NULL, "only errors on stderr"},
    {"verbose", 'v', NULL, "say more"},
    {"color", 0, "auto|always|never", "colours on standard output"},
    {"dry-run", 'n', NULL, "show what would be done, change nothing"},
    {"yes", 'y', NULL, "do not ask before something is deleted"},
    {"help", 'h', NULL, "this help; after a command: its help"},
    {"version", 0, NULL, "version of the program"},
    {NULL, 0, NULL, NULL},
};

struct flag_set {
    struct poptOption options[FLAGS_MOST + 1];
    size_t count;
};

static bool has_flag(const struct flag_set *set, const char *name)
{
    for (size_t i = 0; name && i < set->count; i++)
        if (set->options[i].longName && strcmp(set->options[i].longName, name) == 0)
            return true;
    return false;
}

static void add_flag(struct flag_set *set, const char *name, char short_name, bool takes_value)
{
    if (set->count == FLAGS_MOST || has_flag(set, name) || (!name && !short_name))
        return;
    set->options[set->count] = (struct poptOption){
        .longName = name,
        .shortName = short_name,
        .argInfo = takes_value ? POPT_ARG_STRING : POPT_ARG_NONE,
        .val = (int)set->count + 1,
    };
    set->count++;
}

static void add_flags(struct flag_set *set, const struct wb_flag *flags)
{
    for (; flags && flags->name; flags++)
        add_flag(set, flags->name, flags->short_name, flags->argument != NULL);
}

static void fill_set(struct flag_set *set)
{
    const struct wb_opt_row *rows = wb_config_table();
    for (size_t i = 0; i < WB_OPT_COUNT; i++)
        add_flag(set, rows[i].flag, rows[i].short_flag, rows[i].type != WB_OPT_BOOL);
    add_flags(set, wb_global_flags);
    for (size_t i = 0; wb_commands[i]; i++)
        add_flags(set, wb_commands[i]->flags);
}

static enum wb_rc unknown_flag(const struct flag_set *set, const char *flag, struct wb_err *err)
{
    char word[64];
    const char *names[FLAGS_MOST + 1];
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++)
        if (set->options[i].longName)
            names[count++] = set->options[i].longName;
    names[count] = NULL;
    size_t skip = strspn(flag, "-");
    (void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(flag + skip, "="), flag + skip);
    const char *nearest = skip == 2 ? wb_nearest_name(word, names) : NULL;
    if (nearest)
        return wb_err_set(err, WB_CAT_USAGE, "unknown flag \"--%s\", did you mean \"--%s\"", word,
                          nearest);
    return wb_err_set(err, WB_CAT_USAGE, "unknown flag \"%s\"", flag);
}

static void keep(struct wb_parsed *parsed, const struct poptOption *option, char *value)
{
    parsed->given[parsed->given_count++] =
        (struct wb_given){option->longName, option->shortName, value ? value : wb_xstrdup("")};
}

static enum wb_rc read_flags(poptContext context, const struct flag_set *set,
                             struct wb_parsed *parsed, struct wb_err *err)
{
    int val;
    while ((val = poptGetNextOpt(context)) > 0 && parsed->given_count < GIVEN_MOST)
        keep(parsed, &set->options[val - 1], poptGetOptArg(context));
    if (val == -1)
        return WB_OK;
    const char *flag = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    if (val > 0)
        return wb_err_set(err, WB_CAT_USAGE, "more than %d flags", GIVEN_MOST);
    if (val == POPT_ERROR_BADOPT)
        return unknown_flag(set, flag, err);
    return wb_err_set(err, WB_CAT_USAGE, "flag \"%s\": %s", flag, poptStrerror(val));
}

static void keep_words(poptContext context, struct wb_parsed *parsed)
{
    const char **words = poptGetArgs(context);
    size_t count = 0;
    while (words && words[count])
        count++;
    parsed->words = wb_xcalloc(count + 1, sizeof(*parsed->words));
    for (; parsed->word_count < count; parsed->word_count++)
        parsed->words[parsed->word_count] = wb_xstrdup(words[parsed->word_count]);
}

enum wb_rc wb_parse_flags(int argc, char **argv, struct wb_parsed **ret, struct wb_err *err)
{
    struct wb_parsed *parsed WB_AUTO(wb_parsed_free) = wb_xcalloc(1, sizeof(*parsed));
    struct flag_set *set WB_AUTO(wb_free_ptr) = wb_xcalloc(1, sizeof(*set));
    parsed->given = wb_xcalloc(GIVEN_MOST, sizeof(*parsed->given));
    fill_set(set);
    poptContext context =
        poptGetContext("waybill", argc, (const char **)(uintptr_t)argv, set->options, 0);
    enum wb_rc rc = read_flags(context, set, parsed, err);
    if (rc == WB_OK)
        keep_words(context, parsed);
    (void)poptFreeContext(context);
    if (rc != WB_OK)
        return WB_ERROR;
    *ret = parsed;
    parsed = NULL;
    return WB_OK;
}

void wb_parsed_free(struct wb_parsed **parsed)
{
    if (!*parsed)
        return;
    for (size_t i = 0; i < (*parsed)->given_count; i++)
        free((*parsed)->given[i].value);
    for (size_t i = 0; i < (*parsed)->word_count; i++)
        free((*parsed)->words[i]);
    free((*parsed)->given);
    free((*parsed)->words);
    free(*parsed);
    *parsed = NULL;
}

const char *wb_parsed_last(const struct wb_parsed *parsed, const char *name)
{
    for (size_t i = parsed->given_count; i > 0; i--)
        if (parsed->given[i - 1].name && strcmp(parsed->given[i - 1].name, name) == 0)
            return parsed->given[i - 1].value;
    return NULL;
}

/* ---- the command ---- */

enum { COMMANDS_MOST = 128 };

/* The number of words at the start that are the command's name, 0 when they are not. */
static size_t matched_words(const struct wb_command *command, const struct wb_parsed *parsed)
{
    const char *space = strchr(command->name, ' ');
    size_t first = space ? (size_t)(space - command->name) : strlen(command->name);
    if (parsed->word_count == 0 || strlen(parsed->words[0]) != first ||
        memcmp(parsed->words[0], command->name, first) != 0)
        return 0;
    if (!space)
        return 1;
    return parsed->word_count > 1 && strcmp(parsed->words[1], space + 1) == 0 ? 2 : 0;
}

static bool begins_with_word(const char *name, const char *word)
{
    size_t len = strlen(word);
    return strncmp(name, word, len) == 0 && (name[len] == ' ' || name[len] == 0);
}

/* The second words of the group `first`, or with NULL the first words of all. */
static size_t candidate_words(const char *first, const char *ret[COMMANDS_MOST],
                              char store[COMMANDS_MOST][32])
{
    size_t count = 0;
    for (size_t i = 0; wb_commands[i] && count < COMMANDS_MOST - 1; i++) {
        const char *name = wb_commands[i]->name;
        if (first && !begins_with_word(name, first))
            continue;
        const char *from = first ? name + strlen(first) + 1 : name;
        (void)snprintf(store[count], 32, "%.*s", (int)strcspn(from, " "), from);
        ret[count] = store[count];
        count++;
    }
    ret[count] = NULL;
    return count;
}

static enum wb_rc unknown_command(const struct wb_parsed *parsed, struct wb_err *err)
{
    const char *names[COMMANDS_MOST];
    char store[COMMANDS_MOST][32];
    const char *first = parsed->words[0];
    if (candidate_words(first, names, store) == 0) {
        (void)candidate_words(NULL, names, store);
        const char *nearest = wb_nearest_name(first, names);
        if (nearest)
            return wb_err_set(err, WB_CAT_USAGE, "unknown command \"%s\", did you mean \"%s\"",
                              first, nearest);
        return wb_err_set(err, WB_CAT_USAGE, "unknown command \"%s\"; see `waybill help`", first);
    }
    if (parsed->word_count == 1)
        return wb_err_set(err, WB_CAT_USAGE, "\"%s\" needs a second word; see `waybill help %s`",
                          first, first);
    const char *nearest = wb_nearest_name(parsed->words[1], names);
    if (nearest)
        return wb_err_set(err, WB_CAT_USAGE, "unknown command \"%s %s\", did you mean \"%s %s\"",
                          first, parsed->words[1], first, nearest);
    return wb_err_set(err, WB_CAT_USAGE, "unknown command \"%s %s\"; see `waybill help %s`", first,
                      parsed->words[1], first);
}

static bool is_in(const struct wb_flag *flags, const char *name)
{
    for (; flags && flags->name; flags++)
        if (strcmp(flags->name, name) == 0)
            return true;
    return false;
}

static enum wb_rc check_flags(const struct wb_parsed *parsed, struct wb_err *err)
{
    for (size_t i = 0; i < parsed->given_count; i++) {
        const char *name = parsed->given[i].name;
        if (!name || wb_config_row_by_flag(name) || is_in(wb_global_flags, name) ||
            is_in(parsed->command->flags, name))
            continue;
        return wb_err_set(err, WB_CAT_USAGE, "\"--%s\" is no flag of \"%s\"; see `waybill help %s`",
                          name, parsed->command->name, parsed->command->name);
    }
    return WB_OK;
}

/* What a command cannot do is refused, never passed over. Only what this command line says: the
 * environment is there for all commands. */
static enum wb_rc check_forms(const struct wb_parsed *parsed, struct wb_err *err)
{
    const struct wb_command *command = parsed->command;
    const char *output = wb_parsed_last(parsed, "output");
    if (wb_parsed_last(parsed, "watch") && !command->watches)
        return wb_err_set(err, WB_CAT_USAGE,
                          "\"%s\" shows nothing that changes: it takes no --watch", command->name);
    if (output && strcmp(output, "name") == 0 && !command->names)
        return wb_err_set(err, WB_CAT_USAGE, "\"%s\" lists nothing by name: it takes no -o name",
                          command->name);
    return WB_OK;
}

static enum wb_rc check_count(const struct wb_parsed *parsed, struct wb_err *err)
{
    const struct wb_command *command = parsed->command;
    size_t count = parsed->word_count - parsed->name_words;
    if (count >= command->least_words && count <= command->most_words)
        return WB_OK;
    const char *words = command->words ? command->words : "";
    if (count < command->least_words)
        return wb_err_set(err, WB_CAT_USAGE, "too few words; usage: waybill %s %s", command->name,
                          words);
    return wb_err_set(err, WB_CAT_USAGE, "unexpected \"%s\"; usage: waybill %s %s",
                      parsed->words[parsed->name_words + command->most_words], command->name,
                      words);
}

enum wb_rc wb_parse_command(struct wb_parsed *parsed, struct wb_err *err)
{
    for (size_t i = 0; wb_commands[i]; i++) {
        size_t matched = matched_words(wb_commands[i], parsed);
        if (matched > parsed->name_words) {
            parsed->name_words = matched;
            parsed->command = wb_commands[i];
        }
    }
    if (!parsed->command)
        return unknown_command(parsed, err);
    if (check_flags(parsed, err) != WB_OK || check_forms(parsed, err) != WB_OK)
        return WB_ERROR;
    return check_count(parsed, err);
}

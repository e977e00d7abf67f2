/* From argv to a command with its flags and words, over popt. */
#ifndef WB_CLI_PARSE_H
#define WB_CLI_PARSE_H

#include "cli/cli.h"

/* A flag as it was given: `value` "" for a switch. */
struct wb_given {
    const char *name; /* long; NULL for one that has only a short name */
    char short_name;
    char *value;
};

struct wb_parsed {
    struct wb_given *given; /* in order */
    size_t given_count;
    char **words; /* all, the command's name included */
    size_t word_count;
    const struct wb_command *command; /* NULL until wb_parse_command */
    size_t name_words;                /* words that the command's name takes */
};

/* Flags that are neither options of the configuration nor of one command. Ends with name NULL. */
extern const struct wb_flag wb_global_flags[];

/* Splits argv into flags and words; flags may stand before, between and after the words, `--` ends
 * them. USAGE for an unknown flag (with the nearest one) or a missing value. The caller frees. */
enum wb_rc wb_parse_flags(int argc, char **argv, struct wb_parsed **ret,
                          struct wb_err *err) WB_MUST_USE;
void wb_parsed_free(struct wb_parsed **parsed); /* fits WB_AUTO */

/* Finds the command that the first words name and checks that every flag is its own or global and
 * the number of words fits. USAGE with the nearest name otherwise. */
enum wb_rc wb_parse_command(struct wb_parsed *parsed, struct wb_err *err) WB_MUST_USE;

/* The last value given for a long flag, NULL when none was. */
const char *wb_parsed_last(const struct wb_parsed *parsed, const char *name);

#endif

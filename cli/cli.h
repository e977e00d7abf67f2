/* The command line: a table of commands, each with its flags and a function. Global flags come from
 * the table of options (core/base/options.c) and are applied to the configuration before a command
 * runs. This header is what commands see. */
#ifndef WB_CLI_CLI_H
#define WB_CLI_CLI_H

#include <stdio.h>

#include "core/base/config.h"
#include "core/base/json.h"

enum wb_output { WB_OUT_TABLE, WB_OUT_WIDE, WB_OUT_JSON, WB_OUT_NDJSON, WB_OUT_NAME };

/* A flag of one command. `argument` NULL: a switch; "a|b": one of these, which completion offers.
 */
struct wb_flag {
    const char *name; /* long, without dashes; NULL ends a table */
    char short_name;  /* or 0 */
    const char *argument;
    const char *help;
};

struct wb_command;
struct wb_parsed;

/* One invocation: global choices, and the command's own flags and words. */
struct wb_cli {
    const struct wb_command *command;
    struct wb_config *config; /* flags, environment and file applied */
    enum wb_output output;
    bool quiet;
    bool verbose;
    bool watch;
    bool progress;            /* asked for, or stderr is a terminal and not quiet */
    bool dry_run;             /* -n */
    bool yes;                 /* -y */
    bool color;               /* of stdout */
    int64_t timeout_ms;       /* 0: none */
    int64_t stats_ms;         /* --stats: interval of progress lines, 0: none */
    const char *const *words; /* what is left after the command's name */
    size_t word_count;
    const struct wb_parsed *parsed; /* see wb_cli_flag */
};

struct wb_command {
    const char *name;    /* "node add" */
    const char *words;   /* what follows, for usage: "NAME URL" */
    const char *group;   /* services, publish, observe, repair, configure, misc */
    const char *summary; /* one line, no full stop */
    const char *help;    /* paragraphs and examples, or NULL */
    size_t least_words;
    size_t most_words;
    const struct wb_flag *flags; /* may be NULL */
    bool brief; /* of another group than observe and configure: --timeout may end it at any instant,
                   as it ends those */
    bool watches; /* takes -w */
    bool names;   /* lists things by their names: takes -o name */
    /* Returns the exit code. Has printed what there is to say, errors included. */
    int (*run)(struct wb_cli *cli);
};

/* NULL-terminated, in the order of help. */
extern const struct wb_command *const wb_commands[];

/* The whole program; returns the exit code (INTERFACE of the project: 0 done … 9 nothing to do). */
int wb_cli_main(int argc, char **argv);

/* The value of a command's flag ("" for a switch that is set), NULL when it was not given. `index`
 * counts repeated ones. Global flags are found too, but only those on the command line. */
const char *wb_cli_flag_at(const struct wb_cli *cli, const char *name, size_t index);
static inline const char *wb_cli_flag(const struct wb_cli *cli, const char *name)
{
    return wb_cli_flag_at(cli, name, 0);
}

/* The same, parsed; `fallback` when not given. USAGE names the flag. */
enum wb_rc wb_cli_flag_int(const struct wb_cli *cli, const char *name, int64_t least, int64_t most,
                           int64_t fallback, int64_t *ret, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_cli_flag_size(const struct wb_cli *cli, const char *name, int64_t fallback,
                            int64_t *ret, struct wb_err *err) WB_MUST_USE;

/* The place of `value` among `words` (NULL-terminated). USAGE lists them: `unknown <what> "x";
 * there are a, b and c`. */
enum wb_rc wb_cli_choice(const char *what, const char *value, const char *const *words, int *ret,
                         struct wb_err *err) WB_MUST_USE;

/* `waybill: <message> (class)` on stderr; returns the exit code of the error's category. */
int wb_cli_fail(const struct wb_cli *cli, const struct wb_err *err);
/* The same and a second line with the command that helps. */
int wb_cli_fail_hint(const struct wb_cli *cli, const struct wb_err *err, const char *hint);
/* A mistake on the command line: exit code 2. */
int wb_cli_usage(const struct wb_cli *cli, const char *fmt, ...) WB_PRINTF(2, 3);

/* `user@host` of this process, for records that an operator writes. Returns `out`. */
enum { WB_WHO_MAX = 128 };
const char *wb_cli_who(char out[WB_WHO_MAX]);

/* --reason of a command that has it: printable text. INVALID otherwise. */
enum wb_rc wb_cli_check_reason(const struct wb_cli *cli, struct wb_err *err) WB_MUST_USE;

/* Asks before something is deleted: true at once with -y or --dry-run; without a terminal false,
 * with a message (the caller returns 2). */
bool wb_cli_confirm(const struct wb_cli *cli, const char *question);

#endif

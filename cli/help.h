/* Help of the program, of a group of commands and of one, made from the tables. */
#ifndef WB_CLI_HELP_H
#define WB_CLI_HELP_H

#include "cli/cli.h"

/* Groups of commands in the order of help; NULL-terminated. */
extern const char *const wb_help_groups[];

/* Help of the program. */
void wb_help_program(FILE *out);

/* Help on stdout for the command or group that `words` begin with, or without words for the
 * program. Returns 0, or 2 with a message when there is no such command. */
int wb_help_show(const struct wb_cli *cli, const char *const *words, size_t count);

/* The global flags and those of the option table, one after the other: visits each with its long
 * name (may be NULL), short name (may be 0), placeholder (NULL: a switch) and help. */
void wb_help_each_global(void (*visit)(void *arg, const struct wb_flag *flag), void *arg);

#endif

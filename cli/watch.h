/* -w/--watch for commands that show a state. */
#ifndef WB_CLI_WATCH_H
#define WB_CLI_WATCH_H

#include "cli/cli.h"

/* Shows once; with -w again whenever `look` says that something changed, until interrupted (exit
 * code 130 by the signal) or --timeout (exit code 8). A retryable error of `look` is told once and
 * looked through. Returns the exit code; errors are printed. */
int wb_watch_run(const struct wb_cli *cli,
                 enum wb_rc (*look)(void *arg, bool *ret_changed, struct wb_err *err),
                 enum wb_rc (*show)(void *arg, struct wb_err *err), void *arg);

#endif

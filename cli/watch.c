#include "cli/watch.h"

#include <time.h>
#include <unistd.h>

#include "cli/out.h"
#include "core/base/clock.h"

enum { INTERVAL_MS = 500, EXIT_TIMEOUT = 8 };

static void pause_ms(int64_t ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* On a terminal each picture replaces the one before. */
static void separate(const struct wb_cli *cli)
{
    if (wb_out_is_json(cli))
        return;
    (void)fputs(isatty(STDOUT_FILENO) ? "\033[H\033[2J" : "\n", stdout);
}

int wb_watch_run(const struct wb_cli *cli,
                 enum wb_rc (*look)(void *arg, bool *ret_changed, struct wb_err *err),
                 enum wb_rc (*show)(void *arg, struct wb_err *err), void *arg)
{
    struct wb_err err;
    int64_t deadline_ms = wb_clock_mono_ms() + cli->timeout_ms;
    bool troubled = false;
    if (show(arg, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    while (cli->watch) {
        bool changed = false;
        if (cli->timeout_ms && wb_clock_mono_ms() >= deadline_ms)
            return EXIT_TIMEOUT;
        pause_ms(INTERVAL_MS);
        if (look(arg, &changed, &err) != WB_OK) {
            if (!err.retryable)
                return wb_cli_fail(cli, &err);
            if (!troubled)
                (void)wb_cli_fail_hint(cli, &err,
                                       "what is shown is of before; it goes on by itself");
            troubled = true;
            continue;
        }
        troubled = false;
        if (!changed)
            continue;
        separate(cli);
        if (show(arg, &err) != WB_OK)
            return wb_cli_fail(cli, &err);
    }
    return 0;
}

/* Every lie of the lying server (liar.py), told at each request of each thing that transfer and the
 * verifier do with a node, once and from then on. Whatever it is: what was reported as done really
 * is so on the server, an error has the class that the table says, memory and time have bounds, no
 * stranger is sent anything secret.
 *
 * usage: test_lies [PART-OF-A-CASE]     those alone, each told
 * WB_LIAR=full: no case is left out; WB_LIAR=here: in this process, for a debugger
 *
 * Several processes share the cases, each with a server of its own: one that crashes or hangs on a
 * case is told, and the others go on. */
#include "tests/liar/cases.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"

enum { SHARDS = 6, HANG_MS = 20000, CRASHES_MOST = 20 };

/* The server's memory and ours grow with what is freed late. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4";
}

static pid_t begin_shard(struct shard *shard, const char *only)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    run_cases(shard, only);
    exit(0);
}

static void say_end(const struct shard *shard, const char *how)
{
    printf("%s: %s\n", shard->name, how);
}

static bool has_hung(const struct shard *shard)
{
    int64_t begun = shard->begun_ms;
    return begun != 0 && wb_clock_mono_ms() - begun > HANG_MS;
}

/* True when the shard has to go on behind the case that it ended at. */
static bool look_at(struct shard *shard, pid_t pid, bool *ret_over)
{
    int status = 0;
    bool hung = has_hung(shard);
    *ret_over = false;
    if (hung)
        (void)kill(pid, SIGKILL);
    else if (waitpid(pid, &status, WNOHANG) == 0)
        return false;
    if (hung)
        (void)waitpid(pid, &status, 0);
    *ret_over = true;
    if (!hung && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    shard->broken++;
    shard->crashes++;
    say_end(shard, hung ? "HUNG" : "CRASHED");
    return shard->crashes < CRASHES_MOST && !(WIFEXITED(status) && WEXITSTATUS(status) == HOPELESS);
}

static void watch(struct shard *shards, int count, const char *only)
{
    pid_t pids[SHARDS];
    int running = count;
    for (int i = 0; i < count; i++)
        pids[i] = begin_shard(&shards[i], only);
    while (running > 0) {
        struct timespec pause = {.tv_nsec = 20000000};
        (void)nanosleep(&pause, NULL);
        for (int i = 0; i < count; i++) {
            bool over;
            if (pids[i] == 0)
                continue;
            bool again = look_at(&shards[i], pids[i], &over);
            if (again) {
                shards[i].skip_to = shards[i].number + 1;
                shards[i].begun_ms = 0;
                pids[i] = begin_shard(&shards[i], only);
            } else if (over) {
                pids[i] = 0;
                running--;
            }
        }
    }
}

static int summary(const struct shard *shards, int count)
{
    struct shard sum = {0};
    for (int i = 0; i < count; i++) {
        sum.told += shards[i].told;
        sum.done += shards[i].done;
        sum.failed += shards[i].failed;
        sum.blind += shards[i].blind;
        sum.broken += shards[i].broken;
        sum.peak_kib = sum.peak_kib > shards[i].peak_kib ? sum.peak_kib : shards[i].peak_kib;
        sum.slowest_ms =
            sum.slowest_ms > shards[i].slowest_ms ? sum.slowest_ms : shards[i].slowest_ms;
    }
    printf("%ld lies told: %ld did no harm, %ld were found out, %ld nobody could tell; at most "
           "%ld MiB more than without, %ld ms; %ld violations\n",
           sum.told, sum.done, sum.failed, sum.blind, sum.peak_kib / 1024, sum.slowest_ms,
           sum.broken);
    return sum.broken > 0 || sum.told == 0;
}

int main(int count, char **arguments)
{
    const char *only = count > 1 ? arguments[1] : NULL;
    const char *wanted = getenv("WB_LIAR");
    int shard_count = only ? 1 : SHARDS;
    struct shard *shards = mmap(NULL, sizeof(*shards) * SHARDS, PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shards == MAP_FAILED)
        return 1;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < shard_count; i++) {
        shards[i].index = i;
        shards[i].count = shard_count;
    }
    if (wanted && strcmp(wanted, "here") == 0)
        run_cases(shards, only);
    else
        watch(shards, shard_count, only);
    return summary(shards, shard_count);
}

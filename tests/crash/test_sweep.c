/* Crash sweep: each act that a worker does to a folder is killed before, failed at, and cut short
 * in every system call that it makes, and then done again. The files say whether all held, not
 * waybill. */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <errno.h>

#include "tests/crash/acts.h"
#include "tests/crash/inject.h"
#include "tests/crash/model.h"
#include "tests/crash/place.h"

enum {
    CALLS_MAX = 2000,
    FDS_MAX = 64,
    FAILURES_SHOWN = 10,
    POINTS_LEAST = 6000,
    SKIPPED = 77,
    OPEN_FILES = 16,
    PLACE_SIZE = 600,
    NO_REPLACE_FLAG = 1
};

/* What the process that acts tells. */
struct told {
    enum wb_rc rc;
    struct wb_err err;
    int fds_before;
    int fds_after;
    bool moved; /* none of the instances is staged any more */
    bool clean; /* a sweep leaves nothing behind */
    struct act_memory memory;
};

struct worker {
    char base[ACT_ROOT_MAX - 40];
    struct act_world world;
    struct told *told; /* shared with it */
    struct model model;
    struct fault fault;
    const char *call_name;
    bool sweeps; /* after the act, untraced */
    int points;
    int failures;
    int shown;        /* of this act */
    uint64_t outside; /* fingerprint of what is beside the root */
    int call_count;
    struct call calls[CALLS_MAX];
};

/* ---- one run of an act */

static int count_fds(void)
{
    int count = 0;
    for (int fd = 0; fd < FDS_MAX; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* What was published is moved: a publish that comes late finds nothing. */
static bool nothing_is_staged(const struct act_world *world)
{
    char place[PLACE_SIZE];
    struct stat info;
    for (size_t i = 0; i < ACT_NAMES; i++) {
        const char *instance = world->memory->items[i].instance;
        (void)snprintf(place, sizeof(place), "%s/.waybill/%s", world->root, instance);
        if (*instance && lstat(place, &info) == 0)
            return false;
    }
    return true;
}

static void body(void *arg)
{
    struct worker *worker = arg;
    struct told *told = worker->told;
    told->rc = act_run(&worker->world, &told->err);
    inject_end();
    told->fds_after = count_fds();
    told->moved = nothing_is_staged(&worker->world);
    told->clean = !worker->sweeps || act_sweeps_clean(&worker->world);
}

static void record(void *arg, pid_t pid, const struct call *call, int64_t real, int64_t told)
{
    struct worker *worker = arg;
    if (worker->fault.kind == FAULT_NONE && worker->call_count < CALLS_MAX)
        worker->calls[worker->call_count++] = *call;
    model_watch(&worker->model, pid, call, real, told);
}

static void stranger_comes(void *arg)
{
    const struct worker *worker = arg;
    act_stranger_comes(&worker->world);
}

static int run(struct worker *worker, const struct fault *fault, bool sweeps)
{
    static const struct call no_replace = {SYS_renameat2, {0, 0, 0, 0, NO_REPLACE_FLAG}};
    static const struct call no_reserve = {SYS_fallocate, {0}};
    int status;
    unsigned flags = worker->world.act->flags;
    struct injection injection = {.body = body,
                                  .arg = worker,
                                  .fault = *fault,
                                  .meanwhile = stranger_comes,
                                  .watch = record,
                                  .watch_arg = worker};
    if (flags & ACT_NO_REPLACE)
        injection.fails = &no_replace;
    else if (flags & ACT_NO_RESERVE)
        injection.fails = &no_reserve;
    injection.fails_errnum = flags & ACT_NO_REPLACE ? EINVAL : EOPNOTSUPP;
    worker->fault = *fault;
    worker->sweeps = sweeps;
    worker->call_count = 0;
    worker->told->fds_before = count_fds();
    (void)inject_run(&injection, &status);
    return status;
}

/* ---- what must hold */

static const char *const fault_names[] = {"none", "kill",       "error",      "errors",
                                          "lost", "a stranger", "half of it", "one byte"};

static bool fails(struct worker *worker, const char *when, const char *what, const char *more)
{
    const struct fault *fault = &worker->fault;
    worker->failures++;
    if (worker->shown++ < FAILURES_SHOWN)
        (void)printf("%s, call %d (%s), %s %s, %s: %s%s%s\n", worker->world.act->name, fault->at,
                     worker->call_name, fault_names[fault->kind],
                     fault->errnum ? strerrorname_np(fault->errnum) : "", when, what,
                     *more ? ": " : "", more);
    return false;
}

static uint64_t fingerprint_of;

static int add_entry(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    const uint64_t facts[] = {info->st_ino, (uint64_t)info->st_size, (uint64_t)info->st_mode,
                              (uint64_t)info->st_ctim.tv_sec, (uint64_t)info->st_ctim.tv_nsec};
    (void)flag;
    (void)ftw;
    for (const char *at = path; *at; at++)
        fingerprint_of = fingerprint_of * 31 + (uint8_t)*at;
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
        fingerprint_of = fingerprint_of * 1099511628211U + facts[i];
    return 0;
}

static uint64_t fingerprint(const struct worker *worker)
{
    char place[PLACE_SIZE];
    (void)snprintf(place, sizeof(place), "%s/out", worker->base);
    fingerprint_of = 0;
    (void)nftw(place, add_entry, OPEN_FILES, FTW_PHYS);
    return fingerprint_of;
}

static const struct act_world *strangers_world;
static const char *strangers_found;

/* Final names that no act has anything to do with. */
static int find_stranger(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    const char *name = path + strlen(strangers_world->root);
    (void)ftw;
    name += *name == '/';
    if (flag == FTW_D || flag == FTW_DP || strncmp(name, ".waybill", 8) == 0 ||
        (S_ISLNK(info->st_mode) && strcmp(name, "way") == 0))
        return 0;
    for (size_t i = 0; i < ACT_NAMES && strangers_world->act->names[i].path; i++)
        if (strcmp(strangers_world->act->names[i].path, name) == 0)
            return 0;
    strangers_found = "a final name that nobody asked for";
    return 1;
}

/* Whatever happened: each name whole, and nothing else touched. */
static bool files_hold(struct worker *worker, const char *when, bool done)
{
    const struct act *act = worker->world.act;
    for (size_t i = 0; i < ACT_NAMES && act->names[i].path; i++) {
        const struct act_name *name = &act->names[i];
        bool is_after = act_name_is(&worker->world, name->path, name->after);
        if (act->expects)
            is_after = act_name_is(&worker->world, name->path, name->before);
        if (!is_after && (done || !act_name_is(&worker->world, name->path, name->before)))
            return fails(worker, when, done ? "not as it should be" : "neither old nor new",
                         name->path);
    }
    strangers_world = &worker->world;
    strangers_found = NULL;
    (void)nftw(worker->world.root, find_stranger, OPEN_FILES, FTW_PHYS);
    if (strangers_found)
        return fails(worker, when, strangers_found, "");
    if (fingerprint(worker) != worker->outside)
        return fails(worker, when, "something outside the root changed", "");
    return !worker->model.broken[0] || fails(worker, when, worker->model.broken, "");
}

/* What was reported done would survive a power cut. */
static bool is_durable(struct worker *worker, const char *when)
{
    const struct act *act = worker->world.act;
    for (size_t i = 0; i < ACT_NAMES && act->names[i].path; i++)
        if (act->names[i].before != act->names[i].after &&
            !model_keeps(&worker->model, act->names[i].path, worker->fault.kind == FAULT_NONE))
            return fails(worker, when, "not durable", act->names[i].path);
    const char *older = strrchr(worker->world.memory->older.instance, '/');
    if (act->flags & ACT_DISCARDS && !model_keeps_removed(&worker->model, older + 1))
        return fails(worker, when, "what was discarded may come back", "");
    if (act->flags & ACT_MARKS &&
        !(model_keeps_made(&worker->model, "") && model_keeps_made(&worker->model, ".waybill")))
        return fails(worker, when, "the marker is not durable", "");
    return true;
}

/* The act ended: with success, with what it has to end with, or (`err` non-NULL) with that. */
static bool ended_well(struct worker *worker, const char *when, int status,
                       const struct wb_err *allowed)
{
    const struct told *told = worker->told;
    enum wb_category expects = worker->world.act->expects;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fails(worker, when, "the process did not end well", "");
    if (told->fds_before != told->fds_after)
        return fails(worker, when, "a descriptor is left open", told->err.text);
    if (told->rc == WB_OK)
        return expects ? fails(worker, when, "it should not succeed", "")
                       : files_hold(worker, when, true) && is_durable(worker, when) &&
                             (told->moved || fails(worker, when, "still staged", ""));
    if (expects && told->err.category == expects)
        return files_hold(worker, when, true);
    if (!allowed)
        return fails(worker, when, "failed", told->err.text);
    if (told->err.category != allowed->category)
        return fails(worker, when, wb_category_name(told->err.category), told->err.text);
    if (worker->fault.errnum == EINTR && !told->err.retryable)
        return fails(worker, when, "an interruption is for ever", told->err.text);
    return files_hold(worker, when, false);
}

/* ---- the points */

static void begin(struct worker *worker, const struct act *act)
{
    struct act_world *world = &worker->world;
    world->act = act;
    if (mkdir(world->root, 0755) != 0) {
        perror(world->root);
        exit(1);
    }
    act_prepare(world);
    model_begin(&worker->model, world->root);
}

static void point(struct worker *worker, const struct act *act, const struct fault *fault)
{
    static const struct fault none = {.kind = FAULT_NONE, .at = -1};
    struct wb_err allowed;
    bool killed = fault->kind == FAULT_KILL;
    bool counts = fault->kind == FAULT_HALF || fault->kind == FAULT_ONE_BYTE;
    begin(worker, act);
    worker->points++;
    (void)wb_err_errno(&allowed, fault->errnum, "injected");
    int status = run(worker, fault, false);
    bool well = killed && WIFSIGNALED(status)
                    ? files_hold(worker, "killed", false)
                    : ended_well(worker, "failed", status, counts ? NULL : &allowed);
    struct fault was = worker->fault;
    if (well) {
        status = run(worker, &none, true);
        worker->fault = was;
        well = ended_well(worker, "done again", status, NULL);
    }
    if (well && !worker->told->clean)
        (void)fails(worker, "swept", "the staging area is not empty", "");
    act_remove_tree(worker->world.root);
}

/* Whenever it comes, a stranger's file stays, unless it takes the place of ours between the last
 * look and the rename. */
static void stranger_point(struct worker *worker, const struct act *act, int at)
{
    const struct fault fault = {FAULT_MEANWHILE, at, 0};
    const char *path = act->names[0].path;
    begin(worker, act);
    worker->points++;
    (void)run(worker, &fault, false);
    bool over_ours = act->flags & ACT_KEEP && act->flags & ACT_OURS && worker->told->rc == WB_OK;
    if (!act_name_is(&worker->world, path, 's') &&
        !(over_ours && act_name_is(&worker->world, path, act->names[0].after)))
        (void)fails(worker, "afterwards", "the stranger's file is gone", path);
    if (worker->told->fds_before != worker->told->fds_after)
        (void)fails(worker, "afterwards", "a descriptor is left open", "");
    act_remove_tree(worker->world.root);
}

static void errors_at(struct worker *worker, const struct act *act, const struct call *call, int at)
{
    const struct call_row *row = call_row_of(call->number);
    for (int i = 0; i < CALL_ERRORS; i++) {
        struct fault fault = {FAULT_ERROR, at, call_errno(i)};
        if (!call_can_fail(call, fault.errnum))
            continue;
        point(worker, act, &fault);
        fault.kind = FAULT_ERRORS;
        if (fault.errnum != EINTR && !(act->flags & ACT_UNHEARD))
            point(worker, act, &fault);
    }
    if (row->changes) {
        const struct fault fault = {FAULT_LOST, at, EIO};
        point(worker, act, &fault);
    }
}

static void sweep_act(struct worker *worker, const struct act *act)
{
    struct fault fault = {.kind = FAULT_NONE, .at = -1};
    static struct call calls[CALLS_MAX];
    begin(worker, act);
    worker->call_name = "none";
    int status = run(worker, &fault, true);
    int count = worker->call_count;
    memcpy(calls, worker->calls, sizeof(calls));
    (void)ended_well(worker, "undisturbed", status, NULL);
    act_remove_tree(worker->world.root);
    for (int at = 0; at < count; at++) {
        const struct call_row *row = call_row_of(calls[at].number);
        worker->call_name = row->name;
        fault = (struct fault){FAULT_KILL, at, 0};
        point(worker, act, &fault);
        errors_at(worker, act, &calls[at], at);
        if (act->flags & (ACT_KEEP | ACT_OURS))
            stranger_point(worker, act, at);
        for (enum fault_kind kind = FAULT_HALF; row->count_at && kind <= FAULT_ONE_BYTE; kind++) {
            fault = (struct fault){kind, at, 0};
            if (calls[at].number != SYS_getdents64 || kind == FAULT_HALF)
                point(worker, act, &fault);
        }
    }
}

/* ---- the workers */

static void work(struct worker *worker, size_t first, size_t step, const char *only)
{
    char place[PLACE_SIZE];
    place_isolate(worker->base);
    (void)snprintf(place, sizeof(place), "%s/out", worker->base);
    if (mkdir(place, 0755) != 0) {
        perror(place);
        exit(1);
    }
    worker->outside = fingerprint(worker);
    (void)snprintf(worker->world.root, sizeof(worker->world.root), "%s/root", worker->base);
    for (size_t i = first; i < act_count; i += step) {
        int before = worker->points;
        worker->shown = 0;
        if (only && !strstr(acts[i].name, only))
            continue;
        sweep_act(worker, &acts[i]);
        (void)printf("%-45s %5d points\n", acts[i].name, worker->points - before);
    }
}

static void *shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        abort();
    return memory;
}

static pid_t start_worker(struct worker *worker, size_t first, size_t step, const char *only)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(worker->base, sizeof(worker->base), "%s/waybill-sweep-XXXXXX",
                   tmp ? tmp : "/tmp");
    if (!mkdtemp(worker->base))
        abort();
    worker->told = shared(sizeof(*worker->told));
    worker->world.memory = &worker->told->memory;
    pid_t pid = fork();
    if (pid == 0) {
        work(worker, first, step, only);
        exit(0);
    }
    return pid;
}

int main(int argc, char **argv)
{
    enum { WORKERS = 2 };
    struct worker *workers[WORKERS];
    pid_t pids[WORKERS];
    int points = 0;
    int failures = 0;
    if (!inject_works()) {
        (void)printf("processes cannot be traced here\n");
        return SKIPPED;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < WORKERS; i++) {
        workers[i] = shared(sizeof(*workers[i]));
        pids[i] = start_worker(workers[i], i, WORKERS, argc > 1 ? argv[1] : NULL);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        int status;
        if (waitpid(pids[i], &status, 0) < 0 || status != 0)
            failures++;
        points += workers[i]->points;
        failures += workers[i]->failures;
        act_remove_tree(workers[i]->base);
    }
    (void)printf("%d points, %d of them did not hold\n", points, failures);
    if (argc == 1 && points < POINTS_LEAST)
        (void)printf("fewer than %d points\n", POINTS_LEAST);
    return failures || (argc == 1 && points < POINTS_LEAST);
}

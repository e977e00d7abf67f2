/* Threads: one a stage; the first thread waits for signals, watches over the others and ends the
 * process. Signals are taken by sigtimedwait, so no handler and no global is needed. */
#include "core/stage/service.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/stage/admin.h"
#include "core/stage/health.h"

enum {
    STAGES_MOST = 4,
    TURN_MS = 100,
    WATCH_MS = 100,
    REOPEN_LEAST_MS = 250,
    REOPEN_MOST_MS = 15000,
    MISSING_WAIT_MS = 1000, /* at most between two looks for what is missing */
    MISSING_MS = 15000,     /* that long in a row, then it will not come */
    STEADY_MS = 5000,       /* who lived that long had all that it needs */
    CLOSE_GRACE_MS = 15000,
    WORKER_MAX = 128
};

struct runner {
    struct service *service;
    const struct wb_stage_ops *ops;
    struct wb_health *health;
    struct wb_stage_env env;
    char worker[WORKER_MAX];
    pthread_t thread;
    void *self;               /* NULL: not open */
    bool drained;             /* false only when a drain was not complete */
    int64_t missing_since_ms; /* what it needs was not found since then; 0: it was */
    int exit_code;
    atomic_bool ended;
};

struct service {
    const struct wb_config *config;
    struct wb_metrics *metrics;
    struct wb_admin *admin;
    struct runner runners[STAGES_MOST];
    struct wb_health *healths[STAGES_MOST];
    size_t count;
    atomic_bool stopping;
    int signal; /* that asked for the end; 0: none */
};

/* ---- one stage ---- */

/* Topics that were just made, and those of a cluster that recovers, are not known everywhere: only
 * what stays missing is. */
static bool may_appear(struct runner *runner, int64_t lived_ms)
{
    int64_t now_ms = wb_clock_mono_ms();
    if (!runner->missing_since_ms || lived_ms >= STEADY_MS)
        runner->missing_since_ms = now_ms;
    return now_ms - runner->missing_since_ms < MISSING_MS;
}

/* Configuration does not mend itself; everything else of the log may. */
static bool may_pass(struct runner *runner, const struct wb_err *err, int64_t lived_ms)
{
    if (err->category == WB_CAT_NOT_FOUND)
        return may_appear(runner, lived_ms);
    runner->missing_since_ms = 0;
    switch (err->category) {
    case WB_CAT_USAGE:
    case WB_CAT_DENIED:
    case WB_CAT_UNSUPPORTED:
    case WB_CAT_LIMIT:
        return false;
    default:
        return true;
    }
}

static void pause_ms(struct service *service, int64_t wait_ms, struct wb_health *health)
{
    const struct timespec nap = {.tv_nsec = 50 * 1000000L};
    int64_t until_ms = wb_clock_mono_ms() + wait_ms;
    while (!atomic_load(&service->stopping) && wb_clock_mono_ms() < until_ms) {
        wb_health_beat(health);
        (void)nanosleep(&nap, NULL);
    }
}

static enum wb_rc turn_until_stopped(struct runner *runner, struct wb_err *err)
{
    while (!atomic_load(&runner->service->stopping)) {
        wb_health_beat(runner->health);
        if (runner->ops->turn(runner->self, TURN_MS, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

static void drain(struct runner *runner)
{
    struct wb_err err;
    int64_t until_ms =
        wb_clock_mono_ms() + wb_config_int(runner->service->config, WB_OPT_DRAIN_TIMEOUT);
    wb_health_set(runner->health, false, "draining");
    runner->drained = false;
    while (!runner->drained && wb_clock_mono_ms() < until_ms) {
        wb_health_beat(runner->health);
        if (runner->ops->drain(runner->self, TURN_MS, &runner->drained, &err) != WB_OK) {
            wb_log_err(WB_LOG_WARN, "drain failed", &err);
            return;
        }
    }
}

static void close_stage(struct runner *runner)
{
    if (runner->self)
        runner->ops->close(runner->self);
    runner->self = NULL;
}

/* One life of a stage: from open to an error or the end. `ret_opened_ms` 0: it was never open. */
static enum wb_rc live(struct runner *runner, int64_t *ret_opened_ms, struct wb_err *err)
{
    *ret_opened_ms = 0;
    if (runner->ops->open(&runner->env, &runner->self, err) != WB_OK)
        return WB_ERROR;
    *ret_opened_ms = wb_clock_mono_ms();
    if (turn_until_stopped(runner, err) != WB_OK)
        return WB_ERROR;
    drain(runner);
    return WB_OK;
}

/* Tells of the end of a life; false when it was the last one. */
static bool goes_on(struct runner *runner, const struct wb_err *err, int64_t lived_ms)
{
    bool passes = may_pass(runner, err, lived_ms);
    wb_health_set(runner->health, false, err->text);
    wb_log_err(passes ? WB_LOG_WARN : WB_LOG_ERROR, runner->ops->name, err);
    if (passes)
        return true;
    runner->exit_code = wb_category_exit_code(err->category);
    atomic_store(&runner->service->stopping, true);
    return false;
}

static void *run_stage(void *arg)
{
    struct runner *runner = arg;
    int64_t wait_ms = REOPEN_LEAST_MS;
    while (!atomic_load(&runner->service->stopping)) {
        struct wb_err err = {0};
        int64_t opened_ms;
        enum wb_rc rc = live(runner, &opened_ms, &err);
        int64_t lived_ms = opened_ms ? wb_clock_mono_ms() - opened_ms : 0;
        close_stage(runner);
        if (rc == WB_OK || !goes_on(runner, &err, lived_ms))
            break;
        int64_t most_ms = runner->missing_since_ms ? MISSING_WAIT_MS : REOPEN_MOST_MS;
        wait_ms = opened_ms ? REOPEN_LEAST_MS : 2 * wait_ms;
        if (wait_ms > most_ms)
            wait_ms = most_ms;
        pause_ms(runner->service, wait_ms, runner->health);
    }
    atomic_store(&runner->ended, true);
    return NULL;
}

/* ---- the process ---- */

static void block_signals(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGINT);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, ret_set, NULL);
    sigdelset(ret_set, SIGPIPE);
}

static bool all_ended(struct service *service)
{
    for (size_t i = 0; i < service->count; i++)
        if (!atomic_load(&service->runners[i].ended))
            return false;
    return true;
}

static void watch_for_hangs(struct service *service, bool *told)
{
    for (size_t i = 0; i < service->count; i++) {
        bool alive = wb_health_alive(service->healths[i]);
        if (!alive && !told[i])
            WB_LOG(WB_LOG_ERROR, "stage hangs",
                   WB_LOG_STR("stage", wb_health_name(service->healths[i])));
        told[i] = !alive;
    }
}

/* Returns when all stages have ended; ends the process itself when they can't. */
static void supervise(struct service *service, const sigset_t *signals)
{
    const struct timespec tick = {.tv_nsec = WATCH_MS * 1000000L};
    int64_t give_up_ms = INT64_MAX;
    bool told[STAGES_MOST] = {false};
    while (!all_ended(service)) {
        int number = sigtimedwait(signals, NULL, &tick);
        if (number > 0 && service->signal) {
            WB_LOG(WB_LOG_WARN, "ended at once by a second signal");
            _exit(128 + number);
        }
        if (number > 0) {
            service->signal = number;
            WB_LOG(WB_LOG_INFO, "draining",
                   WB_LOG_STR("signal", number == SIGINT ? "SIGINT" : "SIGTERM"));
            atomic_store(&service->stopping, true);
        }
        if (atomic_load(&service->stopping) && give_up_ms == INT64_MAX)
            give_up_ms = wb_clock_mono_ms() + CLOSE_GRACE_MS +
                         wb_config_int(service->config, WB_OPT_DRAIN_TIMEOUT);
        watch_for_hangs(service, told);
        if (wb_clock_mono_ms() > give_up_ms) {
            WB_LOG(WB_LOG_ERROR, "a stage does not end; leaving it");
            _exit(service->signal ? 128 + service->signal : 1);
        }
    }
}

static void runner_init(struct service *service, size_t index, const struct wb_stage_ops *ops)
{
    char host[64] = "localhost";
    struct runner *runner = &service->runners[index];
    (void)gethostname(host, sizeof(host) - 1);
    /* The random part keeps workers apart whose hosts share a name and a process id. */
    (void)snprintf(runner->worker, sizeof(runner->worker), "%s:%d:%s:%08x", host, (int)getpid(),
                   ops->name, (unsigned)wb_random_u64());
    runner->service = service;
    runner->ops = ops;
    runner->drained = true;
    runner->health = service->healths[index] = wb_health_new(ops->name);
    runner->env = (struct wb_stage_env){.config = service->config,
                                        .metrics = service->metrics,
                                        .health = runner->health,
                                        .arg = ops->arg,
                                        .worker = runner->worker};
    atomic_init(&runner->ended, false);
}

static void start_threads(struct service *service)
{
    for (size_t i = 0; i < service->count; i++) {
        struct runner *runner = &service->runners[i];
        if (pthread_create(&runner->thread, NULL, run_stage, runner) != 0)
            abort();
    }
}

static int outcome(struct service *service)
{
    for (size_t i = 0; i < service->count; i++)
        if (service->runners[i].exit_code)
            return service->runners[i].exit_code;
    for (size_t i = 0; i < service->count; i++)
        if (!service->runners[i].drained)
            return service->signal ? 128 + service->signal : 1;
    return 0;
}

static int run(struct service *service, const sigset_t *signals)
{
    struct wb_err err;
    if (wb_admin_new(wb_config_text(service->config, WB_OPT_HTTP_LISTEN), service->metrics,
                     service->healths, service->count, &service->admin, &err) != WB_OK) {
        wb_log_err(WB_LOG_ERROR, "cannot start", &err);
        return wb_category_exit_code(err.category);
    }
    WB_LOG(WB_LOG_INFO, "waybill starts", WB_LOG_STR("version", WB_VERSION),
           WB_LOG_STR("http", service->admin ? wb_admin_address(service->admin) : "none"));
    start_threads(service);
    supervise(service, signals);
    for (size_t i = 0; i < service->count; i++)
        pthread_join(service->runners[i].thread, NULL);
    wb_admin_free(&service->admin);
    return outcome(service);
}

int wb_service_run(const struct wb_config *config, const struct wb_stage_ops *const *stages,
                   size_t count)
{
    sigset_t signals;
    struct service *service = wb_xcalloc(1, sizeof(*service));
    if (count > STAGES_MOST)
        count = STAGES_MOST;
    service->config = config;
    service->metrics = wb_metrics_new();
    service->count = count;
    atomic_init(&service->stopping, false);
    block_signals(&signals);
    for (size_t i = 0; i < count; i++)
        runner_init(service, i, stages[i]);
    int code = run(service, &signals);
    WB_LOG(WB_LOG_INFO, "waybill ends", WB_LOG_INT("exit_code", code));
    for (size_t i = 0; i < count; i++)
        wb_health_free(&service->healths[i]);
    wb_metrics_free(&service->metrics);
    free(service);
    return code;
}

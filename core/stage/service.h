/* A process that runs one or several stages: each stage turns on a thread of its own, the process
 * owns signals, admin HTTP, metrics and the watchdog.
 *
 *   open -> turn, turn, turn … -> drain -> close
 *
 * A turn is bounded (it polls for at most `timeout_ms`), so that SIGTERM is seen and the watchdog
 * can tell a stage that hangs. A retryable error of open or turn closes the stage and opens it
 * again with back-off (this rebuilds producers after fatal errors and rides out Kafka outages: the
 * process is then not ready, never not alive); one that something is not found does so for 15 s in
 * a row; any other ends the process with the category's exit code. SIGTERM and SIGINT ask for a
 * drain: at most `drain_timeout`; a second signal ends at once.
 */
#ifndef WB_STAGE_SERVICE_H
#define WB_STAGE_SERVICE_H

#include "core/base/config.h"
#include "core/base/metrics.h"

/* What a stage says about itself; set by the stage, read by /readyz and /livez. Thread-safe. */
struct wb_health;

/* `ready` false needs a reason (copied). Each call also counts as a sign of life. */
void wb_health_set(struct wb_health *health, bool ready, const char *reason);
/* A sign of life; a stage without one for 60 s makes /livez fail. wb_service calls it each turn;
 * long restores call it themselves. */
void wb_health_beat(struct wb_health *health);

struct wb_stage_env {
    const struct wb_config *config;
    struct wb_metrics *metrics;
    struct wb_health *health;
    const void *arg;    /* the ops' own */
    const char *worker; /* host:pid:stage, for records */
};

struct wb_stage_ops {
    const char *name; /* "planner" */
    enum wb_rc (*open)(const struct wb_stage_env *env, void **ret_self, struct wb_err *err);
    enum wb_rc (*turn)(void *self, int timeout_ms, struct wb_err *err);
    /* Stops taking on new work and finishes what is begun; called in turns until `ret_done`. */
    enum wb_rc (*drain)(void *self, int timeout_ms, bool *ret_done, struct wb_err *err);
    void (*close)(void *self);
    const void *arg; /* given to open; NULL for stages that need none */
};

/* Runs until told to stop; returns the exit code: 0 when drained, 130 or 143 when interrupted
 * before that, else that of the error. `stages` are static tables. Logs at start: version, address
 * of the admin server; at the end: how it ended. */
int wb_service_run(const struct wb_config *config, const struct wb_stage_ops *const *stages,
                   size_t count);

#endif

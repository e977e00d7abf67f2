/* The shell that transfer and verifier share: a stage that takes records from one topic, executes
 * each on a pool of threads, and puts one report for it on another topic. An input's offset is
 * committed only when its report is durable and all before it are done, whatever the order of
 * completion. Redelivered records that are still being executed here are not executed twice.
 * Polling never waits for execution: partitions are paused while the queue is full. A record that
 * can't be decoded goes to waybill.dead untouched and the next one goes on. A record that was being
 * executed when the process ended, and again when the next one did, is refused (journal.h). */
#ifndef WB_STAGE_WORKER_H
#define WB_STAGE_WORKER_H

#include "core/stage/hands.h"
#include "core/stage/registry.h"
#include "core/stage/service.h"
#include "core/stage/stores.h"
#include "core/wire/codec.h"
#include "core/wire/log.h"

/* What one record may take of memory while it is executed: itself, decoded, and a result with an
 * error for each of its files. Whoever helps with it may have to allocate for all of them. */
enum { WB_WORKER_ARENA = 256 * 1024 * 1024 };

/* Shared by all threads of one worker, but for `hand`. */
struct wb_worker_env {
    const struct wb_stage_env *stage;
    struct wb_registry *registry;
    struct wb_stores *stores;
    struct wb_pool *pool; /* buffers, under the stage's memory limit */
    struct wb_hand *hand; /* the thread, to be told of progress; NULL: nobody watches */
};

struct wb_worker_ops {
    const char *name; /* stage and group: "<prefix>.<name>" (and ".<site>") */
    enum wb_topic input;
    bool input_per_site; /* input topic is the site's own */
    enum wb_record_type input_type;
    enum wb_topic output;
    enum wb_record_type output_type; /* TRANSFER or VERDICT */
    enum wb_opt threads;             /* option with the number of threads */
    enum wb_opt memory;              /* option with the size of the buffer pool */

    /* State of one thread (hashers, magic cookies …); may be NULL. */
    enum wb_rc (*thread_open)(const struct wb_worker_env *env, void **ret_self, struct wb_err *err);
    void (*thread_close)(void *self);

    /* Executes one record. Never fails: what goes wrong is a result with an error. All that
     * `report` points at lives in `arena` or in `record`. A report without results is not sent. */
    void (*execute)(void *self, const void *record, struct wb_arena *arena,
                    struct wb_report *report);
    /* The same for a record that is not to be executed: each file has failed for `why`, which can
     * be tried again where there are several, since then only one of them need be at fault. */
    void (*refuse)(const void *record, const struct wb_err *why, struct wb_arena *arena,
                   struct wb_report *report);
};

/* The stage ops' functions for a worker table: `static const struct wb_stage_ops ops = {.name =
 * …, .open = my_open, .turn = wb_worker_turn, .drain = wb_worker_drain, .close = wb_worker_close}`
 * with my_open calling wb_worker_open(&table, env, …). */
enum wb_rc wb_worker_open(const struct wb_worker_ops *ops, const struct wb_stage_env *env,
                          void **ret_self, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_worker_turn(void *self, int timeout_ms, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_worker_drain(void *self, int timeout_ms, bool *ret_done,
                           struct wb_err *err) WB_MUST_USE;
void wb_worker_close(void *self);

#endif

/* The planner's memory of one partition: what is in flight and what is proved, in SQLite. It is a
 * cache of the changelog topics jobs and replicas: each commit holds the offsets that it reflects,
 * and a ledger that is lost, damaged or old is read again from the log. One thread. */
#ifndef WB_PLANNER_LEDGER_H
#define WB_PLANNER_LEDGER_H

#include "core/wire/topics.h"
#include "planner/plan.h"

struct wb_ledger;

/* How a job counts. */
enum wb_standing {
    WB_STANDING_NONE,    /* no job, or a dead one */
    WB_STANDING_WAITING, /* to be given out when due */
    WB_STANDING_FLIGHT,  /* an answer is due */
    WB_STANDING_FENCING, /* an answer is due, no window is used */
    WB_STANDING_COUNT
};
enum wb_standing wb_standing_of(const struct wb_job *job);

/* `folder` exists. The caller closes. */
enum wb_rc wb_ledger_open(const char *folder, int32_t partition, struct wb_ledger **ret,
                          struct wb_err *err) WB_MUST_USE;
void wb_ledger_close(struct wb_ledger **ledger); /* what is not committed is lost; NULL is fine */

/* Next offset to read of a changelog topic (JOBS, REPLICAS); -1: from the start. */
int64_t wb_ledger_next(const struct wb_ledger *ledger, enum wb_topic topic);
void wb_ledger_set_next(struct wb_ledger *ledger, enum wb_topic topic, int64_t next);
/* Forgets everything. */
enum wb_rc wb_ledger_reset(struct wb_ledger *ledger, struct wb_err *err) WB_MUST_USE;

/* Changes gather in a transaction that the first of them begins. _commit and _rollback without one
 * do nothing. */
enum wb_rc wb_ledger_commit(struct wb_ledger *ledger, struct wb_err *err) WB_MUST_USE;
void wb_ledger_rollback(struct wb_ledger *ledger);

/* `record` is the encoded job or replica; data NULL: there is none any more. */
enum wb_rc wb_ledger_put_job(struct wb_ledger *ledger, struct wb_span key, const struct wb_job *job,
                             enum wb_lane lane, struct wb_span record,
                             struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_ledger_put_replica(struct wb_ledger *ledger, struct wb_span key,
                                 struct wb_span record, struct wb_err *err) WB_MUST_USE;

/* Both encoded records of a link, copied into the arena; data NULL where there is none. */
enum wb_rc wb_ledger_get(struct wb_ledger *ledger, struct wb_span key, struct wb_arena *arena,
                         struct wb_span *ret_job, struct wb_span *ret_replica,
                         struct wb_err *err) WB_MUST_USE;

/* Keys, in the arena, of jobs of a target and lane that wait and are due: highest priority first,
 * then by due time. */
enum wb_rc wb_ledger_waiting(struct wb_ledger *ledger, const char *target, enum wb_lane lane,
                             int64_t now_ms, size_t limit, struct wb_arena *arena,
                             struct wb_span *ret_keys, size_t *ret_count,
                             struct wb_err *err) WB_MUST_USE;
/* Keys of jobs whose answer is overdue. */
enum wb_rc wb_ledger_overdue(struct wb_ledger *ledger, int64_t now_ms, size_t limit,
                             struct wb_arena *arena, struct wb_span *ret_keys, size_t *ret_count,
                             struct wb_err *err) WB_MUST_USE;

/* How many jobs of each target, lane and standing there are. */
enum wb_rc wb_ledger_count(struct wb_ledger *ledger,
                           void (*visit)(void *arg, const char *target, enum wb_lane lane,
                                         enum wb_standing standing, int64_t count),
                           void *arg, struct wb_err *err) WB_MUST_USE;

#endif

/* The parts of the planner's benchmark: an in-memory log (tests/sim) with the shipped planner's
 * stage on it, its ledgers on disk, and workers that answer at once without touching a file. */
#ifndef WB_BENCH_PLANNER_BENCH_H
#define WB_BENCH_PLANNER_BENCH_H

#include "tests/sim/simlog.h"

/* ---- quiet.c ---- */

/* Records of a topic that became visible by a transaction. */
int64_t bench_committed(enum wb_topic topic);

/* ---- log.c ---- */

/* Appends a record that is visible at once; the program ends when it can't. */
void bench_append(enum wb_topic topic, int32_t partition, struct wb_span key,
                  enum wb_record_type type, const void *record);
/* Prints why and ends the program. */
void bench_die(const char *what, const struct wb_err *err) __attribute__((noreturn));
/* Drops the bytes of all records but those of nodes and settings: all has been read. */
void bench_log_forget(void);
/* What the log takes of the process's memory. */
int64_t bench_log_bytes(void);

/* ---- events.c ---- */

/* Events of files `first` to `first + count - 1`: small files in folders whose order is not that
 * of the events. */
void bench_events_put(int64_t first, int64_t count);
/* As many events of files drawn from those before `below`. */
void bench_events_known(int64_t below, int64_t count);

/* ---- workers.c ---- */

/* Keeps the tasks that came since the last call. */
void bench_workers_collect(void);
/* Answers all that were kept, as transfer and verifier would have: copied and equal, or published.
 */
void bench_workers_answer(void);

#endif

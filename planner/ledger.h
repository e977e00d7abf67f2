/* The planner's memory of one partition: what is in flight and what is proved, in SQLite. It is a
 * cache of the changelog topics jobs and replicas: what is saved holds the offsets that it
 * reflects, and a ledger that is lost, damaged or old is read again from the log. Several turns are
 * saved together, so a page that they all change is written once; whoever is killed before reads
 * them again. One thread. */
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
enum wb_rc wb_ledger_open(const char *folder, int32_t partition, int64_t cache_bytes,
                          struct wb_ledger **ret, struct wb_err *err) WB_MUST_USE;
/* Saves what is committed, the rest is lost. NULL is fine. */
void wb_ledger_close(struct wb_ledger **ledger);

/* Next offset to read of a changelog topic (JOBS, REPLICAS); -1: from the start. */
int64_t wb_ledger_next(const struct wb_ledger *ledger, enum wb_topic topic);
void wb_ledger_set_next(struct wb_ledger *ledger, enum wb_topic topic, int64_t next);
/* Forgets everything. */
enum wb_rc wb_ledger_reset(struct wb_ledger *ledger, struct wb_err *err) WB_MUST_USE;

/* The changes since the last commit belong to the ledger from now on. Call it without any, too, so
 * that nothing stays unsaved for long. */
enum wb_rc wb_ledger_commit(struct wb_ledger *ledger, struct wb_err *err) WB_MUST_USE;
/* Where anything was changed since the last commit, or the disk failed, the ledger is what it was
 * when it was last saved, with the offsets of then: what was committed since is to be read from the
 * log again. */
void wb_ledger_rollback(struct wb_ledger *ledger);

/* Jobs that wait for the same things stand in one queue: those of one source, target, rule and
 * priority. Its name, `target/source/rule/priority`, appended. */
enum { WB_QUEUE_TEXT = 208 };
void wb_queue_name(const struct wb_job *job, char ret[WB_QUEUE_TEXT]);

/* How a ledger has a link. */
struct wb_ledger_known {
    int64_t job; /* rows; 0: it has none */
    int64_t replica;
    const char *queue; /* of the job, as the rest */
    enum wb_lane lane;
    enum wb_standing standing;
    int64_t due_ms;
};

/* `record` is the encoded job or replica; data NULL: there is none any more. `known` is what _get
 * said of the key, if nothing was put under it since; NULL when nobody asked. */
enum wb_rc wb_ledger_put_job(struct wb_ledger *ledger, struct wb_span key, const struct wb_job *job,
                             enum wb_lane lane, struct wb_span record,
                             const struct wb_ledger_known *known, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_ledger_put_replica(struct wb_ledger *ledger, struct wb_span key,
                                 struct wb_span record, const struct wb_ledger_known *known,
                                 struct wb_err *err) WB_MUST_USE;

/* Both encoded records of a link, copied into the arena; data NULL where there is none. The texts
 * of `ret_known` are in the arena, too. */
enum wb_rc wb_ledger_get(struct wb_ledger *ledger, struct wb_span key, struct wb_arena *arena,
                         struct wb_span *ret_job, struct wb_span *ret_replica,
                         struct wb_ledger_known *ret_known, struct wb_err *err) WB_MUST_USE;
/* The replica alone. */
enum wb_rc wb_ledger_get_replica(struct wb_ledger *ledger, struct wb_span key,
                                 struct wb_arena *arena, struct wb_span *ret,
                                 struct wb_err *err) WB_MUST_USE;

/* Where a walk through a table or queue goes on; zeroed: the start. */
struct wb_ledger_place {
    int64_t due_ms;
    int64_t row;
};

/* Keys, in the arena, of jobs of a queue and lane that wait and are due, by due time. `place` may
 * be NULL; else the walk goes on there, and it is moved. */
enum wb_rc wb_ledger_waiting(struct wb_ledger *ledger, const char *queue, enum wb_lane lane,
                             int64_t now_ms, size_t limit, struct wb_arena *arena,
                             struct wb_ledger_place *place, struct wb_span *ret_keys,
                             size_t *ret_count, struct wb_err *err) WB_MUST_USE;
/* Keys of all jobs (`replicas` false) or replicas, in no order that matters. */
enum wb_rc wb_ledger_walk(struct wb_ledger *ledger, bool replicas, size_t limit,
                          struct wb_arena *arena, struct wb_ledger_place *place,
                          struct wb_span *ret_keys, size_t *ret_count,
                          struct wb_err *err) WB_MUST_USE;
/* A number that is kept with the ledger, 0 at first: which state of the rules it was last compared
 * with. Setting begins a change like any other. */
uint64_t wb_ledger_seen(const struct wb_ledger *ledger);
enum wb_rc wb_ledger_set_seen(struct wb_ledger *ledger, uint64_t seen,
                              struct wb_err *err) WB_MUST_USE;
/* Keys of jobs whose answer is overdue. */
enum wb_rc wb_ledger_overdue(struct wb_ledger *ledger, int64_t now_ms, size_t limit,
                             struct wb_arena *arena, struct wb_span *ret_keys, size_t *ret_count,
                             struct wb_err *err) WB_MUST_USE;

/* How many jobs of each queue, lane and standing there are, and of how many bytes. */
enum wb_rc wb_ledger_count(struct wb_ledger *ledger,
                           void (*visit)(void *arg, const char *queue, enum wb_lane lane,
                                         enum wb_standing standing, int64_t count, int64_t bytes),
                           void *arg, struct wb_err *err) WB_MUST_USE;

#endif

/* Between the files of the planner's core only. */
#ifndef WB_PLANNER_PLAN_PARTS_H
#define WB_PLANNER_PLAN_PARTS_H

#include "planner/plan.h"

enum { WB_DIGEST_SIZE = 16, WB_RANGES_IN_FLIGHT = 8, WB_RANGES_MOST = 10000 };

/* State of a range in `wb_job.given`. */
enum { WB_RANGE_FREE = 0, WB_RANGE_GIVEN = 1, WB_RANGE_PROVED = 2 };

/* What one step works on. */
struct wb_step {
    const struct wb_policy *policy;
    struct wb_link *link;
    struct wb_job *job; /* link->job */
    const struct wb_input *input;
    struct wb_outbox *outbox;
    struct wb_arena *arena;
    bool source_next; /* a replica has just failed as source: the source itself comes next */
};

/* ---- plan_job.c: birth, change and end of a job ---- */

/* Starts a job for `event`, taking over the fences of a dead one; ends in WAITING or FENCING. */
void wb_job_begin(struct wb_step *step, const struct wb_event_ref *event);
/* Sets state, `due_ms` and the dirty flag. */
void wb_job_move(struct wb_step *step, enum wb_job_state state, int64_t due_ms);
/* Ready at once, again. */
void wb_job_requeue(struct wb_step *step);
/* An attempt failed: back-off, or the end. `err` is copied. What was staged must have been dealt
 * with before. */
void wb_job_fail(struct wb_step *step, const struct wb_err *err);
/* True when the failure says that the target takes no ranges, or not these: what is staged is
 * dropped, and the file goes in one. */
bool wb_job_take_whole(struct wb_step *step, const struct wb_err *err);
/* The newest event ends; a pending one begins its own job. Version and proof of the replica are
 * those of the job for VERIFIED, kept as they are otherwise (DELETED: none). */
void wb_job_end(struct wb_step *step, enum wb_end end, const char *reason);
/* The report says that bytes of the job's instance are in. */
void wb_job_note_copied(struct wb_step *step);
/* The source has no such file. */
void wb_job_source_gone(struct wb_step *step);
/* A newer event takes the place of the one that the job serves. The job takes another id: what was
 * asked for in the name of the old one may still be answered, with a copy of what was before. */
void wb_job_serve(struct wb_step *step, const struct wb_event_ref *event);
/* `from` is older than `into`, which then stands for both. */
void wb_event_merge(struct wb_event_ref *into, const struct wb_event_ref *from);
struct wb_event_ref *wb_event_copy(struct wb_arena *arena, const struct wb_event_ref *event);
struct wb_err *wb_error_copy(struct wb_arena *arena, const struct wb_err *err);
struct wb_version *wb_version_copy(struct wb_arena *arena, const struct wb_version *version);

/* ---- plan_give.c: what is asked of transfer ---- */

/* Appends a task file for the link's job with `op`; the caller fills the rest. */
struct wb_intent *wb_give(struct wb_step *step, enum wb_op op);
/* When an answer is due for which the job's whole file has to be read. */
int64_t wb_whole_due_ms(const struct wb_step *step, int64_t allowed_ms);
/* Tag of the file that we published last under the final name, as far as known; "": none. */
const char *wb_tag_of_ours(const struct wb_step *step);
/* Sends a WAITING job on its way. */
void wb_give_next(struct wb_step *step);
void wb_give_publish(struct wb_step *step);
void wb_give_fences(struct wb_step *step);
/* Discards an instance nobody was told to publish, without waiting for the answer. */
void wb_give_discard(struct wb_step *step, const char *instance);
/* Drops what the job has staged, if anything. */
void wb_drop_instance(struct wb_step *step);

/* ---- plan_other.c: another proved replica as source ---- */

/* The input's `other` holds the version that the job is about. */
bool wb_other_fits(const struct wb_step *step);
/* After a failure at the source: reads that replica next, where there is one. False: there is not,
 * or the source may well do better the next time. */
bool wb_other_take(struct wb_step *step, const struct wb_err *err);
/* A WAITING job that reads from a replica is given out; false: it must read the source. */
bool wb_other_give(struct wb_step *step);
/* The digests that were read at the replica are those that were proved there. `index` is that of
 * the first of `count` ranges. False: the replica has rotted, or is not known any more. */
bool wb_other_digests_fit(const struct wb_step *step, size_t index, const struct wb_range *ranges,
                          size_t count);
/* What was read at a replica speaks of it, not of the source: absent, changed and too large are
 * failures of the replica. True when the result was one of these, and was dealt with. */
bool wb_other_failed(struct wb_step *step);
/* The job reads its source again; the attempt failed for `err`, or (NULL) for rotten bytes. */
void wb_other_give_up(struct wb_step *step, const struct wb_err *err);

/* ---- plan_chunks.c: ranges ---- */

/* The instance is there; a report of a range; a verdict on one; and what may be given out next. */
void wb_chunks_opened(struct wb_step *step);
void wb_chunks_give(struct wb_step *step);
void wb_chunks_report(struct wb_step *step);
void wb_chunks_verdict(struct wb_step *step);
/* No progress by the deadline: what was given and not proved may be given again. */
void wb_chunks_free_given(struct wb_job *job, struct wb_arena *arena);

#endif

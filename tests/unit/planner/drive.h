/* The planner's core, driven by hand: one link, its clock, and what a worker would answer. */
#ifndef WB_TESTS_UNIT_PLANNER_DRIVE_H
#define WB_TESTS_UNIT_PLANNER_DRIVE_H

#include "tests/check.h"

#include "planner/plan.h"
#include "planner/plan_parts.h"

enum { MIB = 1024 * 1024 };

struct drive {
    struct wb_arena *arena;
    struct wb_policy policy;
    struct wb_link link;
    struct wb_outbox outbox;
    int64_t now_ms;
    uint64_t entropy;
    int64_t offset;
};

static inline int set_up(void **state)
{
    struct drive *drive = wb_xcalloc(1, sizeof(*drive));
    drive->arena = wb_arena_new(64 * MIB);
    drive->policy = (struct wb_policy){.rule = "all",
                                       .strategy = WB_STRATEGY_AUTO,
                                       .deletes = true,
                                       .max_attempts = 3,
                                       .lost_most = 3,
                                       .backoff_least_ms = 1000,
                                       .backoff_most_ms = 8000,
                                       .batch_below_bytes = MIB,
                                       .direct_below_bytes = 50 * MIB,
                                       .chunk_bytes = 16 * MIB,
                                       .deadline_ms = 60000};
    drive->link = (struct wb_link){.key = wb_span_str("b/a:x"),
                                   .source = "a",
                                   .target = "b",
                                   .path = wb_span_str("x"),
                                   .partition = 3};
    drive->now_ms = 1000000;
    drive->entropy = 1;
    *state = drive;
    return 0;
}

static inline int tear_down(void **state)
{
    struct drive *drive = *state;
    wb_arena_free(&drive->arena);
    free(drive);
    return 0;
}

static inline void step(struct drive *drive, struct wb_input input)
{
    input.now_ms = drive->now_ms;
    input.entropy = drive->entropy += 0x9e3779b97f4a7c15ULL;
    wb_outbox_init(&drive->outbox, drive->arena);
    wb_plan_step(&drive->policy, &drive->link, &input, &drive->outbox);
}

static inline struct wb_version version_of(int64_t size, const char *etag)
{
    return (struct wb_version){WB_FILE_REGULAR, size, 7, etag};
}

static inline void event(struct drive *drive, enum wb_event_kind kind, int64_t size,
                         const char *etag)
{
    struct wb_event_ref ref = {.id = "e",
                               .offset = drive->offset++,
                               .kind = kind,
                               .claim = version_of(size, etag),
                               .mime = "text/plain",
                               .count = 1};
    step(drive, (struct wb_input){.kind = WB_INPUT_EVENT, .event = &ref});
}

static inline void give(struct drive *drive)
{
    step(drive, (struct wb_input){.kind = WB_INPUT_GIVE});
}

/* An answer to the present job and attempt. */
static inline struct wb_result answer(struct drive *drive, enum wb_outcome outcome)
{
    const struct wb_job *job = drive->link.job;
    return (struct wb_result){.job = job ? job->id : "",
                              .attempt = job ? job->attempt : 0,
                              .outcome = outcome,
                              .instance = "",
                              .tag = "",
                              .mime = ""};
}

static inline void report(struct drive *drive, enum wb_op op, struct wb_result result)
{
    step(drive, (struct wb_input){.kind = WB_INPUT_REPORT, .op = op, .result = &result});
}

static inline void verdict(struct drive *drive, enum wb_op op, struct wb_result result)
{
    step(drive, (struct wb_input){.kind = WB_INPUT_VERDICT, .op = op, .result = &result});
}

static inline void copied(struct drive *drive, const char *instance)
{
    struct wb_result result = answer(drive, WB_OUTCOME_COPIED);
    result.instance = instance;
    report(drive, WB_OP_COPY, result);
}

static inline void matched(struct drive *drive, const char *instance, struct wb_version *version)
{
    struct wb_result result = answer(drive, WB_OUTCOME_MATCH);
    result.instance = instance;
    result.tag = "tag";
    result.version = version;
    verdict(drive, WB_OP_COPY, result);
}

static inline void published(struct drive *drive, const char *instance)
{
    struct wb_result result = answer(drive, WB_OUTCOME_PUBLISHED);
    result.instance = instance;
    report(drive, WB_OP_PUBLISH, result);
}

static inline void failed(struct drive *drive, enum wb_op op, enum wb_category category,
                          const char *instance)
{
    static struct wb_err err;
    (void)wb_err_set(&err, category, "on purpose");
    struct wb_result result = answer(drive, WB_OUTCOME_FAILED);
    result.error = &err;
    result.instance = instance;
    report(drive, op, result);
}

static inline void check_state(const struct drive *drive, enum wb_job_state state)
{
    assert_non_null(drive->link.job);
    assert_string_equal(wb_job_state_name(drive->link.job->state), wb_job_state_name(state));
}

static inline void check_asked(const struct drive *drive, enum wb_op op, const char *instance)
{
    for (const struct wb_intent *at = drive->outbox.first_intent; at; at = at->next)
        if (at->op == op && strcmp(at->file.instance, instance) == 0)
            return;
    fail_msg("no %s of \"%s\" was asked for", wb_op_name(op), instance);
}

static inline void check_ended(const struct drive *drive, enum wb_end end)
{
    assert_non_null(drive->link.replica);
    assert_string_equal(wb_end_name(drive->link.replica->end), wb_end_name(end));
}

/* Its answer does not come; `excused`: neither do those of others. */
static inline void time_out(struct drive *drive, bool excused)
{
    drive->now_ms = drive->link.job->due_ms;
    step(drive, (struct wb_input){.kind = WB_INPUT_TIMER, .excused = excused});
}

/* Takes a small file through the ring. */
static inline void replicate(struct drive *drive, const char *instance, struct wb_version *version)
{
    event(drive, WB_EVENT_WRITTEN, version->size_bytes, version->etag);
    give(drive);
    copied(drive, instance);
    matched(drive, instance, version);
    published(drive, instance);
    assert_null(drive->link.job);
    check_ended(drive, WB_END_VERIFIED);
}

static inline void opened(struct drive *drive, struct wb_version *version)
{
    struct wb_result result = answer(drive, WB_OUTCOME_OPENED);
    result.instance = "big";
    result.version = version;
    report(drive, WB_OP_OPEN, result);
}

static inline void proved(struct drive *drive, int64_t index, enum wb_outcome outcome)
{
    static const uint8_t digest[WB_DIGEST_SIZE] = {1};
    struct wb_range range = {.offset = index * 16 * MIB,
                             .length = 16 * MIB,
                             .tag = "",
                             .digest = wb_span_of(digest, sizeof(digest))};
    struct wb_result result = answer(drive, outcome);
    result.instance = "big";
    result.ranges = &range;
    result.range_count = 1;
    verdict(drive, WB_OP_RANGE, result);
}

#define PLAN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif

/* The planner's core, driven by hand: each test is the life of one link. */
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

static int set_up(void **state)
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
                                       .deadline_ms = 60000,
                                       .random_writes = true};
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

static int tear_down(void **state)
{
    struct drive *drive = *state;
    wb_arena_free(&drive->arena);
    free(drive);
    return 0;
}

static void step(struct drive *drive, struct wb_input input)
{
    input.now_ms = drive->now_ms;
    input.entropy = drive->entropy += 0x9e3779b97f4a7c15ULL;
    wb_outbox_init(&drive->outbox, drive->arena);
    wb_plan_step(&drive->policy, &drive->link, &input, &drive->outbox);
}

static struct wb_version version_of(int64_t size, const char *etag)
{
    return (struct wb_version){WB_FILE_REGULAR, size, 7, etag};
}

static void event(struct drive *drive, enum wb_event_kind kind, int64_t size, const char *etag)
{
    struct wb_event_ref ref = {.id = "e",
                               .offset = drive->offset++,
                               .kind = kind,
                               .claim = version_of(size, etag),
                               .mime = "text/plain",
                               .count = 1};
    step(drive, (struct wb_input){.kind = WB_INPUT_EVENT, .event = &ref});
}

static void give(struct drive *drive)
{
    step(drive, (struct wb_input){.kind = WB_INPUT_GIVE});
}

/* An answer to the present job and attempt. */
static struct wb_result answer(struct drive *drive, enum wb_outcome outcome)
{
    const struct wb_job *job = drive->link.job;
    return (struct wb_result){.job = job ? job->id : "",
                              .attempt = job ? job->attempt : 0,
                              .outcome = outcome,
                              .instance = "",
                              .tag = "",
                              .mime = ""};
}

static void report(struct drive *drive, enum wb_op op, struct wb_result result)
{
    step(drive, (struct wb_input){.kind = WB_INPUT_REPORT, .op = op, .result = &result});
}

static void verdict(struct drive *drive, enum wb_op op, struct wb_result result)
{
    step(drive, (struct wb_input){.kind = WB_INPUT_VERDICT, .op = op, .result = &result});
}

static void copied(struct drive *drive, const char *instance)
{
    struct wb_result result = answer(drive, WB_OUTCOME_COPIED);
    result.instance = instance;
    report(drive, WB_OP_COPY, result);
}

static void matched(struct drive *drive, const char *instance, struct wb_version *version)
{
    struct wb_result result = answer(drive, WB_OUTCOME_MATCH);
    result.instance = instance;
    result.tag = "tag";
    result.version = version;
    verdict(drive, WB_OP_COPY, result);
}

static void published(struct drive *drive, const char *instance)
{
    struct wb_result result = answer(drive, WB_OUTCOME_PUBLISHED);
    result.instance = instance;
    report(drive, WB_OP_PUBLISH, result);
}

static void failed(struct drive *drive, enum wb_op op, enum wb_category category,
                   const char *instance)
{
    static struct wb_err err;
    (void)wb_err_set(&err, category, "on purpose");
    struct wb_result result = answer(drive, WB_OUTCOME_FAILED);
    result.error = &err;
    result.instance = instance;
    report(drive, op, result);
}

static void check_state(const struct drive *drive, enum wb_job_state state)
{
    assert_non_null(drive->link.job);
    assert_string_equal(wb_job_state_name(drive->link.job->state), wb_job_state_name(state));
}

static void check_asked(const struct drive *drive, enum wb_op op, const char *instance)
{
    for (const struct wb_intent *at = drive->outbox.first_intent; at; at = at->next)
        if (at->op == op && strcmp(at->file.instance, instance) == 0)
            return;
    fail_msg("no %s of \"%s\" was asked for", wb_op_name(op), instance);
}

static void check_ended(const struct drive *drive, enum wb_end end)
{
    assert_non_null(drive->link.replica);
    assert_string_equal(wb_end_name(drive->link.replica->end), wb_end_name(end));
}

/* Its answer does not come; `excused`: neither do those of others. */
static void time_out(struct drive *drive, bool excused)
{
    drive->now_ms = drive->link.job->due_ms;
    step(drive, (struct wb_input){.kind = WB_INPUT_TIMER, .excused = excused});
}

/* Takes a small file through the ring. */
static void replicate(struct drive *drive, const char *instance, struct wb_version *version)
{
    event(drive, WB_EVENT_WRITTEN, version->size_bytes, version->etag);
    give(drive);
    copied(drive, instance);
    matched(drive, instance, version);
    published(drive, instance);
    assert_null(drive->link.job);
    check_ended(drive, WB_END_VERIFIED);
}

static void a_small_file_is_copied_proved_and_published(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    check_state(drive, WB_JOB_WAITING);
    give(drive);
    check_asked(drive, WB_OP_COPY, "");
    copied(drive, "i1");
    check_state(drive, WB_JOB_COPYING);
    assert_int_equal(drive->outbox.intent_count, 0); /* nothing is published on a return code */
    matched(drive, "i1", &version);
    check_asked(drive, WB_OP_PUBLISH, "i1");
    published(drive, "i1");
    assert_null(drive->link.job);
    check_ended(drive, WB_END_VERIFIED);
    assert_string_equal(drive->link.replica->version->etag, "v1");
}

static void a_verdict_may_overtake_the_report(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    matched(drive, "i1", &version);
    check_state(drive, WB_JOB_PUBLISHING);
    copied(drive, "i1");
    assert_int_equal(drive->outbox.intent_count, 0);
    published(drive, "i1");
    check_ended(drive, WB_END_VERIFIED);
}

static void what_is_proved_is_not_copied_again(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    replicate(drive, "i1", &version);
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    check_asked(drive, WB_OP_COPY, "");
    assert_string_equal(drive->outbox.first_intent->file.known->etag, "v1");
    assert_string_equal(drive->outbox.first_intent->file.tag, "tag");
    report(drive, WB_OP_COPY, answer(drive, WB_OUTCOME_CURRENT));
    assert_null(drive->link.job);
    assert_int_equal(drive->outbox.intent_count, 0);
    assert_int_equal(drive->link.replica->event_offset, 1);
    assert_string_equal(drive->link.replica->tag, "tag");
}

static void a_claimed_digest_is_checked_even_of_a_proved_version(void **state)
{
    static const uint8_t digest[32] = {1};
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    replicate(drive, "i1", &version);
    struct wb_event_ref ref = {.id = "e",
                               .offset = drive->offset++,
                               .kind = WB_EVENT_WRITTEN,
                               .claim = version_of(100, "v1"),
                               .sha256 = wb_span_of(digest, sizeof(digest)),
                               .mime = "",
                               .count = 1};
    step(drive, (struct wb_input){.kind = WB_INPUT_EVENT, .event = &ref});
    give(drive);
    check_asked(drive, WB_OP_COPY, "");
    assert_null(drive->outbox.first_intent->file.known);
    assert_int_equal(drive->outbox.first_intent->file.sha256.len, 32);
}

static void a_second_execution_of_a_task_is_discarded(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "i1");
    copied(drive, "i2");
    check_asked(drive, WB_OP_DISCARD, "i2");
    matched(drive, "i2", &version);
    check_state(drive, WB_JOB_COPYING);
    matched(drive, "i1", &version);
    check_asked(drive, WB_OP_PUBLISH, "i1");
}

static void a_late_copy_of_an_ended_job_is_discarded(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    replicate(drive, "i1", &version);
    struct wb_result late = {
        .job = "other", .outcome = WB_OUTCOME_COPIED, .instance = "i9", .tag = "", .mime = ""};
    report(drive, WB_OP_COPY, late);
    check_asked(drive, WB_OP_DISCARD, "i9");
    check_ended(drive, WB_END_VERIFIED);
}

static void a_failed_publish_is_fenced_before_the_next_try(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "i1");
    matched(drive, "i1", &version);
    failed(drive, WB_OP_PUBLISH, WB_CAT_NO_SPACE, "i1");
    check_state(drive, WB_JOB_FENCING);
    check_asked(drive, WB_OP_DISCARD, "i1");
    give(drive);
    check_state(drive, WB_JOB_FENCING); /* nothing newer may start before the discard is answered */
    struct wb_result done = answer(drive, WB_OUTCOME_DISCARDED);
    done.instance = "i1";
    report(drive, WB_OP_DISCARD, done);
    check_state(drive, WB_JOB_WAITING);
}

static void fences_outlive_a_dead_job(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    drive->policy.max_attempts = 1;
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "i1");
    matched(drive, "i1", &version);
    failed(drive, WB_OP_PUBLISH, WB_CAT_IO, "i1");
    check_state(drive, WB_JOB_DEAD);
    check_ended(drive, WB_END_DEAD);
    event(drive, WB_EVENT_WRITTEN, 200, "v2");
    check_state(drive, WB_JOB_FENCING);
    check_asked(drive, WB_OP_DISCARD, "i1");
}

static void an_unanswered_publish_is_asked_again_not_given_up(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "i1");
    matched(drive, "i1", &version);
    for (int i = 0; i < 20; i++) {
        drive->now_ms += 61000;
        step(drive, (struct wb_input){.kind = WB_INPUT_TIMER});
        check_asked(drive, WB_OP_PUBLISH, "i1");
        check_state(drive, WB_JOB_PUBLISHING);
    }
}

static void an_event_while_running_is_served_afterwards(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    event(drive, WB_EVENT_WRITTEN, 120, "v2");
    event(drive, WB_EVENT_WRITTEN, 130, "v3");
    copied(drive, "i1");
    matched(drive, "i1", &version);
    published(drive, "i1");
    assert_int_equal(drive->link.replica->event_offset, 0);
    check_state(drive, WB_JOB_WAITING);
    assert_string_equal(drive->link.job->event.claim.etag, "v3");
    assert_int_equal(drive->link.job->event.count, 2);
}

/* A late answer as the worker gives it: under the job and attempt that its task named. */
static struct wb_result late(struct drive *drive, const char *job, enum wb_outcome outcome,
                             const char *instance)
{
    struct wb_result result = answer(drive, outcome);
    result.job = job;
    result.attempt = 0;
    result.instance = instance;
    result.tag = "tag";
    return result;
}

static void pass_deadline(struct drive *drive)
{
    drive->now_ms += 11 * drive->policy.deadline_ms;
    step(drive, (struct wb_input){.kind = WB_INPUT_TIMER});
    check_state(drive, WB_JOB_WAITING);
}

static void a_late_copy_of_the_version_before_does_not_serve_a_newer_event(void **state)
{
    struct drive *drive = *state;
    struct wb_version old = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    const char *job = drive->link.job->id;
    event(drive, WB_EVENT_WRITTEN, 100, "v2");
    pass_deadline(drive);
    struct wb_result match = late(drive, job, WB_OUTCOME_MATCH, "i1");
    match.version = &old;
    verdict(drive, WB_OP_COPY, match);
    check_state(drive, WB_JOB_WAITING);
    report(drive, WB_OP_COPY, late(drive, job, WB_OUTCOME_COPIED, "i1"));
    check_asked(drive, WB_OP_DISCARD, "i1");
    give(drive);
    verdict(drive, WB_OP_COPY, match);
    check_state(drive, WB_JOB_COPYING);
    assert_null(drive->link.replica);
}

static void an_event_that_comes_between_two_tries_is_not_served_by_the_first(void **state)
{
    struct drive *drive = *state;
    struct wb_version old = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    const char *job = drive->link.job->id;
    pass_deadline(drive);
    event(drive, WB_EVENT_WRITTEN, 100, "v2");
    struct wb_result match = late(drive, job, WB_OUTCOME_MATCH, "i1");
    match.version = &old;
    verdict(drive, WB_OP_COPY, match);
    check_state(drive, WB_JOB_WAITING);
    assert_null(drive->link.replica);
}

static void an_event_for_the_version_being_copied_is_absorbed(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(120, "v2");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    event(drive, WB_EVENT_WRITTEN, 120, "v2");
    copied(drive, "i1");
    matched(drive, "i1", &version);
    published(drive, "i1");
    assert_null(drive->link.job);
    assert_int_equal(drive->link.replica->event_offset, 1);
    assert_int_equal(drive->link.replica->event_count, 2);
}

static void errors_are_retried_within_a_budget_then_dead_with_the_reason(void **state)
{
    struct drive *drive = *state;
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    time_out(drive, false);
    assert_int_equal(drive->link.job->attempt, 0); /* silence costs no attempt */
    for (int attempt = 0; attempt < 2; attempt++) {
        check_state(drive, WB_JOB_WAITING);
        assert_true(drive->link.job->due_ms <= drive->now_ms + 8000);
        give(drive);
        failed(drive, WB_OP_COPY, WB_CAT_IO, "");
    }
    give(drive);
    failed(drive, WB_OP_COPY, WB_CAT_IO, "");
    check_state(drive, WB_JOB_DEAD);
    check_ended(drive, WB_END_DEAD);
    assert_int_equal(drive->link.replica->error->category, WB_CAT_IO);
    assert_int_equal(drive->link.replica->first_error->category, WB_CAT_TIMEOUT);
}

static void a_permanent_error_is_dead_at_once(void **state)
{
    struct drive *drive = *state;
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    failed(drive, WB_OP_COPY, WB_CAT_UNSUPPORTED, "");
    check_ended(drive, WB_END_DEAD);
}

static void a_delete_looks_at_the_source_first(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    struct wb_version newer = version_of(50, "v2");
    replicate(drive, "i1", &version);
    event(drive, WB_EVENT_DELETED, -1, "");
    give(drive);
    check_asked(drive, WB_OP_DELETE, "");
    assert_string_equal(drive->outbox.first_intent->file.tag, "tag");
    struct wb_result there = answer(drive, WB_OUTCOME_PROBED);
    there.version = &newer;
    report(drive, WB_OP_DELETE, there);
    check_state(drive, WB_JOB_WAITING);
    give(drive);
    check_asked(drive, WB_OP_COPY, "");
}

static void a_delete_ends_deleted_and_forgets_the_proof(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    replicate(drive, "i1", &version);
    event(drive, WB_EVENT_DELETED, -1, "");
    give(drive);
    report(drive, WB_OP_DELETE, answer(drive, WB_OUTCOME_DELETED));
    check_ended(drive, WB_END_DELETED);
    assert_null(drive->link.replica->version);
}

static void a_mismatch_is_never_published(void **state)
{
    struct drive *drive = *state;
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "i1");
    struct wb_result bad = answer(drive, WB_OUTCOME_MISMATCH);
    struct wb_err err;
    (void)wb_err_set(&err, WB_CAT_CORRUPT, "digests differ");
    bad.instance = "i1";
    bad.error = &err;
    verdict(drive, WB_OP_COPY, bad);
    check_asked(drive, WB_OP_DISCARD, "i1");
    check_state(drive, WB_JOB_WAITING);
    assert_null(drive->link.replica);
}

/* ---- ranges ---- */

static void opened(struct drive *drive, struct wb_version *version)
{
    struct wb_result result = answer(drive, WB_OUTCOME_OPENED);
    result.instance = "big";
    result.version = version;
    report(drive, WB_OP_OPEN, result);
}

static void proved(struct drive *drive, int64_t index, enum wb_outcome outcome)
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

static void a_large_file_is_published_only_when_every_range_is_proved(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(20LL * 16 * MIB, "v1");
    event(drive, WB_EVENT_WRITTEN, version.size_bytes, "v1");
    give(drive);
    check_asked(drive, WB_OP_OPEN, "");
    opened(drive, &version);
    assert_int_equal(drive->outbox.intent_count, WB_RANGES_IN_FLIGHT);
    for (int64_t i = 19; i >= 0; i--) {
        check_state(drive, WB_JOB_RANGING);
        proved(drive, i, WB_OUTCOME_MATCH);
        proved(drive, i, WB_OUTCOME_MATCH);
    }
    check_state(drive, WB_JOB_SEALING);
    struct wb_result sealed = answer(drive, WB_OUTCOME_MATCH);
    sealed.instance = "big";
    sealed.tag = "tag";
    verdict(drive, WB_OP_SEAL, sealed);
    check_asked(drive, WB_OP_PUBLISH, "big");
    published(drive, "big");
    check_ended(drive, WB_END_VERIFIED);
    assert_int_equal(drive->link.replica->digests.len, 20 * WB_DIGEST_SIZE);
}

static void a_bad_range_costs_that_range_only(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(4LL * 16 * MIB, "v1");
    event(drive, WB_EVENT_WRITTEN, version.size_bytes, "v1");
    give(drive);
    opened(drive, &version);
    proved(drive, 0, WB_OUTCOME_MATCH);
    proved(drive, 2, WB_OUTCOME_MATCH);
    proved(drive, 1, WB_OUTCOME_MISMATCH);
    check_state(drive, WB_JOB_WAITING);
    proved(drive, 1, WB_OUTCOME_MISMATCH); /* the same once more */
    assert_int_equal(drive->link.job->attempt, 1);
    give(drive);
    check_state(drive, WB_JOB_RANGING);
    assert_int_equal(drive->outbox.intent_count, 1); /* the fourth is still under way */
    assert_int_equal(drive->outbox.first_intent->file.ranges[0].offset, 16 * MIB);
}

static void media_is_read_head_and_tail_first(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(9LL * 16 * MIB, "v1");
    drive->policy.strategy = WB_STRATEGY_STREAMING;
    event(drive, WB_EVENT_WRITTEN, version.size_bytes, "v1");
    give(drive);
    opened(drive, &version);
    const struct wb_intent *first = drive->outbox.first_intent;
    assert_int_equal(first->file.ranges[0].offset, 0);
    assert_int_equal(first->next->file.ranges[0].offset, 8LL * 16 * MIB);
    assert_int_equal(first->next->next->file.ranges[0].offset, 16 * MIB);
}

static void strategies_follow_size_kind_and_capabilities(void **state)
{
    struct drive *drive = *state;
    const char *reason;
    struct wb_policy *policy = &drive->policy;
    assert_int_equal(wb_plan_strategy(policy, -1, "", &reason), WB_STRATEGY_BATCH);
    assert_int_equal(wb_plan_strategy(policy, MIB - 1, "", &reason), WB_STRATEGY_BATCH);
    assert_int_equal(wb_plan_strategy(policy, MIB, "", &reason), WB_STRATEGY_DIRECT);
    assert_int_equal(wb_plan_strategy(policy, 50 * MIB, "", &reason), WB_STRATEGY_CHUNKED);
    assert_int_equal(wb_plan_strategy(policy, MIB, "video/mp4", &reason), WB_STRATEGY_STREAMING);
    policy->random_writes = false;
    assert_int_equal(wb_plan_strategy(policy, 50 * MIB, "", &reason), WB_STRATEGY_DIRECT);
    assert_true(wb_plan_chunk_bytes(policy, 1LL << 40) * 10000 >= 1LL << 40);
    for (uint64_t bits = 0; bits < 1000; bits++)
        assert_in_range(wb_plan_backoff_ms(1000, 8000, 20, bits * 0x9e3779b97f4a7c15ULL), 1, 8000);
}

/* ---- what is not the file's fault ---- */

static void a_sick_nodes_failures_use_up_no_attempt(void **state)
{
    struct drive *drive = *state;
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    for (int i = 0; i < 20; i++) {
        struct wb_err err;
        give(drive);
        struct wb_result result = answer(drive, WB_OUTCOME_FAILED);
        (void)wb_err_at(&err, WB_SCOPE_TARGET, "copy",
                        i % 2 ? WB_CAT_READ_ONLY : WB_CAT_UNREACHABLE, "on purpose");
        result.error = &err;
        step(drive,
             (struct wb_input){
                 .kind = WB_INPUT_REPORT, .op = WB_OP_COPY, .result = &result, .excused = true});
        check_state(drive, WB_JOB_WAITING);
        assert_int_equal(drive->link.job->attempt, 0);
    }
}

static void a_task_that_nobody_survives_travels_alone_and_ends_dead(void **state)
{
    struct drive *drive = *state;
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    assert_false(drive->outbox.first_intent->alone);
    time_out(drive, false);
    give(drive);
    assert_true(drive->outbox.first_intent->alone);
    time_out(drive, false);
    give(drive);
    time_out(drive, false);
    check_state(drive, WB_JOB_DEAD);
    assert_int_equal(drive->link.replica->error->category, WB_CAT_TIMEOUT);
}

static void while_no_worker_answers_nothing_is_given_up(void **state)
{
    struct drive *drive = *state;
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    for (int i = 0; i < 50; i++) {
        give(drive);
        time_out(drive, true);
        check_state(drive, WB_JOB_WAITING);
    }
    assert_int_equal(drive->link.job->unanswered, 0);
}

/* ---- what is called off ---- */

static void cancel(struct drive *drive, int64_t until_ms, enum wb_end end)
{
    step(drive, (struct wb_input){.kind = WB_INPUT_CANCEL,
                                  .until_ms = until_ms,
                                  .cancel_end = end,
                                  .reason = "called off"});
}

static void what_is_called_off_leaves_nothing_staged(void **state)
{
    struct drive *drive = *state;
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "one");
    cancel(drive, INT64_MAX, WB_END_DEAD);
    check_asked(drive, WB_OP_DISCARD, "one");
    check_state(drive, WB_JOB_DEAD);
    assert_int_equal(drive->link.replica->error->category, WB_CAT_CANCELLED);
}

static void what_was_told_to_publish_is_not_called_off(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "one");
    matched(drive, "one", &version);
    cancel(drive, INT64_MAX, WB_END_SUPERSEDED);
    check_state(drive, WB_JOB_PUBLISHING);
    published(drive, "one");
    check_ended(drive, WB_END_VERIFIED);
}

static void what_came_after_the_cancel_goes_on(void **state)
{
    struct drive *drive = *state;
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    drive->link.job->event.accepted_ms = 5000;
    cancel(drive, 5000, WB_END_DEAD);
    check_state(drive, WB_JOB_WAITING);
    cancel(drive, 5001, WB_END_DEAD);
    check_state(drive, WB_JOB_DEAD);
}

/* ---- what the target holds already ---- */

static struct wb_range one_range(uint8_t *digest, uint8_t fill, int64_t length)
{
    memset(digest, fill, WB_DIGEST_SIZE);
    return (struct wb_range){
        .length = length, .digest = wb_span_of(digest, WB_DIGEST_SIZE), .tag = ""};
}

static void compared(struct drive *drive, enum wb_outcome outcome, struct wb_version *version)
{
    uint8_t digest[WB_DIGEST_SIZE];
    struct wb_range range = one_range(digest, 7, 100);
    struct wb_result result = answer(drive, outcome);
    result.tag = "theirs";
    result.version = version;
    result.ranges = &range;
    result.range_count = 1;
    verdict(drive, WB_OP_COPY, result);
}

static void present(struct drive *drive)
{
    struct wb_result result = answer(drive, WB_OUTCOME_PRESENT);
    result.tag = "theirs";
    report(drive, WB_OP_COPY, result);
}

static void a_file_that_is_the_same_is_adopted_not_copied(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    present(drive);
    check_state(drive, WB_JOB_COPYING);
    compared(drive, WB_OUTCOME_MATCH, &version);
    check_ended(drive, WB_END_VERIFIED);
    assert_null(drive->link.job);
    assert_string_equal(drive->link.replica->tag, "theirs");
    assert_int_equal(drive->link.replica->digests.len, WB_DIGEST_SIZE);
    assert_int_equal(drive->outbox.intent_count, 0);
}

static void a_file_that_only_looks_the_same_is_copied_over(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    present(drive);
    compared(drive, WB_OUTCOME_MISMATCH, &version);
    check_state(drive, WB_JOB_WAITING);
    assert_int_equal(drive->link.job->attempt, 0);
    give(drive);
    assert_true(drive->outbox.first_intent->file.fresh);
}

/* ---- other replicas as source ---- */

static struct wb_replica replica_on_c(uint8_t *digest, struct wb_version *version)
{
    memset(digest, 9, WB_DIGEST_SIZE);
    return (struct wb_replica){.source = "a",
                               .target = "c",
                               .version = version,
                               .tag = "tag-c",
                               .digests = wb_span_of(digest, WB_DIGEST_SIZE),
                               .reason = ""};
}

static void fail_at_source(struct drive *drive, const struct wb_replica *other)
{
    struct wb_err err;
    struct wb_result result = answer(drive, WB_OUTCOME_FAILED);
    (void)wb_err_at(&err, WB_SCOPE_SOURCE, "copy", WB_CAT_IO, "on purpose");
    result.error = &err;
    step(drive, (struct wb_input){
                    .kind = WB_INPUT_REPORT, .op = WB_OP_COPY, .result = &result, .other = other});
}

static void give_with(struct drive *drive, const struct wb_replica *other)
{
    step(drive, (struct wb_input){.kind = WB_INPUT_GIVE, .other = other});
}

static void verdict_from(struct drive *drive, uint8_t fill, struct wb_version *version,
                         const struct wb_replica *other)
{
    uint8_t digest[WB_DIGEST_SIZE];
    struct wb_range range = one_range(digest, fill, version->size_bytes);
    struct wb_result result = answer(drive, WB_OUTCOME_MATCH);
    result.instance = "copy";
    result.tag = "tag";
    result.version = version;
    result.ranges = &range;
    result.range_count = 1;
    step(drive, (struct wb_input){.kind = WB_INPUT_VERDICT,
                                  .op = WB_OP_COPY,
                                  .result = &result,
                                  .from = "c",
                                  .other = other});
}

static void where_the_source_fails_another_replica_serves(void **state)
{
    struct drive *drive = *state;
    uint8_t digest[WB_DIGEST_SIZE];
    struct wb_version version = version_of(100, "v1");
    struct wb_version there = version_of(100, "another etag");
    struct wb_replica other = replica_on_c(digest, &version);
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    fail_at_source(drive, &other);
    give_with(drive, &other);
    assert_string_equal(drive->outbox.first_intent->from, "c");
    verdict_from(drive, 9, &there, &other);
    check_asked(drive, WB_OP_PUBLISH, "copy");
    published(drive, "copy");
    check_ended(drive, WB_END_VERIFIED);
    assert_string_equal(drive->link.replica->version->etag, "v1");
}

static void a_replica_that_has_rotted_is_no_source(void **state)
{
    struct drive *drive = *state;
    uint8_t digest[WB_DIGEST_SIZE];
    struct wb_version version = version_of(100, "v1");
    struct wb_replica other = replica_on_c(digest, &version);
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    fail_at_source(drive, &other);
    give_with(drive, &other);
    verdict_from(drive, 8, &version, &other);
    check_asked(drive, WB_OP_DISCARD, "copy");
    check_state(drive, WB_JOB_WAITING);
    give(drive);
    assert_string_equal(drive->outbox.first_intent->from, "");
}

static void a_replica_of_another_version_is_no_source(void **state)
{
    struct drive *drive = *state;
    uint8_t digest[WB_DIGEST_SIZE];
    struct wb_version older = version_of(99, "v0");
    struct wb_replica other = replica_on_c(digest, &older);
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    fail_at_source(drive, &other);
    give_with(drive, &other);
    assert_string_equal(drive->outbox.first_intent->from, "");
}

static void what_a_replica_lacks_the_source_may_still_hold(void **state)
{
    struct drive *drive = *state;
    uint8_t digest[WB_DIGEST_SIZE];
    struct wb_version version = version_of(100, "v1");
    struct wb_replica other = replica_on_c(digest, &version);
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    fail_at_source(drive, &other);
    give_with(drive, &other);
    struct wb_result result = answer(drive, WB_OUTCOME_ABSENT);
    step(drive, (struct wb_input){.kind = WB_INPUT_REPORT,
                                  .op = WB_OP_COPY,
                                  .result = &result,
                                  .from = "c",
                                  .other = &other});
    check_state(drive, WB_JOB_WAITING);
    assert_int_equal(drive->link.job->event.kind, WB_EVENT_WRITTEN);
    assert_string_equal(drive->link.job->from, "");
}

#define PLAN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAN_TEST(a_small_file_is_copied_proved_and_published),
        PLAN_TEST(a_verdict_may_overtake_the_report),
        PLAN_TEST(what_is_proved_is_not_copied_again),
        PLAN_TEST(a_claimed_digest_is_checked_even_of_a_proved_version),
        PLAN_TEST(a_second_execution_of_a_task_is_discarded),
        PLAN_TEST(a_late_copy_of_an_ended_job_is_discarded),
        PLAN_TEST(a_failed_publish_is_fenced_before_the_next_try),
        PLAN_TEST(fences_outlive_a_dead_job),
        PLAN_TEST(an_unanswered_publish_is_asked_again_not_given_up),
        PLAN_TEST(an_event_while_running_is_served_afterwards),
        PLAN_TEST(a_late_copy_of_the_version_before_does_not_serve_a_newer_event),
        PLAN_TEST(an_event_that_comes_between_two_tries_is_not_served_by_the_first),
        PLAN_TEST(an_event_for_the_version_being_copied_is_absorbed),
        PLAN_TEST(errors_are_retried_within_a_budget_then_dead_with_the_reason),
        PLAN_TEST(a_permanent_error_is_dead_at_once),
        PLAN_TEST(a_delete_looks_at_the_source_first),
        PLAN_TEST(a_delete_ends_deleted_and_forgets_the_proof),
        PLAN_TEST(a_mismatch_is_never_published),
        PLAN_TEST(a_large_file_is_published_only_when_every_range_is_proved),
        PLAN_TEST(a_bad_range_costs_that_range_only),
        PLAN_TEST(media_is_read_head_and_tail_first),
        PLAN_TEST(strategies_follow_size_kind_and_capabilities),
        PLAN_TEST(a_sick_nodes_failures_use_up_no_attempt),
        PLAN_TEST(a_task_that_nobody_survives_travels_alone_and_ends_dead),
        PLAN_TEST(while_no_worker_answers_nothing_is_given_up),
        PLAN_TEST(what_is_called_off_leaves_nothing_staged),
        PLAN_TEST(what_was_told_to_publish_is_not_called_off),
        PLAN_TEST(what_came_after_the_cancel_goes_on),
        PLAN_TEST(a_file_that_is_the_same_is_adopted_not_copied),
        PLAN_TEST(a_file_that_only_looks_the_same_is_copied_over),
        PLAN_TEST(where_the_source_fails_another_replica_serves),
        PLAN_TEST(a_replica_that_has_rotted_is_no_source),
        PLAN_TEST(a_replica_of_another_version_is_no_source),
        PLAN_TEST(what_a_replica_lacks_the_source_may_still_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

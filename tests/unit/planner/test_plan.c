/* The planner's core: each test is the life of one link. */
#include "tests/unit/planner/drive.h"

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

static void event_with_digest(struct drive *drive, const struct wb_version *version,
                              struct wb_span sha256)
{
    struct wb_event_ref ref = {.id = "e",
                               .offset = drive->offset++,
                               .kind = WB_EVENT_WRITTEN,
                               .claim = *version,
                               .sha256 = sha256,
                               .mime = "",
                               .count = 1};
    step(drive, (struct wb_input){.kind = WB_INPUT_EVENT, .event = &ref});
}

static void a_claimed_digest_is_checked_even_of_a_proved_version(void **state)
{
    static const uint8_t digest[32] = {1};
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    replicate(drive, "i1", &version);
    event_with_digest(drive, &version, wb_span_of(digest, sizeof(digest)));
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

static void an_event_that_claims_a_digest_is_not_absorbed_unchecked(void **state)
{
    static const uint8_t digest[32] = {1};
    struct drive *drive = *state;
    struct wb_version version = version_of(120, "v2");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    event_with_digest(drive, &version, wb_span_of(digest, sizeof(digest)));
    copied(drive, "i1");
    matched(drive, "i1", &version);
    published(drive, "i1");
    check_state(drive, WB_JOB_WAITING);
    assert_int_equal(drive->link.job->event.sha256.len, 32);
}

static void a_claimed_digest_outlives_a_newer_event_of_that_version(void **state)
{
    static const uint8_t digest[32] = {1};
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event_with_digest(drive, &version, wb_span_of(digest, sizeof(digest)));
    event(drive, WB_EVENT_WRITTEN, 100, "");
    assert_int_equal(drive->link.job->event.sha256.len, 32);
    assert_string_equal(drive->link.job->event.claim.etag, "v1");
    event(drive, WB_EVENT_WRITTEN, 120, "v2");
    assert_int_equal(drive->link.job->event.sha256.len, 0);
    assert_string_equal(drive->link.job->event.claim.etag, "v2");
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

static void a_large_file_is_published_only_when_every_range_is_proved(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(20LL * 16 * MIB, "v1");
    int64_t begin_ms = drive->now_ms;
    event(drive, WB_EVENT_WRITTEN, version.size_bytes, "v1");
    give(drive);
    check_asked(drive, WB_OP_OPEN, "");
    opened(drive, &version);
    assert_int_equal(drive->outbox.intent_count, WB_RANGES_IN_FLIGHT);
    for (int64_t i = 19; i >= 0; i--) {
        check_state(drive, WB_JOB_RANGING);
        struct wb_result ranged = answer(drive, WB_OUTCOME_RANGED);
        ranged.instance = "big";
        ranged.started_ms = drive->now_ms++;
        ranged.duration_ms = 5;
        report(drive, WB_OP_RANGE, ranged);
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
    assert_int_equal(drive->link.replica->first_proved_ms, begin_ms + 1);
    assert_int_equal(drive->link.replica->copied_ms, begin_ms + 19 + 5);
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

static void strategies_follow_size_and_kind(void **state)
{
    struct drive *drive = *state;
    const char *reason;
    struct wb_policy *policy = &drive->policy;
    assert_int_equal(wb_plan_strategy(policy, -1, "", &reason), WB_STRATEGY_BATCH);
    assert_int_equal(wb_plan_strategy(policy, MIB - 1, "", &reason), WB_STRATEGY_BATCH);
    assert_int_equal(wb_plan_strategy(policy, MIB, "", &reason), WB_STRATEGY_DIRECT);
    assert_int_equal(wb_plan_strategy(policy, 50 * MIB, "", &reason), WB_STRATEGY_CHUNKED);
    assert_int_equal(wb_plan_strategy(policy, MIB, "video/mp4", &reason), WB_STRATEGY_STREAMING);
    assert_true(wb_plan_chunk_bytes(policy, 1LL << 40) * 10000 >= 1LL << 40);
    for (uint64_t bits = 0; bits < 1000; bits++)
        assert_in_range(wb_plan_backoff_ms(1000, 8000, 20, bits * 0x9e3779b97f4a7c15ULL), 1, 8000);
}

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
        PLAN_TEST(an_event_that_claims_a_digest_is_not_absorbed_unchecked),
        PLAN_TEST(a_claimed_digest_outlives_a_newer_event_of_that_version),
        PLAN_TEST(errors_are_retried_within_a_budget_then_dead_with_the_reason),
        PLAN_TEST(a_permanent_error_is_dead_at_once),
        PLAN_TEST(a_delete_looks_at_the_source_first),
        PLAN_TEST(a_delete_ends_deleted_and_forgets_the_proof),
        PLAN_TEST(a_mismatch_is_never_published),
        PLAN_TEST(a_large_file_is_published_only_when_every_range_is_proved),
        PLAN_TEST(a_bad_range_costs_that_range_only),
        PLAN_TEST(media_is_read_head_and_tail_first),
        PLAN_TEST(strategies_follow_size_and_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

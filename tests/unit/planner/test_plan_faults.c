/* The planner's core when nodes, workers and sources fail, and when somebody calls off. */
#include "tests/unit/planner/drive.h"

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

static void fences_that_are_called_off_are_kept(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "one");
    matched(drive, "one", &version);
    failed(drive, WB_OP_PUBLISH, WB_CAT_IO, "one");
    check_state(drive, WB_JOB_FENCING);
    cancel(drive, INT64_MAX, WB_END_SUPERSEDED);
    check_state(drive, WB_JOB_FENCING);
    cancel(drive, INT64_MAX, WB_END_DEAD);
    check_state(drive, WB_JOB_DEAD);
    assert_string_equal(drive->link.replica->error->text, "called off");
    event(drive, WB_EVENT_WRITTEN, 100, "v2");
    check_state(drive, WB_JOB_FENCING);
    check_asked(drive, WB_OP_DISCARD, "one");
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

/* ---- what the target can't do ---- */

static void a_target_without_ranges_gets_the_file_in_one(void **state)
{
    struct drive *drive = *state;
    struct wb_err err;
    struct wb_result result = answer(drive, WB_OUTCOME_FAILED);
    event(drive, WB_EVENT_WRITTEN, 100LL * MIB, "v1");
    give(drive);
    check_state(drive, WB_JOB_OPENING);
    (void)wb_err_at(&err, WB_SCOPE_TARGET, "open", WB_CAT_UNSUPPORTED, "no ranges here");
    result.job = drive->link.job->id;
    result.error = &err;
    report(drive, WB_OP_OPEN, result);
    check_state(drive, WB_JOB_WAITING);
    assert_int_equal(drive->link.job->attempt, 0);
    give(drive);
    check_state(drive, WB_JOB_COPYING);
    assert_int_equal(drive->link.job->strategy, WB_STRATEGY_DIRECT);
    assert_string_equal(drive->link.job->reason, "the target takes no ranges");
    assert_int_equal(drive->outbox.first_intent->max_file_bytes, INT64_MAX);
}

/* An answer that is due after `ms` at the least. */
static void check_patience(const struct drive *drive, int64_t ms)
{
    assert_in_range(drive->link.job->due_ms - drive->now_ms, ms, INT64_MAX);
}

static void who_reads_a_large_file_whole_is_given_the_time(void **state)
{
    enum { HOUR_MS = 3600 * 1000 };
    const int64_t size = 256LL * 1024 * MIB;
    struct drive *drive = *state;
    struct wb_version version = version_of(size, "v1");
    drive->policy.strategy = WB_STRATEGY_DIRECT;
    event(drive, WB_EVENT_WRITTEN, size, "v1");
    give(drive);
    check_state(drive, WB_JOB_COPYING);
    check_patience(drive, HOUR_MS);
    copied(drive, "one");
    check_patience(drive, HOUR_MS);
    matched(drive, "one", &version);
    check_asked(drive, WB_OP_PUBLISH, "one");
}

static void a_digest_of_a_large_file_is_given_the_time(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(16LL * MIB, "v1");
    drive->policy.strategy = WB_STRATEGY_CHUNKED;
    drive->policy.options.sha256 = true;
    drive->policy.deadline_ms = 1;
    event(drive, WB_EVENT_WRITTEN, 16LL * MIB, "v1");
    give(drive);
    opened(drive, &version);
    proved(drive, 0, WB_OUTCOME_MATCH);
    check_state(drive, WB_JOB_SEALING);
    check_patience(drive, 1000);
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

static void a_late_event_among_others_is_not_served_by_a_replica(void **state)
{
    struct drive *drive = *state;
    uint8_t digest[WB_DIGEST_SIZE];
    struct wb_version version = version_of(100, "v1");
    struct wb_replica other = replica_on_c(digest, &version);
    event(drive, WB_EVENT_WRITTEN, 120, "v2");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    fail_at_source(drive, &other);
    give_with(drive, &other);
    assert_string_equal(drive->outbox.first_intent->from, "");
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

static void a_source_and_a_replica_that_both_fail_use_up_the_attempts(void **state)
{
    struct drive *drive = *state;
    uint8_t digest[WB_DIGEST_SIZE];
    struct wb_version version = version_of(100, "v1");
    struct wb_replica other = replica_on_c(digest, &version);
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    for (int i = 0; i < 20 && drive->link.job->state != WB_JOB_DEAD; i++) {
        give(drive);
        fail_at_source(drive, &other);
        if (drive->link.job->state == WB_JOB_DEAD)
            break;
        give_with(drive, &other);
        verdict_from(drive, 8, &version, &other);
    }
    check_state(drive, WB_JOB_DEAD);
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

static void what_goes_in_one_is_not_read_at_a_replica_in_ranges(void **state)
{
    struct drive *drive = *state;
    struct wb_err err;
    uint8_t digest[WB_DIGEST_SIZE];
    struct wb_version version = version_of(100LL * MIB, "v1");
    struct wb_replica other = replica_on_c(digest, &version);
    other.chunk_bytes = 16 * MIB;
    event(drive, WB_EVENT_WRITTEN, 100LL * MIB, "v1");
    give_with(drive, &other);
    check_state(drive, WB_JOB_OPENING);
    assert_string_equal(drive->link.job->from, "c");
    struct wb_result result = answer(drive, WB_OUTCOME_FAILED);
    (void)wb_err_at(&err, WB_SCOPE_TARGET, "open", WB_CAT_UNSUPPORTED, "no ranges here");
    result.error = &err;
    step(drive, (struct wb_input){.kind = WB_INPUT_REPORT,
                                  .op = WB_OP_OPEN,
                                  .result = &result,
                                  .from = "c",
                                  .other = &other});
    check_state(drive, WB_JOB_WAITING);
    give_with(drive, &other);
    check_state(drive, WB_JOB_COPYING);
    assert_string_equal(drive->outbox.first_intent->from, "");
}

/* ---- what a late answer or event must not hide ---- */

static void a_late_event_of_the_copied_version_does_not_hide_a_delete(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "one");
    event(drive, WB_EVENT_DELETED, -1, "");
    event(drive, WB_EVENT_WRITTEN, 100, "v1"); /* the first one again */
    matched(drive, "one", &version);
    published(drive, "one");
    assert_non_null(drive->link.job); /* the source is looked at again */
}

static void a_source_that_was_seen_to_go_on_is_looked_at_again(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "one");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    struct wb_result result = answer(drive, WB_OUTCOME_MATCH);
    result.instance = "one";
    result.tag = "tag";
    result.version = &version;
    result.source_state = WB_SOURCE_GONE;
    verdict(drive, WB_OP_COPY, result);
    published(drive, "one");
    assert_non_null(drive->link.job);
}

static void what_was_published_after_all_is_ours_to_delete(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "one");
    matched(drive, "one", &version);
    failed(drive, WB_OP_PUBLISH, WB_CAT_IO, "one");
    check_state(drive, WB_JOB_FENCING);
    assert_string_equal(drive->outbox.first_intent->file.tag, "tag");
    struct wb_result gone = answer(drive, WB_OUTCOME_DISCARDED);
    gone.instance = "one";
    gone.tag = "tag"; /* it lies under the final name */
    report(drive, WB_OP_DISCARD, gone);
    event(drive, WB_EVENT_DELETED, -1, "");
    give(drive);
    assert_int_equal(drive->outbox.first_intent->op, WB_OP_DELETE);
    assert_string_equal(drive->outbox.first_intent->file.tag, "tag");
}

static void a_discard_is_never_too_late(void **state)
{
    struct drive *drive = *state;
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "one");
    cancel(drive, INT64_MAX, WB_END_DEAD);
    assert_int_equal(drive->outbox.first_intent->op, WB_OP_DISCARD);
    assert_int_equal(drive->outbox.first_intent->not_after_ms, 0);
}

static void a_link_has_no_ranges_whatever_the_rule_asks(void **state)
{
    struct drive *drive = *state;
    struct wb_version link = {WB_FILE_SYMLINK, 4000, 7, "v1"};
    drive->policy.batch_below_bytes = 10;
    drive->policy.direct_below_bytes = 20;
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    assert_int_equal(drive->outbox.first_intent->op, WB_OP_OPEN);
    struct wb_result result = answer(drive, WB_OUTCOME_PROBED);
    result.version = &link;
    report(drive, WB_OP_OPEN, result);
    give(drive);
    assert_int_equal(drive->outbox.first_intent->op, WB_OP_COPY);
    assert_int_equal(drive->outbox.first_intent->max_file_bytes, INT64_MAX);
}

static void a_range_that_a_second_execution_spoilt_is_copied_again(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(4LL * 16 * MIB, "v1");
    event(drive, WB_EVENT_WRITTEN, version.size_bytes, "v1");
    give(drive);
    opened(drive, &version);
    for (int64_t i = 0; i < 4; i++)
        proved(drive, i, WB_OUTCOME_MATCH);
    check_state(drive, WB_JOB_SEALING);
    proved(drive, 0, WB_OUTCOME_MISMATCH);
    check_state(drive, WB_JOB_WAITING);
    give(drive);
    check_state(drive, WB_JOB_RANGING);
    assert_int_equal(drive->outbox.intent_count, 1);
}

static void two_ends_of_one_turn_are_told_as_one(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "one");
    event(drive, WB_EVENT_DELETED, -1, "");
    matched(drive, "one", &version);
    published(drive, "one");
    give(drive);
    struct wb_result gone = answer(drive, WB_OUTCOME_DELETED);
    report(drive, WB_OP_DELETE, gone);
    check_ended(drive, WB_END_DELETED);
    assert_int_equal(drive->link.replica->event_count, 2);
}

static void what_was_published_unheard_stays_ours_when_its_job_ends(void **state)
{
    struct drive *drive = *state;
    struct wb_version version = version_of(100, "v1");
    drive->policy.options.keep = true;
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    give(drive);
    copied(drive, "one");
    matched(drive, "one", &version);
    failed(drive, WB_OP_PUBLISH, WB_CAT_IO, "one");
    struct wb_result gone = answer(drive, WB_OUTCOME_DISCARDED);
    gone.instance = "one";
    gone.tag = "tag";
    report(drive, WB_OP_DISCARD, gone);
    give(drive);
    assert_string_equal(drive->outbox.first_intent->file.replaces, "tag");
    cancel(drive, INT64_MAX, WB_END_SUPERSEDED);
    assert_string_equal(drive->link.replica->tag, "tag");
    assert_null(drive->link.replica->version);
    event(drive, WB_EVENT_WRITTEN, 100, "v2");
    give(drive);
    assert_string_equal(drive->outbox.first_intent->file.replaces, "tag");
}

static void a_replica_that_fails_as_source_gives_way_to_the_source(void **state)
{
    struct drive *drive = *state;
    uint8_t digest[WB_DIGEST_SIZE];
    struct wb_version version = version_of(100, "v1");
    struct wb_replica other = replica_on_c(digest, &version);
    event(drive, WB_EVENT_WRITTEN, 100, "v1");
    for (int round = 0; round < 20 && drive->link.job->state != WB_JOB_DEAD; round++) {
        struct wb_err err;
        struct wb_result result = answer(drive, WB_OUTCOME_FAILED);
        (void)wb_err_at(&err, WB_SCOPE_SOURCE, "copy", WB_CAT_IO, "on purpose");
        result.error = &err;
        give_with(drive, NULL);
        step(drive, (struct wb_input){.kind = WB_INPUT_REPORT,
                                      .op = WB_OP_COPY,
                                      .result = &result,
                                      .from = drive->link.job->from,
                                      .other = &other});
    }
    check_state(drive, WB_JOB_DEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAN_TEST(a_sick_nodes_failures_use_up_no_attempt),
        PLAN_TEST(a_task_that_nobody_survives_travels_alone_and_ends_dead),
        PLAN_TEST(while_no_worker_answers_nothing_is_given_up),
        PLAN_TEST(what_is_called_off_leaves_nothing_staged),
        PLAN_TEST(what_was_told_to_publish_is_not_called_off),
        PLAN_TEST(fences_that_are_called_off_are_kept),
        PLAN_TEST(a_target_without_ranges_gets_the_file_in_one),
        PLAN_TEST(who_reads_a_large_file_whole_is_given_the_time),
        PLAN_TEST(a_digest_of_a_large_file_is_given_the_time),
        PLAN_TEST(what_came_after_the_cancel_goes_on),
        PLAN_TEST(a_file_that_is_the_same_is_adopted_not_copied),
        PLAN_TEST(a_file_that_only_looks_the_same_is_copied_over),
        PLAN_TEST(where_the_source_fails_another_replica_serves),
        PLAN_TEST(a_late_event_among_others_is_not_served_by_a_replica),
        PLAN_TEST(a_replica_that_has_rotted_is_no_source),
        PLAN_TEST(a_source_and_a_replica_that_both_fail_use_up_the_attempts),
        PLAN_TEST(a_replica_of_another_version_is_no_source),
        PLAN_TEST(what_goes_in_one_is_not_read_at_a_replica_in_ranges),
        PLAN_TEST(what_a_replica_lacks_the_source_may_still_hold),
        PLAN_TEST(a_late_event_of_the_copied_version_does_not_hide_a_delete),
        PLAN_TEST(a_source_that_was_seen_to_go_on_is_looked_at_again),
        PLAN_TEST(what_was_published_after_all_is_ours_to_delete),
        PLAN_TEST(a_discard_is_never_too_late),
        PLAN_TEST(a_link_has_no_ranges_whatever_the_rule_asks),
        PLAN_TEST(a_range_that_a_second_execution_spoilt_is_copied_again),
        PLAN_TEST(two_ends_of_one_turn_are_told_as_one),
        PLAN_TEST(what_was_published_unheard_stays_ours_when_its_job_ends),
        PLAN_TEST(a_replica_that_fails_as_source_gives_way_to_the_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A worker that wakes late never brings an older version back: the planner's part is played by
 * hand, task by task, so that each race has one order and one outcome (WB_KAFKA, WB_PREFIX,
 * WB_SCRATCH with the nodes a and b below it). */
#include "tests/e2e/races/ring.h"

/* ---- races ---- */

static void a_late_publish_of_a_discarded_instance_changes_nothing(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "publish", "one");
    struct wb_result *old = copy(ring, "publish");
    write_file(ring, "a", "publish", "two!");
    struct wb_result *new = copy(ring, "publish");
    struct wb_task_file fence = file_of("publish");
    fence.instance = old->instance;
    check_outcome(give(ring, WB_OP_DISCARD, fence, 0), "discarded");
    check_outcome(publish(ring, "publish", new), "published");
    struct wb_result *late = publish(ring, "publish", old);
    check_outcome(late, "failed");
    assert_int_equal(late->error->category, WB_CAT_NOT_FOUND);
    check_file(ring, "publish", "two!");
}

static void a_publish_that_comes_twice_is_published_once(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "twice", "one");
    struct wb_result *copied = copy(ring, "twice");
    check_outcome(publish(ring, "twice", copied), "published");
    check_outcome(publish(ring, "twice", copied), "published");
    check_file(ring, "twice", "one");
    write_file(ring, "a", "twice", "newer");
    check_outcome(publish(ring, "twice", copy(ring, "twice")), "published");
    check_outcome(publish(ring, "twice", copied), "failed");
    check_file(ring, "twice", "newer");
}

static void a_late_duplicate_of_a_copy_stages_an_instance_of_its_own(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "copy", "one");
    struct wb_result *first = copy(ring, "copy");
    struct wb_result *second = copy(ring, "copy");
    assert_string_not_equal(first->instance, second->instance);
    check_outcome(publish(ring, "copy", first), "published");
    write_file(ring, "a", "copy", "two!");
    struct wb_result *late = copy(ring, "copy");
    check_file(ring, "copy", "one");
    assert_string_not_equal(late->instance, first->instance);
}

static void a_late_range_is_not_written_into_what_was_published(void **state)
{
    struct ring *ring = *state;
    struct wb_range range;
    write_file(ring, "a", "range", "large");
    struct wb_result *opened = give(ring, WB_OP_OPEN, file_of("range"), 0);
    check_outcome(opened, "opened");
    struct wb_task_file file = range_of("range", opened, &range);
    check_outcome(give(ring, WB_OP_RANGE, file, 0), "ranged");
    struct wb_result *sealed = give(ring, WB_OP_SEAL, file, 0);
    check_outcome(sealed, "sealed");
    check_outcome(publish(ring, "range", sealed), "published");
    int64_t before_ns = mtime_ns(ring, "range");
    struct wb_result *late = give(ring, WB_OP_RANGE, file, 0);
    check_outcome(late, "failed");
    assert_int_equal(late->error->category, WB_CAT_NOT_FOUND);
    check_file(ring, "range", "large");
    assert_int_equal(mtime_ns(ring, "range"), before_ns);
}

static void a_late_range_of_a_source_that_went_on_is_refused(void **state)
{
    struct ring *ring = *state;
    struct wb_range range;
    write_file(ring, "a", "moved", "older");
    struct wb_result *opened = give(ring, WB_OP_OPEN, file_of("moved"), 0);
    struct wb_task_file file = range_of("moved", opened, &range);
    check_outcome(give(ring, WB_OP_RANGE, file, 0), "ranged");
    write_file(ring, "a", "moved", "NEWER");
    struct wb_result *late = give(ring, WB_OP_RANGE, file, 0);
    check_outcome(late, "failed");
    assert_int_equal(late->error->category, WB_CAT_CHANGED);
    struct wb_result *sealed = give(ring, WB_OP_SEAL, file, 0);
    check_outcome(sealed, "failed");
    assert_int_equal(sealed->error->category, WB_CAT_CHANGED);
}

static void a_late_delete_never_removes_what_the_source_holds(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "delete", "one");
    struct wb_result *old = copy(ring, "delete");
    check_outcome(publish(ring, "delete", old), "published");
    struct wb_task_file file = file_of("delete");
    file.tag = old->tag;
    check_outcome(give(ring, WB_OP_DELETE, file, 0), "probed");
    check_file(ring, "delete", "one");
    assert_int_equal(unlink(place(ring, "a", "delete")), 0);
    check_outcome(give(ring, WB_OP_DELETE, file, 0), "deleted");
    assert_int_equal(access(place(ring, "b", "delete"), F_OK), -1);
    write_file(ring, "a", "delete", "again");
    check_outcome(publish(ring, "delete", copy(ring, "delete")), "published");
    check_outcome(give(ring, WB_OP_DELETE, file, 0), "probed");
    check_file(ring, "delete", "again");
}

static void a_delete_spares_a_file_that_is_not_ours(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "b", "stranger", "not ours");
    struct wb_task_file file = file_of("stranger");
    file.tag = "1-2-3";
    struct wb_result *result = give(ring, WB_OP_DELETE, file, 0);
    check_outcome(result, "failed");
    assert_int_equal(result->error->category, WB_CAT_CONFLICT);
    check_file(ring, "stranger", "not ours");
}

static void a_task_past_its_time_has_no_effect(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "expired", "one");
    struct wb_result *copied = copy(ring, "expired");
    struct wb_task_file file = file_of("expired");
    file.instance = copied->instance;
    file.tag = copied->tag;
    struct wb_result *late = give(ring, WB_OP_PUBLISH, file, wb_clock_wall_ms() - 1);
    check_outcome(late, "failed");
    assert_int_equal(late->error->category, WB_CAT_EXPIRED);
    assert_int_equal(access(place(ring, "b", "expired"), F_OK), -1);
}

static void an_instance_changed_after_its_proof_is_not_published(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "proof", "proved");
    struct wb_result *copied = copy(ring, "proof");
    const char *staged = wb_arena_printf(ring->arena, ".waybill/%s", copied->instance);
    write_file(ring, "b", staged, "other!");
    struct wb_result *result = publish(ring, "proof", copied);
    check_outcome(result, "failed");
    assert_int_equal(access(place(ring, "b", "proof"), F_OK), -1);
}

static void paths_outside_the_root_are_refused(void **state)
{
    struct ring *ring = *state;
    assert_true(symlink("/etc", place(ring, "a", "way")) == 0 || errno == EEXIST);
    check_outcome(give(ring, WB_OP_COPY, file_of("way/passwd"), 0), "absent");
    check_outcome(give(ring, WB_OP_COPY, file_of("../a/way"), 0), "failed");
    check_outcome(give(ring, WB_OP_COPY, file_of("/etc/passwd"), 0), "failed");
    struct wb_task_file file = file_of("x");
    file.instance = "../../a/way";
    check_outcome(give(ring, WB_OP_DISCARD, file, 0), "failed");
}

/* ---- proofs ---- */

/* Other bytes under the same identity: size and time stay. */
static void corrupt(struct ring *ring, const struct wb_result *staged)
{
    struct stat before;
    const char *name = wb_arena_printf(ring->arena, ".waybill/%s", staged->instance);
    const char *path = place(ring, "b", name);
    assert_int_equal(stat(path, &before), 0);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "X", 1, 0), 1);
    const struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(close(fd), 0);
}

static void a_good_copy_matches(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "good", "bytes");
    struct wb_result *verdict = judge(ring, WB_OP_COPY, *copy(ring, "good"));
    check_outcome(verdict, "match");
    assert_int_equal(verdict->source_state, WB_SOURCE_SAME);
}

static void bytes_that_differ_on_the_target_are_a_mismatch(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "flipped", "bytes");
    struct wb_result *copied = copy(ring, "flipped");
    corrupt(ring, copied);
    struct wb_result *verdict = judge(ring, WB_OP_COPY, *copied);
    check_outcome(verdict, "mismatch");
    assert_int_equal(verdict->error->scope, WB_SCOPE_TARGET);
    assert_true(verdict->error->retryable);
    assert_string_equal(verdict->error->code, "TARGET_WRITE");
}

static void a_range_that_differs_is_the_one_that_is_named(void **state)
{
    struct ring *ring = *state;
    struct wb_range range;
    write_file(ring, "a", "halves", "firsthalfsecondhalf");
    struct wb_result *opened = give(ring, WB_OP_OPEN, file_of("halves"), 0);
    struct wb_task_file file = range_of("halves", opened, &range);
    struct wb_range two[] = {{.length = 9, .tag = ""}, {.offset = 9, .length = 10, .tag = ""}};
    file.ranges = two;
    file.range_count = 2;
    struct wb_result *ranged = give(ring, WB_OP_RANGE, file, 0);
    check_outcome(ranged, "ranged");
    check_outcome(judge(ring, WB_OP_RANGE, *ranged), "match");
    corrupt(ring, ranged);
    struct wb_result *verdict = judge(ring, WB_OP_RANGE, *ranged);
    check_outcome(verdict, "mismatch");
    assert_int_equal(verdict->range_count, 1);
    assert_int_equal(verdict->ranges[0].offset, 0);
}

static void a_source_that_went_on_is_seen(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "went", "older");
    struct wb_result *copied = copy(ring, "went");
    write_file(ring, "a", "went", "newer");
    struct wb_result *verdict = judge(ring, WB_OP_COPY, *copied);
    check_outcome(verdict, "match");
    assert_int_equal(verdict->source_state, WB_SOURCE_CHANGED);
    assert_int_equal(unlink(place(ring, "a", "went")), 0);
    assert_int_equal(judge(ring, WB_OP_COPY, *copied)->source_state, WB_SOURCE_GONE);
}

static void an_instance_that_is_gone_is_no_proof(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "away", "bytes");
    struct wb_result *copied = copy(ring, "away");
    struct wb_task_file file = file_of("away");
    file.instance = copied->instance;
    check_outcome(give(ring, WB_OP_DISCARD, file, 0), "discarded");
    check_outcome(judge(ring, WB_OP_COPY, *copied), "failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_publish_of_a_discarded_instance_changes_nothing),
        cmocka_unit_test(a_publish_that_comes_twice_is_published_once),
        cmocka_unit_test(a_late_duplicate_of_a_copy_stages_an_instance_of_its_own),
        cmocka_unit_test(a_late_range_is_not_written_into_what_was_published),
        cmocka_unit_test(a_late_range_of_a_source_that_went_on_is_refused),
        cmocka_unit_test(a_late_delete_never_removes_what_the_source_holds),
        cmocka_unit_test(a_delete_spares_a_file_that_is_not_ours),
        cmocka_unit_test(a_task_past_its_time_has_no_effect),
        cmocka_unit_test(an_instance_changed_after_its_proof_is_not_published),
        cmocka_unit_test(paths_outside_the_root_are_refused),
        cmocka_unit_test(a_good_copy_matches),
        cmocka_unit_test(bytes_that_differ_on_the_target_are_a_mismatch),
        cmocka_unit_test(a_range_that_differs_is_the_one_that_is_named),
        cmocka_unit_test(a_source_that_went_on_is_seen),
        cmocka_unit_test(an_instance_that_is_gone_is_no_proof),
    };
    if (!getenv("WB_KAFKA"))
        return 77;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

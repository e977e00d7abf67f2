/* What workers do with nodes that are not as they should be: without their marker, with files that
 * were there before, with a source that fails while a replica is well. */
#include "tests/e2e/races/ring.h"

static void put_health(struct ring *ring, const char *node, const char *marker)
{
    struct wb_err err;
    char topic[TOPIC_MAX];
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    const struct wb_node_health health = {.name = node, .marker = marker, .free_bytes = -1};
    const char *key = wb_arena_printf(ring->arena, "health/%s", node);
    check_ok(wb_codec_encode(ring->codec, WB_RECORD_NODE_HEALTH, &health, &value, &err));
    check_ok(wb_producer_send(ring->producer,
                              wb_topic_name(ring->config, WB_TOPIC_NODES, NULL, topic), 0,
                              wb_span_str(key), wb_buf_span(&value), 0, &err));
}

/* Copies until it goes as is wanted: workers hear of a record some time after it is written. */
static struct wb_result *copy_until(struct ring *ring, const char *name, const char *want)
{
    int64_t until_ms = wb_clock_mono_ms() + WAIT_MS;
    struct wb_result *result = give(ring, WB_OP_COPY, file_of(name), 0);
    while (strcmp(wb_outcome_name(result->outcome), want) != 0 && wb_clock_mono_ms() < until_ms)
        result = give(ring, WB_OP_COPY, file_of(name), 0);
    check_outcome(result, want);
    return result;
}

static struct wb_result *check(struct ring *ring, const char *side, const char *marker)
{
    struct wb_task_file file = file_of(side);
    file.tag = marker;
    return give(ring, WB_OP_CHECK, file, 0);
}

static void check_error(const struct wb_result *result, enum wb_scope scope,
                        enum wb_category category)
{
    check_outcome(result, "failed");
    assert_string_equal(wb_category_name(result->error->category), wb_category_name(category));
    assert_int_equal(result->error->scope, scope);
}

static void a_check_tells_how_a_node_is(void **state)
{
    struct ring *ring = *state;
    struct wb_result *first = check(ring, "target", "");
    check_outcome(first, "checked");
    assert_true(first->free_bytes > 0);
    assert_true(strlen(first->tag) >= 16);
    struct wb_result *again = check(ring, "target", first->tag);
    check_outcome(again, "checked");
    assert_string_equal(again->tag, first->tag);
    struct wb_result *other = check(ring, "target", "another");
    check_error(other, WB_SCOPE_TARGET, WB_CAT_UNREACHABLE);
    assert_string_equal(other->tag, first->tag);
    check_error(check(ring, "roof", ""), WB_SCOPE_TRANSFER, WB_CAT_UNSUPPORTED);
}

static void a_source_is_only_looked_at(void **state)
{
    struct ring *ring = *state;
    struct wb_result *result = check(ring, "source", "");
    check_outcome(result, "checked");
    assert_true(result->free_bytes > 0);
    assert_int_equal(access(place(ring, "a", ".waybill"), F_OK), -1);
}

static void a_root_with_another_marker_is_not_the_node(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "another", "bytes");
    const char *marker = check(ring, "target", "")->tag;
    put_health(ring, "b", "0123456789abcdef");
    check_error(copy_until(ring, "another", "failed"), WB_SCOPE_TARGET, WB_CAT_UNREACHABLE);
    put_health(ring, "b", marker);
    check_outcome(copy_until(ring, "another", "copied"), "copied");
}

/* After the test before this one the worker knows the marker. */
static void nothing_is_written_to_a_root_without_its_marker(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "marked", "bytes");
    const char *marker = check(ring, "target", "")->tag;
    assert_int_equal(rename(place(ring, "b", ""), place(ring, "b.away", "")), 0);
    assert_int_equal(mkdir(place(ring, "b", ""), 0700), 0);
    struct wb_result *result = copy_until(ring, "marked", "failed");
    check_error(result, WB_SCOPE_TARGET, WB_CAT_UNREACHABLE);
    assert_true(result->error->retryable);
    assert_non_null(strstr(result->error->text, "marker"));
    check_error(check(ring, "target", marker), WB_SCOPE_TARGET, WB_CAT_UNREACHABLE);
    assert_int_equal(rmdir(place(ring, "b", "")), 0); /* fails when anything got in */
    assert_int_equal(rename(place(ring, "b.away", ""), place(ring, "b", "")), 0);
    check_outcome(copy_until(ring, "marked", "copied"), "copied");
}

/* ---- what is there already ---- */

/* The same time and mode as on a. */
static void write_like(struct ring *ring, const char *node, const char *name, const char *text)
{
    struct stat source;
    write_file(ring, node, name, text);
    assert_int_equal(stat(place(ring, "a", name), &source), 0);
    const struct timespec times[2] = {source.st_atim, source.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, place(ring, node, name), times, 0), 0);
}

static void what_the_target_holds_is_compared_not_copied(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "present", "bytes");
    write_like(ring, "b", "present", "bytes");
    struct wb_result *present = give(ring, WB_OP_COPY, file_of("present"), 0);
    check_outcome(present, "present");
    assert_string_equal(present->instance, "");
    check_outcome(judge(ring, WB_OP_COPY, *present), "match");
    check_outcome(give(ring, WB_OP_OPEN, file_of("present"), 0), "present");
    assert_int_equal(chmod(place(ring, "b", "present"), 0640), 0);
    check_outcome(copy(ring, "present"), "copied");
}

static void other_bytes_of_the_same_look_are_not_adopted(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "lookalike", "bytes");
    write_like(ring, "b", "lookalike", "BYTES");
    struct wb_result *present = give(ring, WB_OP_COPY, file_of("lookalike"), 0);
    check_outcome(present, "present");
    struct wb_result *verdict = judge(ring, WB_OP_COPY, *present);
    check_outcome(verdict, "mismatch");
    assert_int_equal(verdict->error->category, WB_CAT_CONFLICT);
    struct wb_task_file fresh = file_of("lookalike");
    fresh.fresh = true;
    check_outcome(give(ring, WB_OP_COPY, fresh, 0), "copied");
    check_outcome(give(ring, WB_OP_OPEN, fresh, 0), "opened");
    ring->options.keep = true;
    struct wb_result *kept = give(ring, WB_OP_COPY, fresh, 0);
    struct wb_result *not_opened = give(ring, WB_OP_OPEN, fresh, 0);
    ring->options.keep = false;
    check_error(kept, WB_SCOPE_TARGET, WB_CAT_CONFLICT);
    assert_false(kept->error->retryable);
    check_error(not_opened, WB_SCOPE_TARGET, WB_CAT_CONFLICT);
}

static void a_present_file_that_is_replaced_is_not_adopted(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "swapped", "bytes");
    write_like(ring, "b", "swapped", "bytes");
    struct wb_result *present = give(ring, WB_OP_COPY, file_of("swapped"), 0);
    check_outcome(present, "present");
    write_file(ring, "b", "swapped.new", "other");
    assert_int_equal(rename(place(ring, "b", "swapped.new"), place(ring, "b", "swapped")), 0);
    struct wb_result *verdict = judge(ring, WB_OP_COPY, *present);
    check_outcome(verdict, "mismatch");
    assert_int_equal(verdict->error->category, WB_CAT_CHANGED);
}

static void a_stranger_that_came_meanwhile_is_kept(void **state)
{
    struct ring *ring = *state;
    write_file(ring, "a", "kept", "ours");
    struct wb_task_file file = file_of("kept");
    ring->options.keep = true;
    struct wb_result *first = copy(ring, "kept");
    write_file(ring, "b", "kept", "a stranger's");
    file.instance = first->instance;
    file.tag = first->tag;
    struct wb_result *result = give(ring, WB_OP_PUBLISH, file, 0);
    assert_int_equal(unlink(place(ring, "b", "kept")), 0);
    check_error(result, WB_SCOPE_TARGET, WB_CAT_CONFLICT);
    check_outcome(give(ring, WB_OP_PUBLISH, file, 0), "published");
    write_file(ring, "a", "kept", "newer");
    struct wb_task_file next = file_of("kept");
    next.replaces = first->tag;
    struct wb_result *second = give(ring, WB_OP_COPY, next, 0);
    check_outcome(second, "copied");
    next.instance = second->instance;
    next.tag = second->tag;
    next.replaces = "";
    check_error(give(ring, WB_OP_PUBLISH, next, 0), WB_SCOPE_TARGET, WB_CAT_CONFLICT);
    next.replaces = first->tag;
    check_outcome(give(ring, WB_OP_PUBLISH, next, 0), "published");
    ring->options.keep = false;
    check_file(ring, "kept", "newer");
}

/* ---- replicas as sources ---- */

static void a_replica_serves_where_the_source_fails(void **state)
{
    struct ring *ring = *state;
    struct stat info;
    write_file(ring, "a", "replica", "bytes");
    write_like(ring, "c", "replica", "bytes");
    assert_int_equal(stat(place(ring, "a", "replica"), &info), 0);
    struct wb_version version = {WB_FILE_REGULAR, info.st_size,
                                 (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec,
                                 "of the source"};
    struct wb_task_file file = file_of("replica");
    file.version = &version;
    assert_int_equal(unlink(place(ring, "a", "replica")), 0);
    ring->from = "c";
    struct wb_result *copied = give(ring, WB_OP_COPY, file, 0);
    check_outcome(copied, "copied");
    assert_string_not_equal(copied->version->etag, version.etag);
    struct wb_result *verdict = judge(ring, WB_OP_COPY, *copied);
    check_outcome(verdict, "match");
    assert_int_equal(verdict->source_state, WB_SOURCE_GONE);
    struct wb_range range = {.length = version.size_bytes, .tag = ""};
    struct wb_result *opened = give(ring, WB_OP_OPEN, file, 0);
    check_outcome(opened, "opened");
    file.instance = opened->instance;
    file.ranges = &range;
    file.range_count = 1;
    check_outcome(give(ring, WB_OP_RANGE, file, 0), "ranged");
    struct wb_result *sealed = give(ring, WB_OP_SEAL, file, 0);
    ring->from = NULL;
    check_outcome(sealed, "sealed");
}

static void a_replica_that_is_not_as_proved_is_a_fault_of_its_own(void **state)
{
    struct ring *ring = *state;
    struct wb_version version = {WB_FILE_REGULAR, 5, 7000000000, ""};
    struct wb_task_file file = file_of("stale");
    write_file(ring, "a", "stale", "bytes");
    file.version = &version;
    ring->from = "c";
    struct wb_result *lacking = give(ring, WB_OP_COPY, file, 0);
    write_file(ring, "c", "stale", "bytes");
    struct wb_result *other = give(ring, WB_OP_COPY, file, 0);
    ring->from = NULL;
    check_error(lacking, WB_SCOPE_SOURCE, WB_CAT_NOT_FOUND);
    check_error(other, WB_SCOPE_SOURCE, WB_CAT_CHANGED);
    assert_non_null(strstr(other->error->text, "\"c\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_tells_how_a_node_is),
        cmocka_unit_test(a_source_is_only_looked_at),
        cmocka_unit_test(a_root_with_another_marker_is_not_the_node),
        cmocka_unit_test(nothing_is_written_to_a_root_without_its_marker),
        cmocka_unit_test(what_the_target_holds_is_compared_not_copied),
        cmocka_unit_test(other_bytes_of_the_same_look_are_not_adopted),
        cmocka_unit_test(a_present_file_that_is_replaced_is_not_adopted),
        cmocka_unit_test(a_stranger_that_came_meanwhile_is_kept),
        cmocka_unit_test(a_replica_serves_where_the_source_fails),
        cmocka_unit_test(a_replica_that_is_not_as_proved_is_a_fault_of_its_own),
    };
    if (!getenv("WB_KAFKA"))
        return 77;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#include "producer/put.h"
#include "tests/check.h"

static void an_event_claims_what_the_store_saw(void **state)
{
    struct wb_stat stat = {.version = {.kind = WB_FILE_REGULAR, .size_bytes = 5, .mtime_ns = 7},
                           .etag = "inode-ctime"};
    (void)state;
    stat.version.etag = stat.etag;
    const struct wb_file_event event = wb_event_written("a", wb_span_str("x"), &stat);
    assert_int_equal(event.kind, WB_EVENT_WRITTEN);
    assert_string_equal(event.node, "a");
    check_span(event.path, "x");
    assert_int_equal(event.size_bytes, 5);
    assert_int_equal(event.mtime_ns, 7);
    assert_string_equal(event.etag, "inode-ctime");
    assert_null(event.id);
}

static void an_event_of_a_file_that_is_gone_claims_nothing(void **state)
{
    const struct wb_file_event event = wb_event_deleted("a", wb_span_str("x"));
    (void)state;
    assert_int_equal(event.kind, WB_EVENT_DELETED);
    assert_int_equal(event.size_bytes, -1);
    assert_int_equal(event.mtime_ns, -1);
    assert_null(event.etag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_claims_what_the_store_saw),
        cmocka_unit_test(an_event_of_a_file_that_is_gone_claims_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

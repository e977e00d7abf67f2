#include <unistd.h>

#include "producer/seen.h"
#include "tests/check.h"

enum { MANY = 1300 };

struct fixture {
    char folder[64];
    char path[96];
    struct wb_seen *seen;
};

static int set_up(void **state)
{
    struct wb_err err;
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/wb-seen-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/seen.db", fixture->folder);
    check_ok(wb_seen_open(fixture->path, &fixture->seen, &err));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct fixture *fixture = *state;
    wb_seen_close(&fixture->seen);
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s%s", fixture->path, endings[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static struct wb_version version_of(int64_t size_bytes, const char *etag)
{
    return (struct wb_version){.size_bytes = size_bytes, .mtime_ns = 7, .etag = etag};
}

static void put(struct fixture *fixture, struct wb_span path, int64_t size_bytes)
{
    struct wb_err err;
    const struct wb_version version = version_of(size_bytes, "e");
    check_ok(wb_seen_put(fixture->seen, path, &version, &err));
}

static bool looks_same(struct fixture *fixture, const char *path, struct wb_version version)
{
    struct wb_err err;
    bool same;
    check_ok(wb_seen_look(fixture->seen, wb_span_str(path), &version, &same, &err));
    return same;
}

struct found {
    struct fixture *fixture;
    size_t count;
    char names[256];
    bool forget;
};

static enum wb_rc note(void *arg, struct wb_span path, struct wb_err *err)
{
    struct found *found = arg;
    size_t len = strlen(found->names);
    found->count++;
    if (len + path.len + 2 < sizeof(found->names))
        (void)snprintf(found->names + len, sizeof(found->names) - len, "%.*s ", (int)path.len,
                       (const char *)path.data);
    return found->forget ? wb_seen_put(found->fixture->seen, path, NULL, err) : WB_OK;
}

static struct found names_below(struct fixture *fixture, const char *prefix, bool untouched,
                                bool forget)
{
    struct wb_err err;
    struct found found = {.fixture = fixture, .forget = forget};
    check_ok(wb_seen_each(fixture->seen, wb_span_str(prefix), untouched, note, &found, &err));
    return found;
}

static void only_the_very_version_published_is_the_same(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, wb_span_str("x"), 5);
    assert_true(looks_same(fixture, "x", version_of(5, "e")));
    assert_false(looks_same(fixture, "x", version_of(6, "e")));
    assert_false(looks_same(fixture, "x", version_of(5, "other")));
    assert_false(looks_same(fixture, "y", version_of(5, "e")));
}

static void what_a_scan_does_not_touch_has_gone(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    put(fixture, wb_span_str("gone"), 1);
    put(fixture, wb_span_str("here"), 1);
    put(fixture, wb_span_str("changed"), 1);
    check_ok(wb_seen_scan_begin(fixture->seen, &err));
    (void)looks_same(fixture, "here", version_of(1, "e"));
    (void)looks_same(fixture, "changed", version_of(2, "e"));
    put(fixture, wb_span_str("new"), 1);
    assert_string_equal(names_below(fixture, "", true, false).names, "gone ");
}

static void a_prefix_is_a_folder_not_a_beginning(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"a", "a-b/x", "a/x", "a/y/z", "a0", "b/x"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        put(fixture, wb_span_str(names[i]), 1);
    assert_string_equal(names_below(fixture, "a", false, false).names, "a/x a/y/z ");
    assert_int_equal(names_below(fixture, "", false, false).count, 6);
}

static void visitors_may_forget_what_they_see_over_many_pages(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    bool empty;
    for (int i = 0; i < MANY; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "f/%05d", i);
        put(fixture, wb_span_str(name), i);
    }
    assert_int_equal(names_below(fixture, "f", false, true).count, MANY);
    check_ok(wb_seen_is_empty(fixture->seen, &empty, &err));
    assert_true(empty);
}

static void names_are_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    bool has;
    put(fixture, wb_span_str("new\nline\x01\xff"), 1);
    check_ok(wb_seen_has(fixture->seen, wb_span_str("new\nline\x01\xff"), &has, &err));
    assert_true(has);
    check_ok(wb_seen_has(fixture->seen, wb_span_str("new\nline\x01"), &has, &err));
    assert_false(has);
}

static void what_was_committed_outlives_the_process(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    check_ok(wb_seen_scan_begin(fixture->seen, &err));
    put(fixture, wb_span_str("old"), 1);
    check_ok(wb_seen_commit(fixture->seen, &err));
    wb_seen_close(&fixture->seen);
    check_ok(wb_seen_open(fixture->path, &fixture->seen, &err));
    assert_true(looks_same(fixture, "old", version_of(1, "e")));
    /* The next scan has a number of its own: what the former one touched counts as untouched. */
    check_ok(wb_seen_scan_begin(fixture->seen, &err));
    assert_string_equal(names_below(fixture, "", true, false).names, "old ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_the_very_version_published_is_the_same, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_a_scan_does_not_touch_has_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_prefix_is_a_folder_not_a_beginning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(visitors_may_forget_what_they_see_over_many_pages, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(names_are_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_committed_outlives_the_process, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

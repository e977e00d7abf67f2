/* Comparing two real trees, and that nothing is left behind. */
#include "tests/check.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/compare.h"
#include "core/base/clock.h"

enum { BLOCK = 1024 * 1024, PATH_BYTES = 512 };

struct fixture {
    char folder[64];
    char scratch[80];
    struct wb_config *config;
    struct wb_store *stores[2];
};

static void put_file(const struct fixture *fixture, char side, const char *name, const char *bytes,
                     size_t len)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/%c/%s", fixture->folder, side, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    (void)close(fd);
}

static void put_both(const struct fixture *fixture, const char *name, const char *a, const char *b)
{
    put_file(fixture, 'a', name, a, strlen(a));
    put_file(fixture, 'b', name, b, strlen(b));
}

static void put_link(const struct fixture *fixture, char side, const char *name, const char *text)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/%c/%s", fixture->folder, side, name);
    assert_int_equal(symlink(text, path), 0);
}

static enum wb_rc note(void *arg, enum wb_compare_mark mark, struct wb_span path, const char *why,
                       struct wb_err *err)
{
    (void)why;
    return wb_buf_printf(arg, err, "%c%.*s ", (char)mark, (int)path.len, path.data);
}

static enum wb_rc compare(struct fixture *fixture, const char *prefix, int64_t deadline_ms,
                          struct wb_buf *marks, struct wb_err *err)
{
    const struct wb_compare_side source = {fixture->stores[0], wb_span_str(prefix)};
    const struct wb_compare_side target = {fixture->stores[1], wb_span_str(prefix)};
    const struct wb_compare_options options = {.scratch_dir = fixture->scratch,
                                               .deadline_ms = deadline_ms};
    return wb_compare_trees(&source, &target, &options, note, marks, err);
}

static void expect_marks(struct fixture *fixture, const char *prefix, const char *marks)
{
    struct wb_err err;
    struct wb_buf found WB_AUTO(wb_buf_free) = wb_buf_make(4096);
    check_ok(compare(fixture, prefix, 0, &found, &err));
    assert_string_equal(wb_buf_cstr(&found), marks);
    /* rmdir works on an empty folder only. */
    assert_int_equal(rmdir(fixture->scratch), 0);
    assert_int_equal(mkdir(fixture->scratch, 0700), 0);
}

static void each_kind_of_difference_has_its_mark(void **state)
{
    struct fixture *fixture = *state;
    put_both(fixture, "same", "x", "x");
    put_both(fixture, "empty", "", "");
    put_both(fixture, "bytes", "abc", "abd");
    put_both(fixture, "size", "abc", "ab");
    put_file(fixture, 'a', "only source", "x", 1);
    put_file(fixture, 'b', "only target", "x", 1);
    put_link(fixture, 'a', "link", "x");
    put_link(fixture, 'b', "link", "y");
    put_link(fixture, 'a', "kind", "x");
    put_file(fixture, 'b', "kind", "x", 1);
    put_both(fixture, "\xff\n", "x", "x");
    expect_marks(fixture, "",
                 "*bytes =empty *kind *link +only source -only target =same *size "
                 "=\xff\n ");
}

static void a_prefix_names_a_folder_or_a_file(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    char path[PATH_BYTES];
    struct wb_buf found WB_AUTO(wb_buf_free) = wb_buf_make(4096);
    for (const char *side = "ab"; *side; side++) {
        (void)snprintf(path, sizeof(path), "%s/%c/sub", fixture->folder, *side);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    put_both(fixture, "sub/one", "1", "1");
    put_file(fixture, 'a', "sub/two", "2", 1);
    expect_marks(fixture, "sub", "=one +two ");
    expect_marks(fixture, "sub/two", "+ ");
    check_fails(compare(fixture, "none", 0, &found, &err), WB_CAT_NOT_FOUND, "neither side");
}

static void bytes_are_compared_across_blocks(void **state)
{
    struct fixture *fixture = *state;
    char *bytes WB_AUTO(wb_free_ptr) = wb_xcalloc(1, 2 * BLOCK + 1);
    put_file(fixture, 'a', "block", bytes, 2 * BLOCK);
    put_file(fixture, 'b', "block", bytes, 2 * BLOCK);
    put_file(fixture, 'a', "last", bytes, 2 * BLOCK + 1);
    bytes[2 * BLOCK] = 1;
    put_file(fixture, 'b', "last", bytes, 2 * BLOCK + 1);
    expect_marks(fixture, "", "=block *last ");
}

static void special_files_are_no_matter_and_staging_is_not_seen(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/a/pipe", fixture->folder);
    assert_int_equal(mkfifo(path, 0644), 0);
    (void)snprintf(path, sizeof(path), "%s/a/.waybill", fixture->folder);
    assert_int_equal(mkdir(path, 0755), 0);
    put_file(fixture, 'a', ".waybill/staged", "x", 1);
    expect_marks(fixture, "", " pipe ");
    expect_marks(fixture, "pipe", "! ");
    put_file(fixture, 'b', "pipe", "x", 1);
    expect_marks(fixture, "", "-pipe ");
}

static void a_deadline_ends_it(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_buf found WB_AUTO(wb_buf_free) = wb_buf_make(4096);
    put_both(fixture, "same", "x", "x");
    check_fails(compare(fixture, "", wb_clock_mono_ms(), &found, &err), WB_CAT_TIMEOUT,
                "time limit");
}

static int set_up(void **state)
{
    struct wb_err err;
    const char *base = getenv("TMPDIR");
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "%s/waybill-cmp-XXXXXX",
                   base && strlen(base) < 40 ? base : "/tmp");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->scratch, sizeof(fixture->scratch), "%s/scratch", fixture->folder);
    assert_int_equal(mkdir(fixture->scratch, 0700), 0);
    fixture->config = wb_config_new();
    for (int i = 0; i < 2; i++) {
        char url[PATH_BYTES];
        const char name[2] = {(char)('a' + i), 0};
        (void)snprintf(url, sizeof(url), "file://%s/%s", fixture->folder, name);
        assert_int_equal(mkdir(url + strlen("file://"), 0755), 0);
        check_ok(wb_store_open(name, url, NULL, "", fixture->config, &fixture->stores[i], &err));
    }
    *state = fixture;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    wb_store_close(&fixture->stores[0]);
    wb_store_close(&fixture->stores[1]);
    wb_config_free(&fixture->config);
    int rc = nftw(fixture->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return rc;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_kind_of_difference_has_its_mark),
        TEST(a_prefix_names_a_folder_or_a_file),
        TEST(bytes_are_compared_across_blocks),
        TEST(special_files_are_no_matter_and_staging_is_not_seen),
        TEST(a_deadline_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

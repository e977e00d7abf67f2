#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "producer/notify.h"
#include "tests/check.h"

enum { PATIENCE_MS = 20000, POLL_MS = 50, FOLDERS = 40 };

struct fixture {
    char root[64];
    struct wb_notify *notify;
};

static int set_up(void **state)
{
    struct wb_err err;
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    (void)snprintf(fixture->root, sizeof(fixture->root), "/tmp/wb-notify-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    check_ok(wb_notify_new(fixture->root, &fixture->notify, &err));
    *state = fixture;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *place)
{
    (void)info;
    (void)flag;
    (void)place;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    wb_notify_free(&fixture->notify);
    (void)nftw(fixture->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    assert_int_not_equal(access(fixture->root, F_OK), 0);
    free(fixture);
    return 0;
}

static const char *full(const struct fixture *fixture, const char *name, char out[512])
{
    (void)snprintf(out, 512, "%s/%s", fixture->root, name);
    return out;
}

static void make_folder(struct fixture *fixture, const char *name)
{
    char path[512];
    assert_int_equal(mkdir(full(fixture, name, path), 0700), 0);
}

static void write_file(struct fixture *fixture, const char *name)
{
    char path[512];
    int fd = open(full(fixture, name, path), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(close(fd), 0);
}

static void move(struct fixture *fixture, const char *from, const char *to)
{
    char old[512];
    char new[512];
    assert_int_equal(rename(full(fixture, from, old), full(fixture, to, new)), 0);
}

static void watch(struct fixture *fixture, const char *prefix)
{
    struct wb_err err;
    check_ok(wb_notify_watch(fixture->notify, wb_span_str(prefix), &err));
}

struct wanted {
    enum wb_notify_kind kind;
    const char *path;
    const char *never; /* a path that must not be told of meanwhile; NULL: none */
    bool found;
};

static enum wb_rc compare(void *arg, enum wb_notify_kind kind, struct wb_span path,
                          struct wb_err *err)
{
    struct wanted *wanted = arg;
    (void)err;
    if (kind == wanted->kind && wb_span_eq(path, wb_span_str(wanted->path)))
        wanted->found = true;
    if (wanted->never && wb_span_eq(path, wb_span_str(wanted->never)))
        fail_msg("told of \"%s\"", wanted->never);
    return WB_OK;
}

static void expect_but_never(struct fixture *fixture, enum wb_notify_kind kind, const char *path,
                             const char *never)
{
    struct wb_err err;
    struct wanted wanted = {.kind = kind, .path = path, .never = never};
    int64_t until_ms = wb_clock_mono_ms() + PATIENCE_MS;
    while (!wanted.found) {
        if (wb_clock_mono_ms() > until_ms)
            fail_msg("not told of \"%s\" (%d)", path, (int)kind);
        check_ok(wb_notify_poll(fixture->notify, POLL_MS, compare, &wanted, &err));
    }
}

static void expect(struct fixture *fixture, enum wb_notify_kind kind, const char *path)
{
    expect_but_never(fixture, kind, path, NULL);
}

static void files_are_told_of_by_what_happened_to_them(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    watch(fixture, "");
    write_file(fixture, "x");
    expect(fixture, WB_NOTIFY_WRITTEN, "x");
    assert_int_equal(chmod(full(fixture, "x", path), 0644), 0);
    expect(fixture, WB_NOTIFY_TOUCHED, "x");
    move(fixture, "x", "y");
    expect(fixture, WB_NOTIFY_WRITTEN, "y");
    assert_int_equal(unlink(full(fixture, "y", path)), 0);
    expect(fixture, WB_NOTIFY_GONE, "y");
}

static void names_are_bytes(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "");
    write_file(fixture, "new\nline\x01\xff");
    expect(fixture, WB_NOTIFY_WRITTEN, "new\nline\x01\xff");
}

static void a_folder_is_watched_before_it_is_told_of(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "");
    make_folder(fixture, "in");
    make_folder(fixture, "in/ner");
    expect(fixture, WB_NOTIFY_FOLDER, "in");
    write_file(fixture, "in/ner/x");
    expect(fixture, WB_NOTIFY_WRITTEN, "in/ner/x");
}

static void a_moved_folder_tells_by_its_new_name_only(void **state)
{
    struct fixture *fixture = *state;
    make_folder(fixture, "old");
    make_folder(fixture, "old/deep");
    watch(fixture, "");
    move(fixture, "old", "new");
    expect(fixture, WB_NOTIFY_FOLDER, "new");
    write_file(fixture, "new/deep/x");
    expect_but_never(fixture, WB_NOTIFY_WRITTEN, "new/deep/x", "old/deep/x");
}

static void many_folders_that_go_at_once_are_forgotten(void **state)
{
    struct fixture *fixture = *state;
    char outside[512];
    char path[512];
    make_folder(fixture, "kept");
    make_folder(fixture, "kept/top");
    for (int i = 0; i < 2 * FOLDERS; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "kept/top/%d", i);
        make_folder(fixture, name);
    }
    make_folder(fixture, "seen");
    watch(fixture, "seen");
    move(fixture, "kept/top", "seen/top");
    expect(fixture, WB_NOTIFY_FOLDER, "seen/top");
    move(fixture, "seen/top", "kept/top");
    expect(fixture, WB_NOTIFY_NO_FOLDER, "seen/top");
    (void)full(fixture, "kept/top/7/x", outside);
    write_file(fixture, "kept/top/7/x");
    write_file(fixture, "seen/y");
    expect_but_never(fixture, WB_NOTIFY_WRITTEN, "seen/y", "seen/top/7/x");
    assert_int_equal(access(outside, F_OK), 0);
    assert_int_equal(access(full(fixture, "seen/top", path), F_OK), -1);
}

static void folders_that_are_gone_again_are_no_error(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    watch(fixture, "");
    for (int i = 0; i < FOLDERS; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "d%d", i);
        make_folder(fixture, name);
        assert_int_equal(rmdir(full(fixture, name, path)), 0);
    }
    expect(fixture, WB_NOTIFY_NO_FOLDER, "d39");
}

static void the_staging_folder_is_not_watched(void **state)
{
    struct fixture *fixture = *state;
    make_folder(fixture, ".waybill");
    watch(fixture, "");
    write_file(fixture, ".waybill/x");
    write_file(fixture, "y");
    expect_but_never(fixture, WB_NOTIFY_WRITTEN, "y", ".waybill/x");
}

static void a_watched_folder_that_was_replaced_is_lost(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wanted nothing = {.path = ""};
    char path[512];
    make_folder(fixture, "in");
    watch(fixture, "in");
    assert_false(wb_notify_lost(fixture->notify));
    assert_int_equal(rmdir(full(fixture, "in", path)), 0);
    assert_true(wb_notify_lost(fixture->notify));
    make_folder(fixture, "in");
    /* The new one may have the number of the old one, so the kernel's word is needed as well. */
    check_ok(wb_notify_poll(fixture->notify, PATIENCE_MS, compare, &nothing, &err));
    assert_true(wb_notify_lost(fixture->notify));
    watch(fixture, "in");
    assert_false(wb_notify_lost(fixture->notify));
    write_file(fixture, "in/x");
    expect(fixture, WB_NOTIFY_WRITTEN, "in/x");
}

static void a_root_that_was_moved_away_is_lost_and_found(void **state)
{
    struct fixture *fixture = *state;
    char away[128];
    char root[512];
    (void)snprintf(away, sizeof(away), "%s-away", fixture->root);
    watch(fixture, "");
    assert_int_equal(rename(fixture->root, away), 0);
    assert_true(wb_notify_lost(fixture->notify));
    watch(fixture, "");
    assert_true(wb_notify_lost(fixture->notify));
    assert_int_equal(mkdir(fixture->root, 0700), 0);
    assert_true(wb_notify_lost(fixture->notify));
    watch(fixture, "");
    write_file(fixture, "x");
    expect(fixture, WB_NOTIFY_WRITTEN, "x");
    assert_int_equal(rmdir(away), 0);
    assert_int_equal(access(full(fixture, "x", root), F_OK), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(files_are_told_of_by_what_happened_to_them),
        TEST(names_are_bytes),
        TEST(a_folder_is_watched_before_it_is_told_of),
        TEST(a_moved_folder_tells_by_its_new_name_only),
        TEST(many_folders_that_go_at_once_are_forgotten),
        TEST(folders_that_are_gone_again_are_no_error),
        TEST(the_staging_folder_is_not_watched),
        TEST(a_watched_folder_that_was_replaced_is_lost),
        TEST(a_root_that_was_moved_away_is_lost_and_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

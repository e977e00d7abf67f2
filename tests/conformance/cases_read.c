/* Reading: any place, any number of handles, and one file whatever happens to its name. And what
 * travels with a file besides its bytes. */
#include "tests/conformance/suite.h"

enum { SEED = 5, BIG = 4 * WB_CONF_MIB, STEP = 128 * WB_CONF_KIB };

static void put_filled(struct wb_conf *conf, const char *instance, const char *path, uint64_t seed,
                       int64_t size)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    wb_conf_stage_filled(conf->store, instance, seed, size, size, tag);
    check_ok(wb_conf_publish_to(conf->store, instance, tag, path, &err));
}

static struct wb_file *open_final(struct wb_conf *conf, const char *path)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    check_ok(wb_store_read(conf->store, WB_PLACE_FINAL, wb_span_str(path), false, &file, &err));
    return file;
}

static void check_part(struct wb_file *file, uint64_t seed, int64_t size, int64_t offset,
                       size_t len)
{
    struct wb_err err;
    size_t got = 0;
    int64_t left = size > offset ? size - offset : 0;
    size_t wanted = left < (int64_t)len ? (size_t)left : len;
    uint8_t *bytes = wb_xcalloc(1, len + 1);
    check_ok(wb_file_read(file, offset, bytes, len, &got, &err));
    assert_int_equal(got, wanted);
    assert_true(wb_conf_is_filled(seed, offset, bytes, got));
    free(bytes);
}

static void anywhere(struct wb_conf *conf)
{
    int64_t size = 1000003;
    put_filled(conf, "j.1", "x", SEED, size);
    struct wb_file *file = open_final(conf, "x");
    static const int64_t offsets[] = {0, 1, 999999, 500000, 4096, 1000002, 1000003, 1000004, 7, 0};
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
        for (size_t len = 1; len < 100000; len *= 37)
            check_part(file, SEED, size, offsets[i], len);
    check_part(file, SEED, size, 5000000000, 10);
    check_part(file, SEED, size, 10, 0);
    wb_file_close(&file);
}

static void backwards(struct wb_conf *conf)
{
    put_filled(conf, "j.1", "x", SEED, BIG);
    struct wb_file *file = open_final(conf, "x");
    for (int64_t at = BIG; at >= 0; at -= STEP)
        check_part(file, SEED, BIG, at, STEP);
    wb_file_close(&file);
}

static void by_turns(struct wb_conf *conf)
{
    put_filled(conf, "j.1", "x", SEED, BIG);
    put_filled(conf, "j.2", "y", SEED + 1, BIG);
    struct wb_file *files[3] = {open_final(conf, "x"), open_final(conf, "x"),
                                open_final(conf, "y")};
    for (int64_t at = 0; at < BIG; at += STEP)
        for (int i = 0; i < 3; i++)
            check_part(files[i], i == 2 ? SEED + 1 : SEED, BIG, i == 1 ? BIG - STEP - at : at,
                       STEP);
    for (int i = 0; i < 3; i++)
        wb_file_close(&files[i]);
}

static void left_halfway(struct wb_conf *conf)
{
    put_filled(conf, "j.1", "x", SEED, BIG);
    for (int i = 0; i < 30; i++) {
        struct wb_file *file = open_final(conf, "x");
        check_part(file, SEED, BIG, 0, STEP);
        wb_file_close(&file);
    }
    wb_conf_check_filled(conf->store, WB_PLACE_FINAL, "x", SEED, BIG, WB_CONF_MIB);
}

static void from_the_medium(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    put_filled(conf, "j.1", "x", SEED, BIG);
    check_ok(wb_store_read(conf->store, WB_PLACE_FINAL, wb_span_str("x"), true, &file, &err));
    check_part(file, SEED, BIG, 0, BIG);
    wb_file_close(&file);
}

static void data_and_holes(struct wb_conf *conf)
{
    struct wb_err err;
    int64_t start;
    int64_t end;
    put_filled(conf, "j.1", "x", SEED, 100000);
    struct wb_file *file = open_final(conf, "x");
    check_ok(wb_file_next_data(file, 10, &start, &end, &err));
    assert_int_equal(start, 10);
    assert_true(end > 10 && end <= 100000);
    check_ok(wb_file_next_data(file, 100000, &start, &end, &err));
    assert_int_equal(start, 100000);
    assert_int_equal(end, 100000);
    wb_file_close(&file);
}

/* ---- changed meanwhile ---- */

/* What an open handle may still do: give the bytes it was opened on, or fail. */
static void check_of_old(struct wb_file *file, const struct wb_stat *opened)
{
    struct wb_err err;
    struct wb_stat now;
    size_t len;
    uint8_t *bytes = wb_xcalloc(1, STEP);
    enum wb_rc rc = WB_OK;
    for (int64_t at = BIG / 2; rc == WB_OK && at < BIG; at += STEP) {
        rc = wb_file_read(file, at, bytes, STEP, &len, &err);
        if (rc == WB_OK) {
            assert_int_equal(len, STEP);
            assert_true(wb_conf_is_filled(SEED, at, bytes, len));
        }
    }
    free(bytes);
    if (rc != WB_OK) {
        print_message("fails: %s: %s\n", wb_category_name(err.category), err.text);
        assert_true(err.category == WB_CAT_CHANGED || err.category == WB_CAT_NOT_FOUND);
    }
    /* It says the same of the file as before only where it gives the same bytes. */
    if (wb_file_stat(file, &now, &err) == WB_OK && rc != WB_OK)
        assert_false(wb_version_same(&opened->version, &now.version));
}

static void replaced_while_it_is_read(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat opened;
    put_filled(conf, "j.1", "x", SEED, BIG);
    struct wb_file *file = open_final(conf, "x");
    check_ok(wb_file_stat(file, &opened, &err));
    check_part(file, SEED, BIG, 0, BIG / 4);
    put_filled(conf, "j.2", "x", SEED + 1, conf->test->number);
    check_of_old(file, &opened);
    wb_file_close(&file);
    wb_conf_check_filled(conf->store, WB_PLACE_FINAL, "x", SEED + 1, conf->test->number, STEP);
}

static void removed_while_it_is_read(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat opened;
    char tag[WB_TAG_MAX];
    wb_conf_stage_filled(conf->store, "j.1", SEED, BIG, BIG, tag);
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err));
    struct wb_file *file = open_final(conf, "x");
    check_ok(wb_file_stat(file, &opened, &err));
    check_part(file, SEED, BIG, 0, BIG / 4);
    check_ok(wb_store_remove(conf->store, wb_span_str("x"), tag, "j.del", &err));
    check_of_old(file, &opened);
    wb_file_close(&file);
}

/* A proof goes on while the instance is published: the same bytes, or an error. */
static void published_while_it_is_read(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat opened;
    struct wb_file *file = NULL;
    char tag[WB_TAG_MAX];
    wb_conf_stage_filled(conf->store, "j.1", SEED, BIG, BIG, tag);
    check_ok(wb_store_read(conf->store, WB_PLACE_STAGED, wb_span_str("j.1"), false, &file, &err));
    check_ok(wb_file_stat(file, &opened, &err));
    assert_string_equal(opened.tag, tag);
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err));
    check_of_old(file, &opened);
    wb_file_close(&file);
}

static void a_handle_tells_its_file(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat named;
    struct wb_stat opened;
    wb_conf_put(conf->store, "d/x", "hello", NULL);
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("d/x"), &named, &err));
    struct wb_file *file = open_final(conf, "d/x");
    check_ok(wb_file_stat(file, &opened, &err));
    wb_file_close(&file);
    assert_true(wb_version_same(&named.version, &opened.version));
    assert_string_equal(named.tag, opened.tag);
    assert_string_equal(named.etag, opened.etag);
}

/* ---- what is not there, or no file ---- */

static void missing(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    static const char *const names[] = {"x", "no/such/x", "d/y", "d/x/y", "D/x"};
    wb_conf_put(conf->store, "d/x", "hello", NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        wb_conf_check_absent(conf->store, WB_PLACE_FINAL, names[i]);
        wb_conf_check_absent(conf->store, WB_PLACE_STAGED, names[i]);
        check_fails(
            wb_store_read(conf->store, WB_PLACE_FINAL, wb_span_str(names[i]), false, &file, &err),
            WB_CAT_NOT_FOUND, "");
    }
}

static void a_folder_is_no_file(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    struct wb_file *file = NULL;
    wb_conf_put(conf->store, "d/x", "hello", NULL);
    enum wb_rc rc = wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("d"), &stat, &err);
    if (rc != WB_OK && err.category == WB_CAT_NOT_FOUND && conf->backend->scheme[0] == 's')
        wb_conf_skip("it has no folders");
    check_ok(rc);
    assert_int_equal(stat.version.kind, WB_FILE_DIRECTORY);
    check_fails(wb_store_read(conf->store, WB_PLACE_FINAL, wb_span_str("d"), false, &file, &err),
                WB_CAT_UNSUPPORTED, "");
}

/* ---- metadata ---- */

static void time_is_kept(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    char tag[WB_TAG_MAX];
    const struct wb_meta meta = {.mtime_ns = conf->test->number};
    wb_conf_stage_as(conf->store, "j.1", wb_span_str("hello"), &meta, tag);
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err));
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("x"), &stat, &err));
    assert_int_equal(stat.version.mtime_ns, conf->test->number);
    struct wb_file *file = open_final(conf, "x");
    check_ok(wb_file_stat(file, &stat, &err));
    wb_file_close(&file);
    assert_int_equal(stat.version.mtime_ns, conf->test->number);
}

static void time_of_large_file_is_kept(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    put_filled(conf, "j.1", "x", SEED, 17 * WB_CONF_MIB);
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("x"), &stat, &err));
    assert_int_equal(stat.version.mtime_ns, 1500000000000000000);
}

static void mode_is_kept(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    char tag[WB_TAG_MAX];
    static const uint32_t modes[] = {0644, 0600, 0755, 0400};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        const char name[] = {'j', '.', (char)('0' + i), 0};
        const struct wb_meta meta = {.mtime_ns = 1, .mode = modes[i], .set_mode = true};
        wb_conf_stage_as(conf->store, name, wb_span_str("hello"), &meta, tag);
        check_ok(wb_conf_publish_to(conf->store, name, tag, name, &err));
        check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str(name), &stat, &err));
        assert_int_equal(stat.mode, modes[i]);
    }
}

/* What a node cannot keep is said to be unknown or is what it really has, never made up. */
static void what_is_not_kept_is_not_claimed(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    wb_conf_put(conf->store, "x", "hello", NULL);
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("x"), &stat, &err));
    assert_true(strlen(stat.etag) > 0 && strlen(stat.tag) > 0);
    assert_ptr_equal(stat.version.etag, stat.etag);
    if (!conf->store->caps.modes)
        assert_int_equal(stat.mode, 0);
    if (!conf->store->caps.mtimes)
        assert_int_not_equal(stat.version.mtime_ns, 1500000000000000000);
    assert_true(stat.changed_ns == -1 || stat.changed_ns > 1600000000000000000);
}

static void links_are_links(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    struct wb_stat stat;
    char tag[WB_TAG_MAX];
    const struct wb_meta meta = {.mtime_ns = 7000000000};
    check_ok(wb_store_create(conf->store, "l.1", WB_FILE_SYMLINK, -1, false, &file, &err));
    check_ok(wb_file_write(file, 0, wb_span_str("../no/where"), &err));
    check_ok(wb_file_seal(file, &meta, NULL, 0, tag, &err));
    wb_file_close(&file);
    check_ok(wb_conf_publish_to(conf->store, "l.1", tag, "link", &err));
    wb_conf_check_text(conf->store, "link", "../no/where");
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("link"), &stat, &err));
    assert_int_equal(stat.version.kind, WB_FILE_SYMLINK);
    assert_int_equal(stat.version.mtime_ns, 7000000000);
}

/* Where links cannot be kept they are refused, not made files of. */
static void links_are_refused(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    if (conf->store->caps.symlinks)
        wb_conf_skip("it has links");
    check_fails(wb_store_create(conf->store, "l.1", WB_FILE_SYMLINK, -1, false, &file, &err),
                WB_CAT_UNSUPPORTED, "");
    check_fails(wb_store_create(conf->store, "l.2", WB_FILE_SPECIAL, -1, false, &file, &err),
                WB_CAT_UNSUPPORTED, "");
}

#define CASE(name, run, needs, number)                             \
    {                                                              \
        "read: " name, run, WB_CONF_WRITES | (needs), number, NULL \
    }

static const struct wb_conf_case cases[] = {
    CASE("any place, any length", anywhere, 0, 0),
    CASE("backwards", backwards, 0, 0),
    CASE("three handles by turns", by_turns, 0, 0),
    CASE("a handle may be left halfway", left_halfway, 0, 0),
    CASE("from the medium", from_the_medium, 0, 0),
    CASE("data ends where the file does", data_and_holes, 0, 0),
    CASE("a file that is replaced meanwhile is never mixed", replaced_while_it_is_read, 0, BIG),
    CASE("nor is one that is replaced by a shorter one", replaced_while_it_is_read, 0, 1000),
    CASE("nor is one that is removed", removed_while_it_is_read, 0, 0),
    CASE("nor is an instance that is published", published_while_it_is_read, 0, 0),
    CASE("a handle tells of the file what its name does", a_handle_tells_its_file, 0, 0),
    CASE("what is missing is not found", missing, 0, 0),
    CASE("a folder is no file", a_folder_is_no_file, 0, 0),
    CASE("a time is kept to the nanosecond", time_is_kept, WB_CONF_MTIMES, 1234567890123456789),
    CASE("a time of the first second is kept", time_is_kept, WB_CONF_MTIMES, 1),
    CASE("a time before 1970 is kept", time_is_kept, WB_CONF_MTIMES, -1500000001),
    CASE("a time of the next century is kept", time_is_kept, WB_CONF_MTIMES, 4200000000000000007),
    CASE("the time of a large file is kept", time_of_large_file_is_kept, WB_CONF_MTIMES, 0),
    CASE("a mode is kept", mode_is_kept, WB_CONF_MODES, 0),
    CASE("what is not kept is not claimed", what_is_not_kept_is_not_claimed, 0, 0),
    CASE("links are copied as links", links_are_links, WB_CONF_SYMLINKS, 0),
    CASE("links are refused where there are none", links_are_refused, 0, 0),
};

const struct wb_conf_group wb_conf_reads = {cases, sizeof(cases) / sizeof(cases[0])};

/* How instances and files end: discarded, swept, removed. */
#include "tests/conformance/suite.h"

static void discarded_is_never_published(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    check_ok(wb_store_discard(conf->store, "j.1", &err));
    wb_conf_check_absent(conf->store, WB_PLACE_STAGED, "j.1");
    check_fails(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err), WB_CAT_NOT_FOUND,
                "neither staged");
    wb_conf_check_absent(conf->store, WB_PLACE_FINAL, "x");
}

static void discard_again(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    check_ok(wb_store_discard(conf->store, "j.1", &err));
    check_ok(wb_store_discard(conf->store, "j.1", &err));
    check_ok(wb_store_discard(conf->store, "never.was", &err));
    check_ok(wb_store_discard(conf->store, "never/was", &err));
}

static void discard_leaves_what_was_published(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err));
    check_ok(wb_store_discard(conf->store, "j.1", &err));
    wb_conf_check_text(conf->store, "x", "hello");
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err));
}

static void discard_takes_what_it_names(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    char tag[WB_TAG_MAX];
    static const char *const kept[] = {"j.10", "j", "j.1.x", "t/j.1"};
    for (size_t i = 0; i < 4; i++)
        wb_conf_stage(conf->store, kept[i], "kept", tag);
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    check_ok(wb_store_discard(conf->store, "j.1", &err));
    for (size_t i = 0; i < 4; i++)
        check_ok(wb_store_stat(conf->store, WB_PLACE_STAGED, wb_span_str(kept[i]), &stat, &err));
}

static void discard_of_what_is_not_sealed(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    check_ok(
        wb_store_create(conf->store, "j.1", WB_FILE_REGULAR, 20 * WB_CONF_MIB, false, &file, &err));
    check_ok(wb_conf_write(file, 1, 0, 7 * WB_CONF_MIB, WB_CONF_MIB, &err));
    wb_file_close(&file);
    check_ok(wb_store_discard(conf->store, "j.1", &err));
    wb_conf_check_absent(conf->store, WB_PLACE_STAGED, "j.1");
    check_fails(wb_store_reopen(conf->store, "j.1", &file, &err), WB_CAT_NOT_FOUND, "");
}

static void made_only_once(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    char tag[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    enum wb_rc rc = wb_store_create(conf->store, "j.1", WB_FILE_REGULAR, 5, false, &file, &err);
    /* Where only the last call tells it, that one must. */
    if (rc == WB_OK) {
        const struct wb_meta meta = {.mtime_ns = 1};
        rc = wb_file_write(file, 0, wb_span_str("other"), &err);
        if (rc == WB_OK)
            rc = wb_file_seal(file, &meta, NULL, 0, tag, &err);
        wb_file_close(&file);
    }
    check_fails(rc, WB_CAT_CONFLICT, "j.1");
    check_fails(wb_store_reopen(conf->store, "j.2", &file, &err), WB_CAT_NOT_FOUND, "j.2");
}

static void bad_instance_names(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    char longest[WB_INSTANCE_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    longest[WB_INSTANCE_MAX] = 0;
    const char *const bad[] = {"../x", "", "/x", "t/../../x", longest};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_fails(wb_store_create(conf->store, bad[i], WB_FILE_REGULAR, 5, false, &file, &err),
                    WB_CAT_INVALID, "instance");
        check_fails(wb_store_discard(conf->store, bad[i], &err), WB_CAT_INVALID, "instance");
        check_fails(wb_store_reopen(conf->store, bad[i], &file, &err), WB_CAT_INVALID, "instance");
        check_fails(wb_conf_publish_to(conf->store, bad[i], "1-2-3", "x", &err), WB_CAT_INVALID,
                    "instance");
    }
}

static void old_garbage_is_swept(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    int64_t count = -1;
    wb_conf_put(conf->store, "x", "published", NULL);
    wb_conf_stage(conf->store, "t/1", "garbage", tag);
    wb_conf_stage(conf->store, "j.1", "garbage", tag);
    check_ok(wb_store_sweep(conf->store, 3600000, &count, &err));
    assert_int_equal(count, 0);
    check_ok(wb_store_sweep(conf->store, -10000, &count, &err));
    assert_int_equal(count, 2);
    wb_conf_check_absent(conf->store, WB_PLACE_STAGED, "t/1");
    wb_conf_check_absent(conf->store, WB_PLACE_STAGED, "j.1");
    wb_conf_check_text(conf->store, "x", "published");
}

static void nothing_to_sweep(struct wb_conf *conf)
{
    struct wb_err err;
    int64_t count = -1;
    check_ok(wb_store_sweep(conf->store, -10000, &count, &err));
    assert_int_equal(count, 0);
}

static void unfinished_ranges_are_swept(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    char tag[WB_TAG_MAX];
    int64_t count = -1;
    int64_t length = 5 * WB_CONF_MIB;
    wb_conf_open_ranges(conf->store, "j.1", 3 * length);
    check_ok(wb_store_reopen(conf->store, "j.1", &file, &err));
    check_ok(wb_conf_write(file, 1, length, length, WB_CONF_MIB, &err));
    check_ok(wb_file_range_done(file, length, length, tag, &err));
    wb_file_close(&file);
    check_ok(wb_store_sweep(conf->store, 3600000, &count, &err));
    assert_int_equal(count, 0);
    check_ok(wb_store_sweep(conf->store, -10000, &count, &err));
    assert_int_equal(count, 1);
    check_fails(wb_store_reopen(conf->store, "j.1", &file, &err), WB_CAT_NOT_FOUND, "");
}

/* ---- removal ---- */

static void only_ours_is_removed(struct wb_conf *conf)
{
    struct wb_err err;
    char old[WB_TAG_MAX];
    char new[WB_TAG_MAX];
    wb_conf_put(conf->store, "x", "old bytes", old);
    wb_conf_put(conf->store, "x", "new", new);
    check_fails(wb_store_remove(conf->store, wb_span_str("x"), old, "j.del", &err), WB_CAT_CONFLICT,
                "not the file");
    check_fails(wb_store_remove(conf->store, wb_span_str("x"), "1-2-3", "j.del", &err),
                WB_CAT_CONFLICT, "not the file");
    wb_conf_check_text(conf->store, "x", "new");
    check_ok(wb_store_remove(conf->store, wb_span_str("x"), new, "j.del", &err));
    wb_conf_check_absent(conf->store, WB_PLACE_FINAL, "x");
    wb_conf_check_absent(conf->store, WB_PLACE_STAGED, "j.del");
}

static void removal_again(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    wb_conf_put(conf->store, "d/x", "hello", tag);
    check_ok(wb_store_remove(conf->store, wb_span_str("d/x"), tag, "j.del", &err));
    check_ok(wb_store_remove(conf->store, wb_span_str("d/x"), tag, "j.del", &err));
    check_ok(wb_store_remove(conf->store, wb_span_str("no/such/x"), tag, "j.del", &err));
}

static void removed_and_published_anew(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    char newer[WB_TAG_MAX];
    wb_conf_put(conf->store, "d/x", "hello", tag);
    check_ok(wb_store_remove(conf->store, wb_span_str("d/x"), tag, "j.del", &err));
    wb_conf_put(conf->store, "d/x", "again", newer);
    check_fails(wb_store_remove(conf->store, wb_span_str("d/x"), tag, "j.del", &err),
                WB_CAT_CONFLICT, "not the file");
    wb_conf_check_text(conf->store, "d/x", "again");
}

static void removal_leaves_the_others(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    wb_conf_put(conf->store, "d/x", "hello", tag);
    wb_conf_put(conf->store, "d/xx", "stays", NULL);
    wb_conf_put(conf->store, "d/x.y", "stays too", NULL);
    check_ok(wb_store_remove(conf->store, wb_span_str("d/x"), tag, "j.del", &err));
    wb_conf_check_absent(conf->store, WB_PLACE_FINAL, "d/x");
    wb_conf_check_text(conf->store, "d/xx", "stays");
    wb_conf_check_text(conf->store, "d/x.y", "stays too");
}

/* ---- the marker ---- */

static void marker_is_made_once(struct wb_conf *conf)
{
    struct wb_err err;
    char first[WB_MARKER_MAX];
    char again[WB_MARKER_MAX];
    struct wb_store *other;
    check_fails(wb_store_marker(conf->store, false, again, &err), WB_CAT_NOT_FOUND, "");
    check_ok(wb_store_marker(conf->store, true, first, &err));
    assert_true(strlen(first) >= 16);
    check_ok(wb_store_marker(conf->store, true, again, &err));
    assert_string_equal(first, again);
    other = wb_conf_open(conf);
    check_ok(wb_store_marker(other, true, again, &err));
    assert_string_equal(first, again);
    wb_store_close(&other);
}

static void marker_is_no_instance(struct wb_conf *conf)
{
    struct wb_err err;
    char first[WB_MARKER_MAX];
    char again[WB_MARKER_MAX];
    int64_t count;
    check_ok(wb_store_marker(conf->store, true, first, &err));
    check_ok(wb_store_sweep(conf->store, -10000, &count, &err));
    assert_int_equal(count, 0);
    check_fails(wb_store_discard(conf->store, "marker", &err), WB_CAT_INVALID, "marker");
    check_fails(wb_conf_publish_to(conf->store, "marker", "1-2-3", "x", &err), WB_CAT_INVALID,
                "marker");
    check_ok(wb_store_marker(conf->store, false, again, &err));
    assert_string_equal(first, again);
}

#define CASE(name, run)                             \
    {                                               \
        "ends: " name, run, WB_CONF_WRITES, 0, NULL \
    }

static const struct wb_conf_case cases[] = {
    CASE("what was discarded is never published", discarded_is_never_published),
    CASE("discarding twice, or nothing, is fine", discard_again),
    CASE("a discard leaves what was published", discard_leaves_what_was_published),
    CASE("a discard takes what it names and nothing else", discard_takes_what_it_names),
    CASE("what was never sealed can be discarded", discard_of_what_is_not_sealed),
    CASE("an instance is made only once", made_only_once),
    CASE("names of instances stay in the staging area", bad_instance_names),
    CASE("old garbage is swept, and only that", old_garbage_is_swept),
    CASE("where nothing is staged nothing is swept", nothing_to_sweep),
    {"ends: what was never sealed is swept whole", unfinished_ranges_are_swept,
     WB_CONF_WRITES | WB_CONF_RANDOM, 0, NULL},
    CASE("only our own file is removed", only_ours_is_removed),
    CASE("removing twice, or nothing, is fine", removal_again),
    CASE("what came anew is not removed by an old task", removed_and_published_anew),
    CASE("a removal leaves the others", removal_leaves_the_others),
    CASE("a marker is made once and stays", marker_is_made_once),
    CASE("the marker is no instance", marker_is_no_instance),
};

const struct wb_conf_group wb_conf_ends = {cases, sizeof(cases) / sizeof(cases[0])};

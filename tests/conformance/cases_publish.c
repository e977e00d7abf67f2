/* Publishing: once, whole, that very instance, and over nothing that is to be kept. */
#include "tests/conformance/suite.h"

enum { BATCH = 300 };

static void unseen_until_published(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    char tag[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    wb_conf_check_absent(conf->store, WB_PLACE_FINAL, "d/e/x");
    check_ok(wb_store_stat(conf->store, WB_PLACE_STAGED, wb_span_str("j.1"), &stat, &err));
    assert_int_equal(stat.version.size_bytes, 5);
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "d/e/x", &err));
    wb_conf_check_text(conf->store, "d/e/x", "hello");
    wb_conf_check_absent(conf->store, WB_PLACE_STAGED, "j.1");
}

static void tag_stays(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat staged;
    struct wb_stat final;
    struct wb_stat again;
    char tag[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    assert_true(tag[0] != 0);
    check_ok(wb_store_stat(conf->store, WB_PLACE_STAGED, wb_span_str("j.1"), &staged, &err));
    assert_string_equal(staged.tag, tag);
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err));
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("x"), &final, &err));
    assert_string_equal(final.tag, tag);
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("x"), &again, &err));
    assert_string_equal(final.etag, again.etag);
}

static void tag_is_of_the_instance(struct wb_conf *conf)
{
    char one[WB_TAG_MAX];
    char other[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "the same bytes", one);
    wb_conf_stage(conf->store, "j.2", "the same bytes", other);
    assert_string_not_equal(one, other);
}

static void twice_is_once(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err));
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err));
    wb_conf_check_text(conf->store, "x", "hello");
}

static void twice_by_another_worker(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    struct wb_store *other = wb_conf_open(conf);
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    check_ok(wb_conf_publish_to(other, "j.1", tag, "x", &err));
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err));
    wb_conf_check_text(other, "x", "hello");
    wb_store_close(&other);
}

static void to_one_name_only(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err));
    check_fails(wb_conf_publish_to(conf->store, "j.1", tag, "y", &err), WB_CAT_NOT_FOUND,
                "neither staged");
    wb_conf_check_absent(conf->store, WB_PLACE_FINAL, "y");
}

static void zombie(struct wb_conf *conf)
{
    struct wb_err err;
    char old[WB_TAG_MAX];
    char new[WB_TAG_MAX];
    wb_conf_stage(conf->store, "old", "old bytes", old);
    wb_conf_stage(conf->store, "new", "new", new);
    check_ok(wb_conf_publish_to(conf->store, "old", old, "x", &err));
    check_ok(wb_conf_publish_to(conf->store, "new", new, "x", &err));
    check_fails(wb_conf_publish_to(conf->store, "old", old, "x", &err), WB_CAT_NOT_FOUND,
                "neither staged");
    wb_conf_check_text(conf->store, "x", "new");
}

static void zombie_after_removal(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err));
    check_ok(wb_store_remove(conf->store, wb_span_str("x"), tag, "j.del", &err));
    check_fails(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err), WB_CAT_NOT_FOUND,
                "neither staged");
    wb_conf_check_absent(conf->store, WB_PLACE_FINAL, "x");
}

static void only_the_proved_one(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    char other[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    wb_conf_stage(conf->store, "j.2", "hello", other);
    check_fails(wb_conf_publish_to(conf->store, "j.1", "1-2-3", "x", &err), WB_CAT_CORRUPT,
                "not the one");
    check_fails(wb_conf_publish_to(conf->store, "j.1", other, "x", &err), WB_CAT_CORRUPT,
                "not the one");
    wb_conf_check_absent(conf->store, WB_PLACE_FINAL, "x");
}

static void never_what_was_not_there(struct wb_conf *conf)
{
    struct wb_err err;
    check_fails(wb_conf_publish_to(conf->store, "j.1", "1-2-3", "x", &err), WB_CAT_NOT_FOUND,
                "neither staged");
    wb_conf_check_absent(conf->store, WB_PLACE_FINAL, "x");
}

static void replaces_larger_and_smaller(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    static const int64_t sizes[] = {1000, 3 * WB_CONF_MIB, 10, 0, 2 * WB_CONF_MIB + 1};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const char instance[] = {'j', '.', (char)('0' + i), 0};
        wb_conf_stage_filled(conf->store, instance, i, sizes[i], sizes[i], tag);
        check_ok(wb_conf_publish_to(conf->store, instance, tag, "x", &err));
        wb_conf_check_filled(conf->store, WB_PLACE_FINAL, "x", i, sizes[i], WB_CONF_MIB);
    }
}

static void replacing_changes_the_etag(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat before;
    struct wb_stat after;
    wb_conf_put(conf->store, "x", "the same bytes", NULL);
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("x"), &before, &err));
    wb_conf_put(conf->store, "x", "the same bytes", NULL);
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("x"), &after, &err));
    assert_string_not_equal(before.tag, after.tag);
    wb_conf_put(conf->store, "x", "others of this len", NULL);
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("x"), &after, &err));
    assert_string_not_equal(before.etag, after.etag);
}

static void after_a_restart(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    wb_store_close(&conf->store);
    conf->store = wb_conf_open(conf);
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "d/x", &err));
    wb_conf_check_text(conf->store, "d/x", "hello");
}

/* ---- batches ---- */

static char tags[BATCH][WB_TAG_MAX];
static char names[BATCH][64];
static struct wb_publish items[BATCH];

static void stage_batch(struct wb_conf *conf)
{
    for (int i = 0; i < BATCH; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "t.1/%d", i);
        wb_conf_stage(conf->store, names[i], names[i], tags[i]);
        items[i] = (struct wb_publish){
            .instance = names[i], .tag = tags[i], .path = wb_span_str(names[i])};
    }
}

static void batch_with_a_bad_one(struct wb_conf *conf)
{
    struct wb_err err;
    stage_batch(conf);
    items[7].tag = "0-0-0";
    check_ok(wb_store_publish(conf->store, items, BATCH, &err));
    for (int i = 0; i < BATCH; i++) {
        if (items[i].rc != (i == 7 ? WB_ERROR : WB_OK))
            fail_msg("%s: %s", names[i], items[i].err.text);
        if (i != 7)
            wb_conf_check_text(conf->store, names[i], names[i]);
    }
    wb_conf_check_absent(conf->store, WB_PLACE_FINAL, names[7]);
    check_ok(wb_store_discard(conf->store, names[7], &err));
    wb_conf_check_absent(conf->store, WB_PLACE_STAGED, names[7]);
    wb_conf_check_absent(conf->store, WB_PLACE_STAGED, "t.1");
}

static void batch_again_after_a_lost_answer(struct wb_conf *conf)
{
    struct wb_err err;
    stage_batch(conf);
    check_ok(wb_store_publish(conf->store, items, BATCH / 2, &err));
    check_ok(wb_store_publish(conf->store, items, BATCH, &err));
    for (int i = 0; i < BATCH; i++)
        if (items[i].rc != WB_OK)
            fail_msg("%s: %s", names[i], items[i].err.text);
    for (int i = 0; i < BATCH; i += 29)
        wb_conf_check_text(conf->store, names[i], names[i]);
}

static void batch_of_every_outcome(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[4][WB_TAG_MAX];
    wb_conf_put(conf->store, "kept", "stranger", NULL);
    wb_conf_stage(conf->store, "t.1/0", "good", tag[0]);
    wb_conf_stage(conf->store, "t.1/1", "bad tag", tag[1]);
    wb_conf_stage(conf->store, "t.1/2", "not wanted", tag[2]);
    struct wb_publish all[] = {
        {.instance = "t.1/0", .tag = tag[0], .path = wb_span_str("a")},
        {.instance = "t.1/1", .tag = "1-2-3", .path = wb_span_str("b")},
        {.instance = "t.1/2", .tag = tag[2], .path = wb_span_str("kept"), .keep = true},
        {.instance = "t.1/3", .tag = "1-2-3", .path = wb_span_str("d")},
        {.instance = "../e", .tag = "1-2-3", .path = wb_span_str("e")},
        {.instance = "t.1/0", .tag = tag[0], .path = wb_span_str("a")},
    };
    static const enum wb_category wanted[] = {WB_CAT_UNKNOWN,   WB_CAT_CORRUPT, WB_CAT_CONFLICT,
                                              WB_CAT_NOT_FOUND, WB_CAT_INVALID, WB_CAT_UNKNOWN};
    check_ok(wb_store_publish(conf->store, all, 6, &err));
    for (size_t i = 0; i < 6; i++) {
        enum wb_category found = all[i].rc == WB_OK ? WB_CAT_UNKNOWN : all[i].err.category;
        if (found != wanted[i])
            fail_msg("item %zu: %s: %s", i, wb_category_name(found), all[i].err.text);
    }
    wb_conf_check_text(conf->store, "a", "good");
    wb_conf_check_text(conf->store, "kept", "stranger");
}

static void batch_of_none(struct wb_conf *conf)
{
    struct wb_err err;
    check_ok(wb_store_publish(conf->store, items, 0, &err));
}

/* ---- what is in the way ---- */

static void folder_in_the_way(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    wb_conf_put(conf->store, "d/x", "a", NULL);
    wb_conf_stage(conf->store, "j.2", "b", tag);
    if (strcmp(conf->backend->scheme, "s3") == 0)
        wb_conf_skip("it has no folders, a name may be both");
    check_fails(wb_conf_publish_to(conf->store, "j.2", tag, "d", &err), WB_CAT_CONFLICT, "\"d\"");
    check_fails(wb_conf_publish_to(conf->store, "j.2", tag, "d/x/y", &err), WB_CAT_CONFLICT,
                "d/x/y");
    wb_conf_check_text(conf->store, "d/x", "a");
}

static enum wb_rc publish_keeping(struct wb_conf *conf, const char *instance, const char *tag,
                                  const char *path, const char *replaces, struct wb_err *err)
{
    struct wb_publish item = {.instance = instance,
                              .tag = tag,
                              .path = wb_span_str(path),
                              .keep = true,
                              .replaces = replaces};
    if (wb_store_publish(conf->store, &item, 1, err) != WB_OK)
        return WB_ERROR;
    *err = item.err;
    return item.rc;
}

static void stranger_is_kept(struct wb_conf *conf)
{
    struct wb_err err;
    char ours[WB_TAG_MAX];
    wb_conf_put(conf->store, "x", "stranger", NULL);
    wb_conf_stage(conf->store, "j.1", "ours", ours);
    check_fails(publish_keeping(conf, "j.1", ours, "x", "", &err), WB_CAT_CONFLICT, "not ours");
    assert_false(err.retryable);
    check_fails(publish_keeping(conf, "j.1", ours, "x", NULL, &err), WB_CAT_CONFLICT, "not ours");
    check_fails(publish_keeping(conf, "j.1", ours, "x", "1-2-3", &err), WB_CAT_CONFLICT,
                "not ours");
    wb_conf_check_text(conf->store, "x", "stranger");
}

static void ours_is_replaced(struct wb_conf *conf)
{
    struct wb_err err;
    char ours[WB_TAG_MAX];
    char newer[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "ours", ours);
    check_ok(publish_keeping(conf, "j.1", ours, "y", "", &err));
    wb_conf_check_text(conf->store, "y", "ours");
    check_ok(publish_keeping(conf, "j.1", ours, "y", "", &err));
    wb_conf_stage(conf->store, "j.2", "newer", newer);
    check_ok(publish_keeping(conf, "j.2", newer, "y", ours, &err));
    wb_conf_check_text(conf->store, "y", "newer");
    check_ok(publish_keeping(conf, "j.2", newer, "y", ours, &err));
    wb_conf_check_text(conf->store, "y", "newer");
}

static void gone_is_made_anew(struct wb_conf *conf)
{
    struct wb_err err;
    char ours[WB_TAG_MAX];
    wb_conf_stage(conf->store, "j.1", "ours", ours);
    check_ok(publish_keeping(conf, "j.1", ours, "x", "1-2-3", &err));
    wb_conf_check_text(conf->store, "x", "ours");
}

#define CASE(name, run)                                \
    {                                                  \
        "publish: " name, run, WB_CONF_WRITES, 0, NULL \
    }

static const struct wb_conf_case cases[] = {
    CASE("a staged file is unseen until it is published", unseen_until_published),
    CASE("the tag of an instance is that of the file", tag_stays),
    CASE("two instances of the same bytes have two tags", tag_is_of_the_instance),
    CASE("twice is once", twice_is_once),
    CASE("twice by two workers is once", twice_by_another_worker),
    CASE("an instance goes to one name only", to_one_name_only),
    CASE("a zombie never comes over a newer file", zombie),
    CASE("a zombie never brings back what was removed", zombie_after_removal),
    CASE("only the proved instance is published", only_the_proved_one),
    CASE("what was never staged is not found", never_what_was_not_there),
    CASE("a file is replaced by a larger one and a smaller one", replaces_larger_and_smaller),
    CASE("what replaces has another tag and etag", replacing_changes_the_etag),
    CASE("what was staged before a restart is published", after_a_restart),
    CASE("a batch of 300 with a bad one is published but for that", batch_with_a_bad_one),
    CASE("a batch is published again after a lost answer", batch_again_after_a_lost_answer),
    CASE("each item of a batch has its own end", batch_of_every_outcome),
    CASE("a batch of none is fine", batch_of_none),
    CASE("a folder in the way is a conflict, and so is a file", folder_in_the_way),
    CASE("a stranger is kept where that is asked", stranger_is_kept),
    CASE("the named file is replaced", ours_is_replaced),
    CASE("the named file may be gone", gone_is_made_anew),
};

const struct wb_conf_group wb_conf_publishes = {cases, sizeof(cases) / sizeof(cases[0])};

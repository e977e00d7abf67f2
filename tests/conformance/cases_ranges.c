/* One file by many: ranges in any order, by any handle, again, late. */
#include "tests/conformance/suite.h"

#include <pthread.h>

enum { SEED = 23, MANY = 12, WORKERS = 4, TAGS = 64 };

static const struct wb_meta meta = {.mtime_ns = 1500000000000000000};

/* A large file in ranges of one size, the last one shorter. */
struct ranged {
    struct wb_conf *conf;
    int64_t length; /* of a range */
    int64_t size;
    int32_t count;
    char tags[TAGS][WB_TAG_MAX];
    const char *pointers[TAGS];
};

static void begin(struct ranged *ranged, struct wb_conf *conf, int32_t count, int64_t last)
{
    int64_t least = conf->store->caps.range_least_bytes;
    memset(ranged, 0, sizeof(*ranged));
    ranged->conf = conf;
    ranged->length = least > 256 * WB_CONF_KIB ? least : 256 * WB_CONF_KIB;
    ranged->count = count;
    ranged->size = ranged->length * (count - 1) + (last ? last : ranged->length);
    wb_conf_open_ranges(conf->store, "j.1", ranged->size);
}

static int64_t length_of(const struct ranged *ranged, int32_t index)
{
    int64_t left = ranged->size - index * ranged->length;
    return left < ranged->length ? left : ranged->length;
}

/* Writes one range with a handle that may be anybody's. */
static enum wb_rc write_range(struct ranged *ranged, struct wb_file *file, int32_t index,
                              uint64_t seed, struct wb_err *err)
{
    int64_t offset = index * ranged->length;
    int64_t length = length_of(ranged, index);
    ranged->pointers[index] = ranged->tags[index];
    if (wb_conf_write(file, seed, offset, length, WB_CONF_MIB, err) != WB_OK)
        return WB_ERROR;
    return wb_file_range_done(file, offset, length, ranged->tags[index], err);
}

/* The same with a handle of its own. */
static enum wb_rc put_range(struct ranged *ranged, int32_t index, uint64_t seed, struct wb_err *err)
{
    struct wb_file *file = NULL;
    if (wb_store_reopen(ranged->conf->store, "j.1", &file, err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = write_range(ranged, file, index, seed, err);
    wb_file_close(&file);
    return rc;
}

static enum wb_rc seal(struct ranged *ranged, char *ret_tag, struct wb_err *err)
{
    struct wb_file *file = NULL;
    if (wb_store_reopen(ranged->conf->store, "j.1", &file, err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc =
        wb_file_seal(file, &meta, ranged->pointers, (size_t)ranged->count, ret_tag, err);
    wb_file_close(&file);
    return rc;
}

static void seal_and_check(struct ranged *ranged)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    struct wb_store *store = ranged->conf->store;
    check_ok(seal(ranged, tag, &err));
    wb_conf_check_filled(store, WB_PLACE_STAGED, "j.1", SEED, ranged->size, WB_CONF_MIB);
    check_ok(wb_conf_publish_to(store, "j.1", tag, "d/x", &err));
    wb_conf_check_filled(store, WB_PLACE_FINAL, "d/x", SEED, ranged->size, WB_CONF_MIB);
    wb_conf_check_absent(store, WB_PLACE_STAGED, "j.1");
    check_fails(seal(ranged, tag, &err), WB_CAT_NOT_FOUND, "");
}

/* ---- orders ---- */

static void in_order_by_one(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    struct wb_file *file = NULL;
    begin(&ranged, conf, 3, conf->test->number);
    check_ok(wb_store_reopen(conf->store, "j.1", &file, &err));
    for (int32_t i = 0; i < ranged.count; i++)
        check_ok(write_range(&ranged, file, i, SEED, &err));
    wb_file_close(&file);
    seal_and_check(&ranged);
}

static void backwards_by_many(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    begin(&ranged, conf, 4, 4711);
    for (int32_t i = ranged.count; i-- > 0;)
        check_ok(put_range(&ranged, i, SEED, &err));
    seal_and_check(&ranged);
}

/* More than ten: an order by the text of a number would show. */
static void many_in_disorder(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    begin(&ranged, conf, MANY, 1);
    for (int32_t i = 0; i < MANY; i++)
        check_ok(put_range(&ranged, i * 5 % MANY, SEED, &err));
    seal_and_check(&ranged);
}

static void one_only(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    begin(&ranged, conf, 1, conf->test->number);
    check_ok(put_range(&ranged, 0, SEED, &err));
    seal_and_check(&ranged);
}

static void two_handles_by_turns(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    struct wb_file *files[2] = {NULL, NULL};
    begin(&ranged, conf, 2, 0);
    int64_t half = ranged.length / 2;
    check_ok(wb_store_reopen(conf->store, "j.1", &files[0], &err));
    check_ok(wb_store_reopen(conf->store, "j.1", &files[1], &err));
    for (int part = 0; part < 2; part++)
        for (int i = 0; i < 2; i++) {
            int64_t offset = i * ranged.length + part * half;
            int64_t length = part ? ranged.length - half : half;
            check_ok(wb_conf_write(files[i], SEED, offset, length, 100003, &err));
        }
    for (int i = 0; i < 2; i++) {
        ranged.pointers[i] = ranged.tags[i];
        check_ok(
            wb_file_range_done(files[i], i * ranged.length, ranged.length, ranged.tags[i], &err));
        wb_file_close(&files[i]);
    }
    seal_and_check(&ranged);
}

/* ---- threads ---- */

struct worker {
    struct ranged *ranged;
    int32_t first;
    enum wb_rc rc;
    struct wb_err err;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    worker->rc = WB_OK;
    for (int32_t i = worker->first; worker->rc == WB_OK && i < worker->ranged->count; i += WORKERS)
        worker->rc = put_range(worker->ranged, i, SEED, &worker->err);
    return NULL;
}

static void by_several_threads(struct wb_conf *conf)
{
    struct ranged ranged;
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];
    begin(&ranged, conf, 8, 77);
    for (int32_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.ranged = &ranged, .first = i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < WORKERS; i++)
        if (workers[i].rc != WB_OK)
            fail_msg("%s", workers[i].err.text);
    seal_and_check(&ranged);
}

/* ---- again ---- */

static void the_same_range_twice(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    begin(&ranged, conf, 3, 99);
    for (int round = 0; round < 2; round++)
        for (int32_t i = 0; i < ranged.count; i++)
            check_ok(put_range(&ranged, i, SEED, &err));
    seal_and_check(&ranged);
}

static void a_bad_range_is_replaced(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    begin(&ranged, conf, 3, 0);
    check_ok(put_range(&ranged, 0, SEED, &err));
    check_ok(put_range(&ranged, 1, SEED + 1, &err));
    check_ok(put_range(&ranged, 2, SEED, &err));
    check_ok(put_range(&ranged, 1, SEED, &err));
    seal_and_check(&ranged);
}

static void resumed_after_a_restart(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    begin(&ranged, conf, 4, 12345);
    check_ok(put_range(&ranged, 2, SEED, &err));
    check_ok(put_range(&ranged, 0, SEED, &err));
    wb_store_close(&conf->store);
    conf->store = wb_conf_open(conf);
    check_ok(put_range(&ranged, 3, SEED, &err));
    check_ok(put_range(&ranged, 1, SEED, &err));
    seal_and_check(&ranged);
}

/* A range is proved while others are still to come. */
static void read_while_others_are_missing(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    struct wb_file *file = NULL;
    size_t len;
    begin(&ranged, conf, 3, 5000);
    uint8_t *bytes = wb_xcalloc(1, (size_t)ranged.length);
    for (int32_t i = ranged.count; i-- > 0;) {
        int64_t offset = i * ranged.length;
        check_ok(put_range(&ranged, i, SEED, &err));
        check_ok(
            wb_store_read(conf->store, WB_PLACE_STAGED, wb_span_str("j.1"), true, &file, &err));
        check_ok(wb_file_read(file, offset, bytes, (size_t)length_of(&ranged, i), &len, &err));
        wb_file_close(&file);
        assert_int_equal(len, length_of(&ranged, i));
        assert_true(wb_conf_is_filled(SEED, offset, bytes, len));
    }
    free(bytes);
    seal_and_check(&ranged);
}

/* ---- seals that are wrong ---- */

static void check_not_sealed(struct ranged *ranged)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    check_fails(seal(ranged, tag, &err), WB_CAT_CORRUPT, "");
    wb_conf_check_absent(ranged->conf->store, WB_PLACE_FINAL, "d/x");
}

static void a_missing_range_is_told(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    begin(&ranged, conf, 3, 0);
    check_ok(put_range(&ranged, 0, SEED, &err));
    check_ok(put_range(&ranged, 2, SEED, &err));
    if (!ranged.tags[0][0])
        wb_conf_skip("its ranges have no tags, the proof tells");
    memcpy(ranged.tags[1], ranged.tags[0], WB_TAG_MAX);
    ranged.pointers[1] = ranged.tags[1];
    check_not_sealed(&ranged);
}

static void another_range_is_told(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    begin(&ranged, conf, 3, 0);
    for (int32_t i = 0; i < 3; i++)
        check_ok(put_range(&ranged, i, SEED, &err));
    if (!ranged.tags[0][0])
        wb_conf_skip("its ranges have no tags, the proof tells");
    char proved[WB_TAG_MAX];
    memcpy(proved, ranged.tags[1], WB_TAG_MAX);
    check_ok(put_range(&ranged, 1, SEED + 1, &err));
    memcpy(ranged.tags[1], proved, WB_TAG_MAX);
    check_not_sealed(&ranged);
}

/* ---- late ---- */

static void late_after_publish(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    struct wb_file *late = NULL;
    char tag[WB_TAG_MAX];
    begin(&ranged, conf, 2, 0);
    check_ok(wb_store_reopen(conf->store, "j.1", &late, &err));
    check_ok(put_range(&ranged, 0, SEED, &err));
    check_ok(put_range(&ranged, 1, SEED, &err));
    check_ok(seal(&ranged, tag, &err));
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "d/x", &err));
    /* Only bytes that are there already are ever written late. */
    if (write_range(&ranged, late, 1, SEED, &err) == WB_OK)
        print_message("a handle of before still writes\n");
    wb_file_close(&late);
    check_fails(put_range(&ranged, 1, SEED, &err), WB_CAT_NOT_FOUND, "");
    wb_conf_check_filled(conf->store, WB_PLACE_FINAL, "d/x", SEED, ranged.size, WB_CONF_MIB);
    check_fails(wb_conf_publish_to(conf->store, "j.1", tag, "y", &err), WB_CAT_NOT_FOUND, "");
}

static void late_after_discard(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    struct wb_file *late = NULL;
    char tag[WB_TAG_MAX];
    begin(&ranged, conf, 2, 0);
    check_ok(wb_store_reopen(conf->store, "j.1", &late, &err));
    check_ok(put_range(&ranged, 0, SEED, &err));
    check_ok(put_range(&ranged, 1, SEED, &err));
    check_ok(seal(&ranged, tag, &err));
    check_ok(wb_store_discard(conf->store, "j.1", &err));
    if (write_range(&ranged, late, 1, SEED, &err) == WB_OK)
        print_message("a handle of before still writes\n");
    wb_file_close(&late);
    check_fails(put_range(&ranged, 1, SEED, &err), WB_CAT_NOT_FOUND, "");
    check_fails(wb_conf_publish_to(conf->store, "j.1", tag, "d/x", &err), WB_CAT_NOT_FOUND, "");
    wb_conf_check_absent(conf->store, WB_PLACE_FINAL, "d/x");
    check_ok(wb_store_discard(conf->store, "j.1", &err));
    wb_conf_check_absent(conf->store, WB_PLACE_STAGED, "j.1");
}

static void many_are_discarded(struct wb_conf *conf)
{
    struct wb_err err;
    struct ranged ranged;
    struct wb_file *file = NULL;
    begin(&ranged, conf, 4, 1);
    for (int32_t i = 1; i < ranged.count; i++)
        check_ok(put_range(&ranged, i, SEED, &err));
    check_ok(wb_store_discard(conf->store, "j.1", &err));
    wb_conf_check_absent(conf->store, WB_PLACE_STAGED, "j.1");
    check_fails(wb_store_reopen(conf->store, "j.1", &file, &err), WB_CAT_NOT_FOUND, "");
}

/* ---- holes ---- */

static void holes_stay_holes(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    struct wb_stat stat;
    int64_t start;
    int64_t end;
    int64_t size = 64 * WB_CONF_MIB;
    check_ok(wb_store_create(conf->store, "j.1", WB_FILE_REGULAR, size, true, &file, &err));
    check_ok(wb_file_write(file, size / 2, wb_span_str("data"), &err));
    check_ok(wb_file_next_data(file, 0, &start, &end, &err));
    assert_int_equal(start, size / 2);
    assert_true(end > start && end <= size / 2 + WB_CONF_MIB);
    check_ok(wb_file_next_data(file, end, &start, &end, &err));
    assert_int_equal(start, size);
    check_ok(wb_file_stat(file, &stat, &err));
    assert_true(stat.sparse);
    wb_file_close(&file);
}

#define CASE(name, run, number)                                             \
    {                                                                       \
        "ranges: " name, run, WB_CONF_WRITES | WB_CONF_RANDOM, number, NULL \
    }

static const struct wb_conf_case cases[] = {
    CASE("in order by one handle", in_order_by_one, 0),
    CASE("the last one of 1 byte", in_order_by_one, 1),
    CASE("the last one short of 1 byte", in_order_by_one, 256 * WB_CONF_KIB - 1),
    CASE("backwards, each by a handle of its own", backwards_by_many, 0),
    CASE("twelve in disorder", many_in_disorder, 0),
    CASE("only one, whole", one_only, 0),
    CASE("only one, of 1 byte", one_only, 1),
    CASE("two handles write by turns", two_handles_by_turns, 0),
    CASE("by several threads", by_several_threads, 0),
    CASE("written twice are the same", the_same_range_twice, 0),
    CASE("a bad one is replaced", a_bad_range_is_replaced, 0),
    CASE("resumed after a restart", resumed_after_a_restart, 0),
    CASE("are read back while others are missing", read_while_others_are_missing, 0),
    CASE("a missing one is no file", a_missing_range_is_told, 0),
    CASE("one that is not the proved one is no file", another_range_is_told, 0),
    CASE("one that is late finds the published file as it is", late_after_publish, 0),
    CASE("one that is late brings nothing discarded back", late_after_discard, 0),
    CASE("are all discarded with their instance", many_are_discarded, 0),
    {"ranges: holes stay holes", holes_stay_holes, WB_CONF_WRITES | WB_CONF_SPARSE, 0, NULL},
};

const struct wb_conf_group wb_conf_ranges = {cases, sizeof(cases) / sizeof(cases[0])};

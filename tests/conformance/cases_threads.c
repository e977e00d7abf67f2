/* Several at once: on one name, on one instance, on everything. Assertions are for the main thread;
 * the others leave what they found. */
#include "tests/conformance/suite.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 6, ROUNDS = 8, SIZE = 300 * WB_CONF_KIB };

struct worker {
    struct wb_conf *conf;
    int number;
    int mixed; /* bytes of two files, or of none */
    enum wb_rc rc;
    struct wb_err err;
    char tag[WB_TAG_MAX];
};

static enum wb_rc stage(struct worker *worker, const char *instance, uint64_t seed, int64_t size)
{
    struct wb_file *file = NULL;
    const struct wb_meta meta = {.mtime_ns = 1500000000000000000};
    if (wb_store_create(worker->conf->store, instance, WB_FILE_REGULAR, size, false, &file,
                        &worker->err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = wb_conf_write(file, seed, 0, size, WB_CONF_MIB, &worker->err);
    if (rc == WB_OK)
        rc = wb_file_seal(file, &meta, NULL, 0, worker->tag, &worker->err);
    wb_file_close(&file);
    return rc;
}

static void run_all(struct worker workers[THREADS], struct wb_conf *conf,
                    void *(*run)(void *worker))
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.conf = conf, .number = i, .rc = WB_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* Where a name can be seen while it changes, a look at it may fail, for now. */
static bool is_torn(const struct worker *worker)
{
    return !worker->conf->store->caps.atomic_publish && worker->err.retryable;
}

static void check_all(const struct worker workers[THREADS])
{
    for (int i = 0; i < THREADS; i++) {
        if (workers[i].rc != WB_OK && !is_torn(&workers[i]))
            fail_msg("thread %d: %s: %s", i, wb_category_name(workers[i].err.category),
                     workers[i].err.text);
        assert_int_equal(workers[i].mixed, 0);
    }
}

/* ---- names of their own ---- */

static void *put_own(void *arg)
{
    struct worker *worker = arg;
    for (int i = 0; worker->rc == WB_OK && i < ROUNDS; i++) {
        char instance[32];
        char path[32];
        (void)snprintf(instance, sizeof(instance), "j.%d.%d", worker->number, i);
        (void)snprintf(path, sizeof(path), "d%d/e/x%d.%d", i, worker->number, i);
        worker->rc = stage(worker, instance, (uint64_t)worker->number, 1000 + i);
        if (worker->rc == WB_OK)
            worker->rc =
                wb_conf_publish_to(worker->conf->store, instance, worker->tag, path, &worker->err);
    }
    return NULL;
}

static void files_of_their_own(struct wb_conf *conf)
{
    struct worker workers[THREADS];
    run_all(workers, conf, put_own);
    check_all(workers);
    for (int t = 0; t < THREADS; t++)
        for (int i = 0; i < ROUNDS; i++) {
            char path[32];
            (void)snprintf(path, sizeof(path), "d%d/e/x%d.%d", i, t, i);
            wb_conf_check_filled(conf->store, WB_PLACE_FINAL, path, (uint64_t)t, 1000 + i, 4096);
        }
}

/* ---- one name ---- */

static enum wb_rc put_same(struct worker *worker, int round)
{
    char instance[32];
    (void)snprintf(instance, sizeof(instance), "j.%d.%d", worker->number, round);
    if (stage(worker, instance, (uint64_t)worker->number, SIZE + worker->number) != WB_OK)
        return WB_ERROR;
    return wb_conf_publish_to(worker->conf->store, instance, worker->tag, "d/x", &worker->err);
}

/* A publish that another one overtook may find so: that is CHANGED or CONFLICT, to be tried again.
 */
static void *write_same(void *arg)
{
    struct worker *worker = arg;
    for (int i = 0; worker->rc == WB_OK && i < ROUNDS; i++)
        if (put_same(worker, i) != WB_OK && worker->err.category != WB_CAT_CHANGED &&
            worker->err.category != WB_CAT_CONFLICT && worker->err.category != WB_CAT_NOT_FOUND)
            worker->rc = WB_ERROR;
    return NULL;
}

/* Which thread's file that is; -1 when it is nobody's. */
static int owner_of(const uint8_t *bytes, size_t len)
{
    int number = (int)len - SIZE;
    if (number < 0 || number >= THREADS || !wb_conf_is_filled((uint64_t)number, 0, bytes, len))
        return -1;
    return number;
}

static enum wb_rc read_whole(struct worker *worker, uint8_t *bytes, size_t *ret_len)
{
    struct wb_file *file = NULL;
    if (wb_store_read(worker->conf->store, WB_PLACE_FINAL, wb_span_str("d/x"), false, &file,
                      &worker->err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = wb_file_read(file, 0, bytes, SIZE + THREADS, ret_len, &worker->err);
    wb_file_close(&file);
    return rc;
}

static void check_one_whole(struct wb_conf *conf)
{
    struct worker reader = {.conf = conf};
    size_t len = 0;
    uint8_t *bytes = wb_xcalloc(1, SIZE + THREADS);
    enum wb_rc rc = read_whole(&reader, bytes, &len);
    int owner = rc == WB_OK ? owner_of(bytes, len) : -1;
    free(bytes);
    if (rc != WB_OK)
        fail_msg("%s", reader.err.text);
    assert_true(owner >= 0);
}

static void all_to_one_name(struct wb_conf *conf)
{
    struct worker workers[THREADS];
    run_all(workers, conf, write_same);
    check_all(workers);
    check_one_whole(conf);
}

/* Even threads write, odd ones read: a whole file, an error of a file that changed, or none. */
static void *read_or_write(void *arg)
{
    struct worker *worker = arg;
    if (worker->number % 2 == 0)
        return write_same(worker);
    uint8_t *bytes = wb_xcalloc(1, SIZE + THREADS);
    for (int i = 0; worker->rc == WB_OK && i < 4 * ROUNDS; i++) {
        size_t len = 0;
        if (read_whole(worker, bytes, &len) == WB_OK)
            worker->mixed += owner_of(bytes, len) < 0;
        else if (worker->err.category != WB_CAT_NOT_FOUND && worker->err.category != WB_CAT_CHANGED)
            worker->rc = WB_ERROR;
    }
    free(bytes);
    return NULL;
}

static void readers_see_whole_files(struct wb_conf *conf)
{
    struct worker workers[THREADS];
    run_all(workers, conf, read_or_write);
    check_all(workers);
    check_one_whole(conf);
}

/* ---- one instance ---- */

static char shared_tag[WB_TAG_MAX];

static void *publish_shared(void *arg)
{
    struct worker *worker = arg;
    worker->rc = wb_conf_publish_to(worker->conf->store, "j.1", shared_tag, "d/x", &worker->err);
    return NULL;
}

static void one_instance_by_all(struct wb_conf *conf)
{
    struct wb_err err;
    struct worker workers[THREADS];
    wb_conf_stage(conf->store, "j.1", "hello", shared_tag);
    run_all(workers, conf, publish_shared);
    int fine = 0;
    for (int i = 0; i < THREADS; i++) {
        fine += workers[i].rc == WB_OK;
        if (workers[i].rc != WB_OK && workers[i].err.category != WB_CAT_NOT_FOUND &&
            workers[i].err.category != WB_CAT_CHANGED &&
            workers[i].err.category != WB_CAT_CONFLICT && !is_torn(&workers[i]))
            fail_msg("%s: %s", wb_category_name(workers[i].err.category), workers[i].err.text);
    }
    assert_true(fine > 0);
    wb_conf_check_text(conf->store, "d/x", "hello");
    check_ok(wb_conf_publish_to(conf->store, "j.1", shared_tag, "d/x", &err));
}

static void *publish_or_discard(void *arg)
{
    struct worker *worker = arg;
    if (worker->number % 2)
        return publish_shared(worker);
    worker->rc = wb_store_discard(worker->conf->store, "j.1", &worker->err);
    return NULL;
}

/* Whoever comes first: after a discard that was acknowledged nothing is published later, and what a
 * publish acknowledged is there. */
static void discard_against_publish(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    struct worker workers[THREADS];
    wb_conf_stage(conf->store, "j.1", "hello", shared_tag);
    run_all(workers, conf, publish_or_discard);
    bool published = false;
    for (int i = 0; i < THREADS; i++)
        if (i % 2)
            published |= workers[i].rc == WB_OK;
        else if (workers[i].rc != WB_OK)
            fail_msg("discard: %s", workers[i].err.text);
    enum wb_rc there = wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("d/x"), &stat, &err);
    if (published)
        check_ok(there);
    enum wb_rc later = wb_conf_publish_to(conf->store, "j.1", shared_tag, "d/x", &err);
    assert_int_equal(later, there);
    wb_conf_check_absent(conf->store, WB_PLACE_STAGED, "j.1");
}

/* ---- markers ---- */

static char markers[THREADS][WB_MARKER_MAX];

static void *mark(void *arg)
{
    struct worker *worker = arg;
    worker->rc = wb_store_marker(worker->conf->store, true, markers[worker->number], &worker->err);
    return NULL;
}

static void one_marker(struct wb_conf *conf)
{
    struct wb_err err;
    struct worker workers[THREADS];
    char marker[WB_MARKER_MAX];
    run_all(workers, conf, mark);
    check_all(workers);
    check_ok(wb_store_marker(conf->store, false, marker, &err));
    for (int i = 0; i < THREADS; i++)
        assert_string_equal(markers[i], marker);
}

/* ---- removals ---- */

static void *remove_shared(void *arg)
{
    struct worker *worker = arg;
    char token[32];
    (void)snprintf(token, sizeof(token), "j.del.%d", worker->number);
    worker->rc =
        wb_store_remove(worker->conf->store, wb_span_str("d/x"), shared_tag, token, &worker->err);
    return NULL;
}

static void removed_by_all(struct wb_conf *conf)
{
    struct worker workers[THREADS];
    wb_conf_put(conf->store, "d/x", "hello", shared_tag);
    run_all(workers, conf, remove_shared);
    check_all(workers);
    wb_conf_check_absent(conf->store, WB_PLACE_FINAL, "d/x");
}

#define CASE(name, run, needs)                                   \
    {                                                            \
        "threads: " name, run, WB_CONF_WRITES | (needs), 0, NULL \
    }

static const struct wb_conf_case cases[] = {
    CASE("files of their own in folders of all", files_of_their_own, 0),
    CASE("all publish to one name, one is there, whole", all_to_one_name, WB_CONF_ATOMIC),
    CASE("readers see whole files while others publish", readers_see_whole_files, WB_CONF_ATOMIC),
    CASE("one instance is published by all", one_instance_by_all, 0),
    CASE("a discard against a publish", discard_against_publish, 0),
    CASE("a marker is made by all, and is one", one_marker, 0),
    CASE("a file is removed by all", removed_by_all, 0),
};

const struct wb_conf_group wb_conf_threads = {cases, sizeof(cases) / sizeof(cases[0])};

/* Listings: every file once, nothing of ours, of any length. */
#include "tests/conformance/suite.h"

enum { MANY = 10000, NAME_LEN = 40, THREADS = 8, BATCH = 250 };

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

/* Counts, and marks the numbers that paths end in. */
struct seen {
    int count;
    int wrong;
    bool numbers[MANY];
    struct wb_store *store; /* asked for each path, when there is one */
    int stop_after;         /* 0: never */
};

static enum wb_rc look(void *arg, struct wb_span path, const struct wb_stat *stat,
                       const struct wb_err *problem, struct wb_err *err)
{
    struct seen *seen = arg;
    char text[NAME_LEN + 1];
    (void)snprintf(text, sizeof(text), "%.*s", (int)path.len, (const char *)path.data);
    char *digits = strrchr(text, 'x');
    long number = digits ? strtol(digits + 1, NULL, 10) : -1;
    bool fine = !problem && stat && path.data[0] != '.' && number >= 0 && number < MANY &&
                !seen->numbers[number];
    seen->wrong += !fine;
    seen->count++;
    if (fine)
        seen->numbers[number] = true;
    if (seen->store) {
        struct wb_stat asked;
        if (wb_store_stat(seen->store, WB_PLACE_FINAL, path, &asked, err) != WB_OK)
            return WB_ERROR;
        seen->wrong += asked.version.size_bytes != stat->version.size_bytes;
    }
    if (seen->stop_after && seen->count == seen->stop_after)
        return wb_err_set(err, WB_CAT_CANCELLED, "enough");
    return WB_OK;
}

static void check_list(struct wb_store *store, const char *prefix, int wanted)
{
    struct wb_err err;
    struct seen *seen = wb_xcalloc(1, sizeof(*seen));
    check_ok(wb_store_list(store, wb_span_str(prefix), look, seen, &err));
    int count = seen->count;
    int wrong = seen->wrong;
    free(seen);
    assert_int_equal(wrong, 0);
    assert_int_equal(count, wanted);
}

static void files_but_not_what_is_staged(struct wb_conf *conf)
{
    char tag[WB_TAG_MAX];
    char marker[WB_MARKER_MAX];
    struct wb_err err;
    for (int i = 0; i < 50; i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "d%d/x%d", i % 5, i);
        wb_conf_put(conf->store, path, path, NULL);
    }
    wb_conf_stage(conf->store, "j.2", "staged", tag);
    check_ok(wb_store_marker(conf->store, true, marker, &err));
    check_list(conf->store, "", 50);
    check_list(conf->store, "d3", 10);
}

static void nothing_there(struct wb_conf *conf)
{
    check_list(conf->store, "", 0);
}

static void missing_prefix(struct wb_conf *conf)
{
    struct wb_err err;
    struct seen *seen = wb_xcalloc(1, sizeof(*seen));
    wb_conf_put(conf->store, "d/x1", "1", NULL);
    enum wb_rc rc = wb_store_list(conf->store, wb_span_str("none"), look, seen, &err);
    free(seen);
    check_fails(rc, WB_CAT_NOT_FOUND, "none");
}

static void prefix_is_a_folder(struct wb_conf *conf)
{
    wb_conf_put(conf->store, "d/x1", "1", NULL);
    wb_conf_put(conf->store, "d/e/x2", "2", NULL);
    wb_conf_put(conf->store, "dd/x3", "3", NULL);
    wb_conf_put(conf->store, "d.x4", "4", NULL);
    wb_conf_put(conf->store, "d x5", "5", NULL);
    check_list(conf->store, "d", 2);
    check_list(conf->store, "d/e", 1);
    check_list(conf->store, "", 5);
}

static void prefix_is_a_file(struct wb_conf *conf)
{
    wb_conf_put(conf->store, "d/x1", "1", NULL);
    wb_conf_put(conf->store, "d/x12", "2", NULL);
    check_list(conf->store, "d/x1", 1);
}

static void visitor_ends_it(struct wb_conf *conf)
{
    struct wb_err err;
    struct seen *seen = wb_xcalloc(1, sizeof(*seen));
    seen->stop_after = 2;
    for (int i = 0; i < 5; i++) {
        char path[] = {'x', (char)('0' + i), 0};
        wb_conf_put(conf->store, path, path, NULL);
    }
    enum wb_rc rc = wb_store_list(conf->store, wb_span_of(NULL, 0), look, seen, &err);
    int count = seen->count;
    free(seen);
    check_fails(rc, WB_CAT_CANCELLED, "enough");
    assert_int_equal(count, 2);
}

static void visitor_uses_the_store(struct wb_conf *conf)
{
    struct wb_err err;
    struct seen *seen = wb_xcalloc(1, sizeof(*seen));
    seen->store = conf->store;
    for (int i = 0; i < 20; i++) {
        char path[16];
        (void)snprintf(path, sizeof(path), "d%d/x%d", i % 3, i);
        wb_conf_put(conf->store, path, path, NULL);
    }
    check_ok(wb_store_list(conf->store, wb_span_of(NULL, 0), look, seen, &err));
    assert_int_equal(seen->wrong, 0);
    assert_int_equal(seen->count, 20);
    free(seen);
}

struct one {
    struct wb_stat stat;
    char etag[WB_ETAG_MAX];
};

static enum wb_rc keep_stat(void *arg, struct wb_span path, const struct wb_stat *stat,
                            const struct wb_err *problem, struct wb_err *err)
{
    struct one *one = arg;
    (void)path;
    (void)problem;
    (void)err;
    one->stat = *stat;
    (void)snprintf(one->etag, sizeof(one->etag), "%s",
                   stat->version.etag ? stat->version.etag : "");
    return WB_OK;
}

/* What a listing leaves out is said to be unknown; what it says is so. */
static void stats_are_those_of_the_files(struct wb_conf *conf)
{
    struct wb_err err;
    struct one one;
    struct wb_stat stat;
    wb_conf_put(conf->store, "d/x1", "eleven chars", NULL);
    check_ok(wb_store_list(conf->store, wb_span_of(NULL, 0), keep_stat, &one, &err));
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("d/x1"), &stat, &err));
    assert_int_equal(one.stat.version.kind, WB_FILE_REGULAR);
    assert_int_equal(one.stat.version.size_bytes, stat.version.size_bytes);
    if (one.stat.version.mtime_ns >= 0)
        assert_int_equal(one.stat.version.mtime_ns, stat.version.mtime_ns);
    if (one.etag[0])
        assert_string_equal(one.etag, stat.etag);
    if (one.stat.tag[0])
        assert_string_equal(one.stat.tag, stat.tag);
}

static void removed_are_not_listed(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    wb_conf_put(conf->store, "d/e/x1", "1", tag);
    wb_conf_put(conf->store, "d/x2", "2", NULL);
    check_ok(wb_store_remove(conf->store, wb_span_str("d/e/x1"), tag, "j.del", &err));
    check_list(conf->store, "", 1);
}

/* ---- many ---- */

static void name_of(int number, char name[NAME_LEN])
{
    (void)snprintf(name, NAME_LEN, "n/x%d", number);
}

/* Where the node is a folder here its files are made as anybody would. */
static void make_in_folder(struct wb_conf *conf, int count)
{
    char place[400];
    char name[NAME_LEN];
    (void)snprintf(place, sizeof(place), "%s/n", conf->root);
    assert_int_equal(mkdir(place, 0755), 0);
    for (int i = 0; i < count; i++) {
        name_of(i, name);
        (void)snprintf(place, sizeof(place), "%s/%s", conf->root, name);
        int fd = open(place, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        (void)close(fd);
    }
}

struct maker {
    struct wb_conf *conf;
    int first;
    int count;
    enum wb_rc rc;
    struct wb_err err;
};

static enum wb_rc stage_empty(struct wb_store *store, const char *instance, char *tag,
                              struct wb_err *err)
{
    struct wb_file *file = NULL;
    const struct wb_meta meta = {.mtime_ns = 1500000000000000000};
    if (wb_store_create(store, instance, WB_FILE_REGULAR, 0, false, &file, err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = wb_file_seal(file, &meta, NULL, 0, tag, err);
    wb_file_close(&file);
    return rc;
}

static enum wb_rc make_batch(struct maker *maker, int first, int count)
{
    static _Thread_local char tags[BATCH][WB_TAG_MAX];
    static _Thread_local char instances[BATCH][NAME_LEN];
    static _Thread_local char paths[BATCH][NAME_LEN];
    static _Thread_local struct wb_publish items[BATCH];
    struct wb_store *store = maker->conf->store;
    for (int i = 0; i < count; i++) {
        (void)snprintf(instances[i], NAME_LEN, "many.%d/%d", first, i);
        name_of(first + i, paths[i]);
        items[i] = (struct wb_publish){
            .instance = instances[i], .tag = tags[i], .path = wb_span_str(paths[i])};
        if (stage_empty(store, instances[i], tags[i], &maker->err) != WB_OK)
            return WB_ERROR;
    }
    if (wb_store_publish(store, items, (size_t)count, &maker->err) != WB_OK)
        return WB_ERROR;
    for (int i = 0; i < count; i++)
        if (items[i].rc != WB_OK) {
            maker->err = items[i].err;
            return WB_ERROR;
        }
    return WB_OK;
}

static void *make(void *arg)
{
    struct maker *maker = arg;
    maker->rc = WB_OK;
    for (int i = maker->first; maker->rc == WB_OK && i < maker->count; i += THREADS * BATCH)
        maker->rc = make_batch(maker, i, maker->count - i < BATCH ? maker->count - i : BATCH);
    return NULL;
}

static void make_by_store(struct wb_conf *conf, int count)
{
    struct maker makers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        makers[i] = (struct maker){.conf = conf, .first = i * BATCH, .count = count};
        assert_int_equal(pthread_create(&threads[i], NULL, make, &makers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++)
        if (makers[i].rc != WB_OK)
            fail_msg("%s", makers[i].err.text);
}

/* Pages of listings end at 1,000 here and there. */
static void many(struct wb_conf *conf)
{
    int count = (int)conf->test->number;
    if (conf->backend->can & WB_CONF_FOLDER)
        make_in_folder(conf, count);
    else
        make_by_store(conf, count);
    check_list(conf->store, "", count);
    check_list(conf->store, "n", count);
}

#define NEEDS (WB_CONF_WRITES | WB_CONF_LISTS)
#define CASE(name, run, number)                 \
    {                                           \
        "list: " name, run, NEEDS, number, NULL \
    }

static const struct wb_conf_case cases[] = {
    CASE("files, but not what is staged nor the marker", files_but_not_what_is_staged, 0),
    CASE("nothing where nothing is", nothing_there, 0),
    CASE("a prefix that is not there is not found", missing_prefix, 0),
    CASE("a prefix is a folder, no beginning of names", prefix_is_a_folder, 0),
    CASE("a prefix may be a file", prefix_is_a_file, 0),
    CASE("the visitor may end it", visitor_ends_it, 0),
    CASE("the visitor may use the store", visitor_uses_the_store, 0),
    CASE("what it tells of a file is so", stats_are_those_of_the_files, 0),
    CASE("removed files are not there", removed_are_not_listed, 0),
    CASE("999 files", many, 999),
    CASE("1,000 files", many, 1000),
    CASE("1,001 files", many, 1001),
    CASE("10,000 files", many, MANY),
};

const struct wb_conf_group wb_conf_listings = {cases, sizeof(cases) / sizeof(cases[0])};

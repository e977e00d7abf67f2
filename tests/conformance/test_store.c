/* One suite for every backend: what store.h promises. */
#include "tests/check.h"

#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/store/mem.h"

enum { MIB = 1024 * 1024, BATCH = 300 };

/* What the suite needs of a backend besides its URL; NULL where it has no such thing. */
struct backend {
    void (*begin)(char root[64]); /* makes an empty node */
    void (*end)(const char *root);
    const char *scheme;
    void (*make_special)(const char *root);        /* a fifo called `fifo` */
    void (*make_way_out)(const char *root);        /* a link `way` to a folder outside */
    void (*unmake_way_out)(const char *root);      /* fails when anything got into that folder */
    void (*set_away)(const char *root, bool away); /* the root goes and comes back */
    void (*set_another)(const char *root, bool another); /* an empty folder takes its place */
    bool (*has_staging)(const char *root);
};

struct fixture {
    const struct backend *backend;
    char root[64];
    struct wb_store *store;
};

/* ---- posix ---- */

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void posix_begin(char root[64])
{
    (void)snprintf(root, 64, "/tmp/wb-test-store-XXXXXX");
    assert_non_null(mkdtemp(root));
}

static void posix_end(const char *root)
{
    (void)nftw(root, remove_entry, 32, FTW_DEPTH | FTW_PHYS);
}

static void posix_make_special(const char *root)
{
    char place[160];
    (void)snprintf(place, sizeof(place), "%s/fifo", root);
    assert_int_equal(mkfifo(place, 0600), 0);
}

static void posix_make_way_out(const char *root)
{
    char outside[128];
    char place[160];
    (void)snprintf(outside, sizeof(outside), "%s.out", root);
    assert_int_equal(mkdir(outside, 0700), 0);
    (void)snprintf(place, sizeof(place), "%s/way", root);
    assert_int_equal(symlink(outside, place), 0);
}

static void posix_unmake_way_out(const char *root)
{
    char outside[128];
    (void)snprintf(outside, sizeof(outside), "%s.out", root);
    assert_int_equal(rmdir(outside), 0);
}

static void posix_set_away(const char *root, bool away)
{
    char moved[96];
    (void)snprintf(moved, sizeof(moved), "%s.moved", root);
    assert_int_equal(rename(away ? root : moved, away ? moved : root), 0);
}

static void posix_set_another(const char *root, bool another)
{
    if (!another)
        assert_int_equal(rmdir(root), 0); /* fails when anything got in */
    posix_set_away(root, another);
    if (another)
        assert_int_equal(mkdir(root, 0700), 0);
}

static bool posix_has_staging(const char *root)
{
    char place[160];
    (void)snprintf(place, sizeof(place), "%s/.waybill", root);
    return access(place, F_OK) == 0;
}

static const struct backend posix = {
    .begin = posix_begin,
    .end = posix_end,
    .scheme = "file",
    .make_special = posix_make_special,
    .make_way_out = posix_make_way_out,
    .unmake_way_out = posix_unmake_way_out,
    .set_away = posix_set_away,
    .set_another = posix_set_another,
    .has_staging = posix_has_staging,
};

/* ---- mem ---- */

static void mem_begin(char root[64])
{
    (void)snprintf(root, 64, "conformance");
}

static void mem_end(const char *root)
{
    (void)root;
    wb_mem_reset();
}

static void mem_make_special(const char *root)
{
    wb_mem_put(root, wb_span_str("fifo"), WB_FILE_SPECIAL, wb_span_of(NULL, 0), -1, false);
}

static void mem_make_way_out(const char *root)
{
    wb_mem_put(root, wb_span_str("way"), WB_FILE_SYMLINK, wb_span_str("/outside"), -1, false);
}

static void mem_unmake_way_out(const char *root)
{
    (void)root; /* there is no outside */
}

static void mem_set_away(const char *root, bool away)
{
    wb_mem_mount(root, away ? WB_MEM_AWAY : WB_MEM_MOUNTED);
}

static void mem_set_another(const char *root, bool another)
{
    wb_mem_mount(root, another ? WB_MEM_BARE : WB_MEM_MOUNTED);
}

static bool mem_has_staging(const char *root)
{
    (void)root;
    return false;
}

static const struct backend mem = {
    .begin = mem_begin,
    .end = mem_end,
    .scheme = "mem",
    .make_special = mem_make_special,
    .make_way_out = mem_make_way_out,
    .unmake_way_out = mem_unmake_way_out,
    .set_away = mem_set_away,
    .set_another = mem_set_another,
    .has_staging = mem_has_staging,
};

/* ---- the suite ---- */

static int set_up_backend(void **state, const struct backend *backend)
{
    struct wb_err err;
    char url[96];
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    fixture->backend = backend;
    backend->begin(fixture->root);
    (void)snprintf(url, sizeof(url), "%s://%s", backend->scheme, fixture->root);
    check_ok(wb_store_open("t", url, NULL, "", NULL, &fixture->store, &err));
    *state = fixture;
    return 0;
}

static int set_up_posix(void **state)
{
    return set_up_backend(state, &posix);
}

static int set_up_mem(void **state)
{
    return set_up_backend(state, &mem);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    wb_store_close(&fixture->store);
    fixture->backend->end(fixture->root);
    free(fixture);
    return 0;
}

/* Stages `text` and gives the tag. */
static void stage(struct wb_store *store, const char *instance, const char *text, int64_t mtime_ns,
                  char tag[WB_TAG_MAX])
{
    struct wb_err err;
    struct wb_file *file = NULL;
    struct wb_meta meta = {.mtime_ns = mtime_ns, .mode = 0640, .set_mode = true};
    check_ok(wb_store_create(store, instance, WB_FILE_REGULAR, (int64_t)strlen(text), false, &file,
                             &err));
    check_ok(wb_file_write(file, 0, wb_span_str(text), &err));
    check_ok(wb_file_seal(file, &meta, NULL, 0, tag, &err));
    wb_file_close(&file);
}

static enum wb_rc publish(struct wb_store *store, const char *instance, const char *tag,
                          const char *path, struct wb_err *err)
{
    struct wb_publish item = {.instance = instance, .tag = tag, .path = wb_span_str(path)};
    if (wb_store_publish(store, &item, 1, err) != WB_OK)
        return WB_ERROR;
    *err = item.err;
    return item.rc;
}

static void check_content(struct wb_store *store, const char *path, const char *text)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    char buffer[4096];
    size_t len;
    check_ok(wb_store_read(store, WB_PLACE_FINAL, wb_span_str(path), false, &file, &err));
    check_ok(wb_file_read(file, 0, buffer, sizeof(buffer), &len, &err));
    wb_file_close(&file);
    check_span(wb_span_of(buffer, len), text);
}

static void check_absent(struct wb_store *store, enum wb_place place, const char *path)
{
    struct wb_err err;
    struct wb_stat stat;
    check_fails(wb_store_stat(store, place, wb_span_str(path), &stat, &err), WB_CAT_NOT_FOUND, "");
}

static void a_staged_file_is_unseen_until_it_is_published(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    struct wb_stat stat;
    char tag[WB_TAG_MAX];
    stage(store, "j.1", "hello", 1234567890123456789, tag);
    check_absent(store, WB_PLACE_FINAL, "d/e/x");
    check_ok(publish(store, "j.1", tag, "d/e/x", &err));
    check_content(store, "d/e/x", "hello");
    check_ok(wb_store_stat(store, WB_PLACE_FINAL, wb_span_str("d/e/x"), &stat, &err));
    assert_int_equal(stat.version.mtime_ns, 1234567890123456789);
    assert_int_equal(stat.mode, 0640);
    assert_string_equal(stat.tag, tag);
    check_absent(store, WB_PLACE_STAGED, "j.1");
}

static void publishing_twice_is_publishing_once(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    char tag[WB_TAG_MAX];
    stage(store, "j.1", "hello", 1, tag);
    check_ok(publish(store, "j.1", tag, "x", &err));
    check_ok(publish(store, "j.1", tag, "x", &err));
    check_content(store, "x", "hello");
}

static void a_zombie_never_publishes_over_a_newer_file(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    char old[WB_TAG_MAX];
    char new[WB_TAG_MAX];
    stage(store, "old", "old bytes", 1, old);
    stage(store, "new", "new", 2, new);
    check_ok(publish(store, "old", old, "x", &err));
    check_ok(publish(store, "new", new, "x", &err));
    check_fails(publish(store, "old", old, "x", &err), WB_CAT_NOT_FOUND, "neither staged");
    check_content(store, "x", "new");
}

static void what_was_discarded_is_never_published(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    char tag[WB_TAG_MAX];
    stage(store, "j.1", "hello", 1, tag);
    check_ok(wb_store_discard(store, "j.1", &err));
    check_ok(wb_store_discard(store, "j.1", &err));
    check_fails(publish(store, "j.1", tag, "x", &err), WB_CAT_NOT_FOUND, "neither staged");
    check_absent(store, WB_PLACE_FINAL, "x");
}

static void only_the_proved_instance_is_published(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    char tag[WB_TAG_MAX];
    stage(store, "j.1", "hello", 1, tag);
    check_fails(publish(store, "j.1", "1-2-3", "x", &err), WB_CAT_CORRUPT, "not the one");
    check_absent(store, WB_PLACE_FINAL, "x");
}

static void an_instance_is_made_only_once(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    struct wb_file *file = NULL;
    char tag[WB_TAG_MAX];
    stage(store, "j.1", "hello", 1, tag);
    check_fails(wb_store_create(store, "j.1", WB_FILE_REGULAR, 5, false, &file, &err),
                WB_CAT_CONFLICT, "j.1");
    check_fails(wb_store_reopen(store, "j.2", &file, &err), WB_CAT_NOT_FOUND, "j.2");
    check_fails(wb_store_create(store, "../x", WB_FILE_REGULAR, 5, false, &file, &err),
                WB_CAT_INVALID, "instance");
}

static void ranges_come_in_any_order_from_any_handle(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    struct wb_file *file = NULL;
    char tag[WB_TAG_MAX];
    struct wb_meta meta = {.mtime_ns = 5};
    check_ok(wb_store_create(store, "j.1", WB_FILE_REGULAR, 9, false, &file, &err));
    check_ok(wb_file_write(file, 6, wb_span_str("ghi"), &err));
    wb_file_close(&file);
    check_ok(wb_store_reopen(store, "j.1", &file, &err));
    check_ok(wb_file_write(file, 0, wb_span_str("abc"), &err));
    check_ok(wb_file_write(file, 3, wb_span_str("def"), &err));
    check_ok(wb_file_range_done(file, 0, 9, tag, &err));
    check_ok(wb_file_seal(file, &meta, NULL, 0, tag, &err));
    wb_file_close(&file);
    check_ok(publish(store, "j.1", tag, "x", &err));
    check_content(store, "x", "abcdefghi");
}

static void a_large_batch_is_published_whole(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    static char tags[BATCH][WB_TAG_MAX];
    static char names[BATCH][64];
    static struct wb_publish items[BATCH];
    for (int i = 0; i < BATCH; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "t.1/%d", i);
        stage(fixture->store, names[i], names[i], i + 1, tags[i]);
        items[i] = (struct wb_publish){
            .instance = names[i], .tag = tags[i], .path = wb_span_str(names[i])};
    }
    items[7].tag = "0-0-0";
    check_ok(wb_store_publish(fixture->store, items, BATCH, &err));
    for (int i = 0; i < BATCH; i++) {
        assert_int_equal(items[i].rc, i == 7 ? WB_ERROR : WB_OK);
        if (i != 7)
            check_content(fixture->store, names[i], names[i]);
    }
    check_absent(fixture->store, WB_PLACE_FINAL, names[7]);
    check_ok(wb_store_discard(fixture->store, names[7], &err));
    check_absent(fixture->store, WB_PLACE_STAGED, "t.1");
}

static void only_our_own_file_is_removed(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    char old[WB_TAG_MAX];
    char new[WB_TAG_MAX];
    stage(store, "old", "old bytes", 1, old);
    stage(store, "new", "new", 2, new);
    check_ok(publish(store, "old", old, "x", &err));
    check_ok(publish(store, "new", new, "x", &err));
    check_fails(wb_store_remove(store, wb_span_str("x"), old, "j.del", &err), WB_CAT_CONFLICT,
                "not the file");
    check_content(store, "x", "new");
    check_ok(wb_store_remove(store, wb_span_str("x"), new, "j.del", &err));
    check_ok(wb_store_remove(store, wb_span_str("x"), new, "j.del", &err));
    check_absent(store, WB_PLACE_FINAL, "x");
    check_absent(store, WB_PLACE_STAGED, "j.del");
}

static void names_may_hold_every_byte(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    char tag[WB_TAG_MAX];
    for (int c = 1; c < 256; c++) {
        char path[16] = {'d', '/', 'a', (char)c, 'b', 0};
        if (c == '/')
            continue;
        stage(store, "j.1", path, c, tag);
        check_ok(publish(store, "j.1", tag, path, &err));
        check_content(store, path, path);
    }
    char longest[WB_PATH_PART_MAX + 1];
    memset(longest, 'x', WB_PATH_PART_MAX);
    longest[WB_PATH_PART_MAX] = 0;
    stage(store, "j.2", "long", 1, tag);
    check_ok(publish(store, "j.2", tag, longest, &err));
    check_content(store, longest, "long");
}

static void links_are_copied_as_links_and_never_followed(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_file *file = NULL;
    struct wb_stat stat;
    char tag[WB_TAG_MAX];
    struct wb_meta meta = {.mtime_ns = 7000000000};
    check_ok(wb_store_create(fixture->store, "l.1", WB_FILE_SYMLINK, -1, false, &file, &err));
    check_ok(wb_file_write(file, 0, wb_span_str("../no/where"), &err));
    check_ok(wb_file_seal(file, &meta, NULL, 0, tag, &err));
    wb_file_close(&file);
    check_ok(publish(fixture->store, "l.1", tag, "link", &err));
    check_content(fixture->store, "link", "../no/where");
    check_ok(wb_store_stat(fixture->store, WB_PLACE_FINAL, wb_span_str("link"), &stat, &err));
    assert_int_equal(stat.version.kind, WB_FILE_SYMLINK);
    assert_int_equal(stat.version.mtime_ns, 7000000000);

    fixture->backend->make_way_out(fixture->root);
    stage(fixture->store, "j.1", "secret", 1, tag);
    check_fails(publish(fixture->store, "j.1", tag, "way/x", &err), WB_CAT_CONFLICT, "way/x");
    check_absent(fixture->store, WB_PLACE_FINAL, "way/x");
    fixture->backend->unmake_way_out(fixture->root);
}

static void special_files_are_told_not_read(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_stat stat;
    struct wb_file *file = NULL;
    fixture->backend->make_special(fixture->root);
    check_ok(wb_store_stat(fixture->store, WB_PLACE_FINAL, wb_span_str("fifo"), &stat, &err));
    assert_int_equal(stat.version.kind, WB_FILE_SPECIAL);
    check_fails(
        wb_store_read(fixture->store, WB_PLACE_FINAL, wb_span_str("fifo"), false, &file, &err),
        WB_CAT_UNSUPPORTED, "fifo");
}

static void a_folder_in_the_way_is_a_conflict(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    char tag[WB_TAG_MAX];
    stage(store, "j.1", "a", 1, tag);
    check_ok(publish(store, "j.1", tag, "d/x", &err));
    stage(store, "j.2", "b", 2, tag);
    check_fails(publish(store, "j.2", tag, "d", &err), WB_CAT_CONFLICT, "\"d\"");
    check_fails(publish(store, "j.2", tag, "d/x/y", &err), WB_CAT_CONFLICT, "d/x/y");
}

static void holes_stay_holes(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    struct wb_file *file = NULL;
    struct wb_stat stat;
    int64_t start;
    int64_t end;
    if (!store->caps.sparse)
        skip();
    check_ok(wb_store_create(store, "j.1", WB_FILE_REGULAR, 64 * MIB, true, &file, &err));
    check_ok(wb_file_write(file, 32 * MIB, wb_span_str("data"), &err));
    check_ok(wb_file_next_data(file, 0, &start, &end, &err));
    assert_int_equal(start, 32 * MIB);
    assert_true(end > start && end <= 33 * MIB);
    check_ok(wb_file_next_data(file, end, &start, &end, &err));
    assert_int_equal(start, 64 * MIB);
    check_ok(wb_file_stat(file, &stat, &err));
    assert_true(stat.sparse);
    wb_file_close(&file);
}

static enum wb_rc count_visit(void *arg, struct wb_span path, const struct wb_stat *stat,
                              const struct wb_err *problem, struct wb_err *err)
{
    (void)err;
    assert_null(problem);
    assert_non_null(stat);
    assert_int_not_equal(path.data[0], '.');
    ++*(int *)arg;
    return WB_OK;
}

static void a_listing_names_files_but_not_what_is_staged(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    char tag[WB_TAG_MAX];
    int count = 0;
    for (int i = 0; i < 50; i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "d%d/x%d", i % 5, i);
        stage(store, "j.1", path, 1, tag);
        check_ok(publish(store, "j.1", tag, path, &err));
    }
    stage(store, "j.2", "staged", 1, tag);
    check_ok(wb_store_list(store, wb_span_of(NULL, 0), count_visit, &count, &err));
    assert_int_equal(count, 50);
    count = 0;
    check_ok(wb_store_list(store, wb_span_str("d3"), count_visit, &count, &err));
    assert_int_equal(count, 10);
    check_fails(wb_store_list(store, wb_span_str("none"), count_visit, &count, &err),
                WB_CAT_NOT_FOUND, "none");
}

static void a_root_that_went_away_is_no_empty_node(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_stat stat;
    int64_t free_bytes;
    fixture->backend->set_away(fixture->root, true);
    check_fails(wb_store_stat(fixture->store, WB_PLACE_FINAL, wb_span_str("x"), &stat, &err),
                WB_CAT_UNREACHABLE, "root");
    check_fails(wb_store_check(fixture->store, &free_bytes, &err), WB_CAT_UNREACHABLE, "root");
    fixture->backend->set_away(fixture->root, false);
    check_ok(wb_store_check(fixture->store, &free_bytes, &err));
    assert_true(free_bytes > 0);
}

static void another_root_in_its_place_is_not_taken_for_it(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_stat stat;
    struct wb_file *file = NULL;
    char tag[WB_TAG_MAX];
    int64_t free_bytes;
    stage(fixture->store, "j.1", "hello", 1, tag);
    fixture->backend->set_another(fixture->root, true);
    check_fails(wb_store_check(fixture->store, &free_bytes, &err), WB_CAT_UNREACHABLE, "another");
    check_fails(wb_store_stat(fixture->store, WB_PLACE_FINAL, wb_span_str("x"), &stat, &err),
                WB_CAT_UNREACHABLE, "another");
    check_fails(wb_store_read(fixture->store, WB_PLACE_FINAL, wb_span_str("x"), false, &file, &err),
                WB_CAT_UNREACHABLE, "another");
    check_ok(publish(fixture->store, "j.1", tag, "x", &err));
    fixture->backend->set_another(fixture->root, false);
    check_content(fixture->store, "x", "hello");
}

/* Mounts a small file system over the root, in a name space of this process alone; false where that
 * is not allowed. The store is opened anew. */
static bool mount_small(struct fixture *fixture)
{
    struct wb_err err;
    char url[96];
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", fixture->root, "tmpfs", 0, "size=256k") != 0)
        return false;
    wb_store_close(&fixture->store);
    (void)snprintf(url, sizeof(url), "file://%s", fixture->root);
    check_ok(wb_store_open("t", url, NULL, "", NULL, &fixture->store, &err));
    return true;
}

static void what_a_node_cannot_do_has_its_class(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_file *file = NULL;
    char tag[WB_TAG_MAX];
    char marker[WB_MARKER_MAX];
    int64_t free_bytes;
    if (!mount_small(fixture))
        skip();
    check_ok(wb_store_check(fixture->store, &free_bytes, &err));
    assert_true(free_bytes > 0 && free_bytes <= 256 * 1024);
    check_fails(wb_store_create(fixture->store, "j.1", WB_FILE_REGULAR, MIB, false, &file, &err),
                WB_CAT_NO_SPACE, "reserve");
    check_absent(fixture->store, WB_PLACE_STAGED, "j.1");
    stage(fixture->store, "j.2", "hello", 1, tag);
    assert_int_equal(mount(NULL, fixture->root, NULL, MS_REMOUNT | MS_RDONLY, "size=256k"), 0);
    check_ok(wb_store_check(fixture->store, &free_bytes, &err));
    check_fails(wb_store_create(fixture->store, "j.3", WB_FILE_REGULAR, 1, false, &file, &err),
                WB_CAT_READ_ONLY, "j.3");
    check_fails(wb_store_marker(fixture->store, true, marker, &err), WB_CAT_READ_ONLY, "marker");
    check_fails(publish(fixture->store, "j.2", tag, "x", &err), WB_CAT_READ_ONLY, "\"x\"");
    check_fails(wb_store_discard(fixture->store, "j.2", &err), WB_CAT_READ_ONLY, "j.2");
    assert_int_equal(umount2(fixture->root, MNT_DETACH), 0);
    check_fails(wb_store_check(fixture->store, &free_bytes, &err), WB_CAT_UNREACHABLE, "another");
}

static void a_staging_area_that_is_removed_is_made_anew(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    char tag[WB_TAG_MAX];
    char place[160];
    stage(fixture->store, "j.1", "hello", 1, tag);
    (void)snprintf(place, sizeof(place), "%s/.waybill", fixture->root);
    check_ok(wb_store_discard(fixture->store, "j.1", &err));
    assert_int_equal(rmdir(place), 0);
    stage(fixture->store, "j.2", "hello", 1, tag);
    check_ok(publish(fixture->store, "j.2", tag, "x", &err));
}

static void a_marker_is_made_once_and_stays(void **state)
{
    struct fixture *fixture = *state;
    struct wb_store *store = fixture->store;
    struct wb_err err;
    char first[WB_MARKER_MAX];
    char again[WB_MARKER_MAX];
    int64_t count;
    check_fails(wb_store_marker(store, false, again, &err), WB_CAT_NOT_FOUND, "");
    assert_false(fixture->backend->has_staging(fixture->root));
    check_ok(wb_store_marker(store, true, first, &err));
    assert_true(strlen(first) >= 16);
    check_ok(wb_store_marker(store, true, again, &err));
    assert_string_equal(first, again);
    check_ok(wb_store_sweep(store, -1000, &count, &err));
    check_fails(wb_store_discard(store, "marker", &err), WB_CAT_INVALID, "marker");
    check_fails(publish(store, "marker", "1-2-3", "x", &err), WB_CAT_INVALID, "marker");
    check_ok(wb_store_marker(store, false, again, &err));
    assert_string_equal(first, again);
}

static void a_stranger_is_kept_where_that_is_asked(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    char stranger[WB_TAG_MAX];
    char ours[WB_TAG_MAX];
    char newer[WB_TAG_MAX];
    stage(store, "j.0", "stranger", 1, stranger);
    stage(store, "j.1", "ours", 2, ours);
    struct wb_publish item = {
        .instance = "j.1", .tag = ours, .path = wb_span_str("x"), .keep = true, .replaces = ""};
    check_ok(publish(store, "j.0", stranger, "x", &err));
    check_ok(wb_store_publish(store, &item, 1, &err));
    assert_int_equal(item.rc, WB_ERROR);
    assert_int_equal(item.err.category, WB_CAT_CONFLICT);
    assert_false(item.err.retryable);
    check_content(store, "x", "stranger");
    item.replaces = "1-2-3";
    check_ok(wb_store_publish(store, &item, 1, &err));
    assert_int_equal(item.err.category, WB_CAT_CONFLICT);
    check_content(store, "x", "stranger");

    item.path = wb_span_str("y");
    check_ok(wb_store_publish(store, &item, 1, &err));
    assert_int_equal(item.rc, WB_OK);
    check_content(store, "y", "ours");
    check_ok(wb_store_publish(store, &item, 1, &err));
    assert_int_equal(item.rc, WB_OK);
    stage(store, "j.2", "newer", 3, newer);
    item.instance = "j.2";
    item.replaces = ours;
    item.tag = newer;
    check_ok(wb_store_publish(store, &item, 1, &err));
    assert_int_equal(item.rc, WB_OK);
    check_content(store, "y", "newer");
}

static void old_garbage_is_swept_and_only_that(void **state)
{
    struct wb_store *store = ((struct fixture *)*state)->store;
    struct wb_err err;
    char tag[WB_TAG_MAX];
    int64_t count;
    stage(store, "t/1", "garbage", 1, tag);
    check_ok(wb_store_sweep(store, 3600000, &count, &err));
    assert_int_equal(count, 0);
    check_ok(wb_store_sweep(store, -1000, &count, &err));
    assert_int_equal(count, 1);
    check_absent(store, WB_PLACE_STAGED, "t/1");
}

static void urls_are_checked(void **state)
{
    struct wb_err err;
    struct wb_store *store = NULL;
    static const char *const options[] = {"colour", "red", NULL};
    (void)state;
    check_fails(wb_store_check_url("ftp://x", NULL, &err), WB_CAT_USAGE, "scheme");
    check_fails(wb_store_check_url("file://x", NULL, &err), WB_CAT_USAGE, "absolute");
    check_fails(wb_store_check_url("file:///x", options, &err), WB_CAT_USAGE, "colour");
    check_fails(wb_store_check_url("mem://a/b", NULL, &err), WB_CAT_INVALID, "mem://a/b");
    check_fails(wb_store_open("t", "file:///no/such/root", NULL, "", NULL, &store, &err),
                WB_CAT_UNREACHABLE, "/no/such/root");
}

#define STORE_TEST(backend, name)                                    \
    {                                                                \
#backend ": " #name, name, set_up_##backend, tear_down, NULL \
    }

/* One list of tests, run once for each backend. */
#define STORE_TESTS(B)                                                                         \
    STORE_TEST(B, a_staged_file_is_unseen_until_it_is_published),                              \
        STORE_TEST(B, publishing_twice_is_publishing_once),                                    \
        STORE_TEST(B, a_zombie_never_publishes_over_a_newer_file),                             \
        STORE_TEST(B, what_was_discarded_is_never_published),                                  \
        STORE_TEST(B, only_the_proved_instance_is_published),                                  \
        STORE_TEST(B, an_instance_is_made_only_once),                                          \
        STORE_TEST(B, ranges_come_in_any_order_from_any_handle),                               \
        STORE_TEST(B, a_large_batch_is_published_whole),                                       \
        STORE_TEST(B, only_our_own_file_is_removed), STORE_TEST(B, names_may_hold_every_byte), \
        STORE_TEST(B, links_are_copied_as_links_and_never_followed),                           \
        STORE_TEST(B, special_files_are_told_not_read),                                        \
        STORE_TEST(B, a_folder_in_the_way_is_a_conflict), STORE_TEST(B, holes_stay_holes),     \
        STORE_TEST(B, a_listing_names_files_but_not_what_is_staged),                           \
        STORE_TEST(B, a_root_that_went_away_is_no_empty_node),                                 \
        STORE_TEST(B, another_root_in_its_place_is_not_taken_for_it),                          \
        STORE_TEST(B, a_marker_is_made_once_and_stays),                                        \
        STORE_TEST(B, a_stranger_is_kept_where_that_is_asked),                                 \
        STORE_TEST(B, old_garbage_is_swept_and_only_that)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TESTS(posix),
        STORE_TESTS(mem),
        STORE_TEST(posix, what_a_node_cannot_do_has_its_class),
        STORE_TEST(posix, a_staging_area_that_is_removed_is_made_anew),
        cmocka_unit_test(urls_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "cli/compare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/db.h"
#include "core/base/path.h"

enum { BUFFER_BYTES = 1024 * 1024, PATH_BYTES = 4096 + 8, FULL_MAX = 2 * WB_PATH_MAX };

struct compare {
    const struct wb_compare_side *sides[2]; /* source, target */
    const struct wb_compare_options *options;
    wb_compare_visit *visit;
    void *arg;
    sqlite3 *db;
    uint8_t *buffers[2];
};

/* What the listing of one side said of a name. */
struct seen {
    bool there;
    enum wb_file_kind kind;
    int64_t size_bytes;
    const char *problem; /* NULL: none */
};

static void finalize(sqlite3_stmt **stmt)
{
    (void)sqlite3_finalize(*stmt);
}

/* ---- names ---- */

static const char schema[] =
    "CREATE TABLE names(path BLOB PRIMARY KEY, kind0 INT, size0 INT, problem0 TEXT,"
    " kind1 INT, size1 INT, problem1 TEXT) WITHOUT ROWID;";

static const char *const note_sql[2] = {
    "INSERT INTO names(path, kind0, size0, problem0) VALUES(?1,?2,?3,?4)"
    " ON CONFLICT(path) DO UPDATE SET kind0=?2, size0=?3, problem0=?4",
    "INSERT INTO names(path, kind1, size1, problem1) VALUES(?1,?2,?3,?4)"
    " ON CONFLICT(path) DO UPDATE SET kind1=?2, size1=?3, problem1=?4",
};

/* The file loses its name at once: nothing is left behind however this process ends. */
static enum wb_rc open_names(struct compare *compare, struct wb_err *err)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char path[PATH_BYTES];
    char name[PATH_BYTES + 8];
    (void)snprintf(path, sizeof(path), "%s/waybill-check-XXXXXX", compare->options->scratch_dir);
    int fd = mkstemp(path);
    if (fd < 0)
        return wb_err_errno(err, errno, "cannot make a list of names in \"%s\"",
                            compare->options->scratch_dir);
    (void)close(fd);
    enum wb_rc rc = wb_db_open(path, 1, schema, &compare->db, NULL, err);
    if (rc == WB_OK)
        rc = wb_db_exec(compare->db,
                        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF; BEGIN", err);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        (void)unlink(name);
    }
    return rc;
}

struct listing {
    struct compare *compare;
    struct wb_span prefix;
    sqlite3_stmt *note;
};

/* Without the prefix and the slash after it; empty where the prefix is the file itself. */
static struct wb_span relative(struct wb_span path, struct wb_span prefix)
{
    size_t skip = prefix.len ? prefix.len + 1 : 0;
    if (path.len < skip)
        return wb_span_of(path.data + path.len, 0);
    return wb_span_of(path.data + skip, path.len - skip);
}

static bool is_late(const struct compare *compare)
{
    return compare->options->deadline_ms && wb_clock_mono_ms() >= compare->options->deadline_ms;
}

static enum wb_rc late(struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_TIMEOUT, "the time limit is reached");
}

static enum wb_rc note_name(void *arg, struct wb_span path, const struct wb_stat *stat,
                            const struct wb_err *problem, struct wb_err *err)
{
    struct listing *listing = arg;
    if (is_late(listing->compare))
        return late(err);
    wb_db_bind_span(listing->note, 1, relative(path, listing->prefix));
    (void)sqlite3_bind_int64(listing->note, 2, stat ? (int64_t)stat->version.kind : 0);
    (void)sqlite3_bind_int64(listing->note, 3, stat ? stat->version.size_bytes : -1);
    (void)sqlite3_bind_text(listing->note, 4, problem ? problem->text : NULL, -1, SQLITE_STATIC);
    return wb_db_run(listing->note, err);
}

/* `ret_missing`: there is no such prefix. */
static enum wb_rc list_side(struct compare *compare, int side, bool *ret_missing,
                            struct wb_err *err)
{
    sqlite3_stmt *note WB_AUTO(finalize) = NULL;
    const struct wb_compare_side *of = compare->sides[side];
    if (wb_db_prepare(compare->db, note_sql[side], &note, err) != WB_OK)
        return WB_ERROR;
    struct listing listing = {compare, of->prefix, note};
    enum wb_rc rc = wb_store_list(of->store, of->prefix, note_name, &listing, err);
    *ret_missing = rc != WB_OK && of->prefix.len && err->category == WB_CAT_NOT_FOUND;
    if (rc == WB_OK || *ret_missing)
        return WB_OK;
    return wb_err_prefix(err, "cannot list \"%s\"", of->store->name);
}

/* ---- bytes ---- */

static void close_file(struct wb_file **file)
{
    wb_file_close(file);
}

static enum wb_rc open_side(struct compare *compare, int side, struct wb_span path,
                            struct wb_file **ret, struct wb_err *err)
{
    struct wb_buf full WB_AUTO(wb_buf_free) = wb_buf_make(FULL_MAX);
    const struct wb_compare_side *of = compare->sides[side];
    if (wb_buf_append(&full, of->prefix, err) != WB_OK)
        return WB_ERROR;
    if (of->prefix.len && path.len && wb_buf_append(&full, wb_span_str("/"), err) != WB_OK)
        return WB_ERROR;
    if (wb_buf_append(&full, path, err) != WB_OK)
        return WB_ERROR;
    if (wb_store_read(of->store, WB_PLACE_FINAL, wb_buf_span(&full), compare->options->medium, ret,
                      err) != WB_OK)
        return wb_err_prefix(err, "%s", side == 0 ? "source" : "target");
    return WB_OK;
}

/* Reads until the buffer is full or the file ends: backends may give less at a time. */
static enum wb_rc read_block(struct wb_file *file, int64_t offset, uint8_t *buffer, size_t *ret_len,
                             struct wb_err *err)
{
    size_t len = 0;
    while (len < BUFFER_BYTES) {
        size_t got = 0;
        if (wb_file_read(file, offset + (int64_t)len, buffer + len, BUFFER_BYTES - len, &got,
                         err) != WB_OK)
            return WB_ERROR;
        if (got == 0)
            break;
        len += got;
    }
    *ret_len = len;
    return WB_OK;
}

static enum wb_rc compare_bytes(struct compare *compare, struct wb_file *const files[2],
                                int64_t *ret_differ_at, struct wb_err *err)
{
    int64_t offset = 0;
    *ret_differ_at = -1;
    for (;;) {
        size_t lens[2];
        if (is_late(compare))
            return late(err);
        for (int i = 0; i < 2; i++)
            if (read_block(files[i], offset, compare->buffers[i], &lens[i], err) != WB_OK)
                return wb_err_prefix(err, "%s", i == 0 ? "source" : "target");
        size_t both = lens[0] < lens[1] ? lens[0] : lens[1];
        size_t at = 0;
        if (memcmp(compare->buffers[0], compare->buffers[1], both) == 0)
            at = both;
        while (at < both && compare->buffers[0][at] == compare->buffers[1][at])
            at++;
        if (at < both || lens[0] != lens[1]) {
            *ret_differ_at = offset + (int64_t)at;
            return WB_OK;
        }
        if (both < BUFFER_BYTES)
            return WB_OK;
        offset += (int64_t)both;
    }
}

static enum wb_compare_mark compare_contents(struct compare *compare, struct wb_span path,
                                             char *why, size_t why_size, struct wb_err *err)
{
    struct wb_file *source WB_AUTO(close_file) = NULL;
    struct wb_file *target WB_AUTO(close_file) = NULL;
    int64_t differ_at;
    if (open_side(compare, 0, path, &source, err) != WB_OK ||
        open_side(compare, 1, path, &target, err) != WB_OK)
        return WB_COMPARE_ERROR;
    struct wb_file *const files[2] = {source, target};
    if (compare_bytes(compare, files, &differ_at, err) != WB_OK)
        return WB_COMPARE_ERROR;
    if (differ_at < 0)
        return WB_COMPARE_SAME;
    (void)snprintf(why, why_size, "bytes differ from byte %lld on", (long long)differ_at);
    return WB_COMPARE_DIFFER;
}

/* ---- one name ---- */

static bool is_special(const struct seen *seen)
{
    return seen->there && seen->kind == WB_FILE_SPECIAL;
}

/* What is never copied is as good as missing, and no matter when the other side has nothing. */
static enum wb_compare_mark judge_special(struct wb_span path, const struct seen sides[2],
                                          char *why, size_t why_size, struct wb_err *err)
{
    bool plain[2];
    for (int i = 0; i < 2; i++)
        plain[i] = sides[i].there && !is_special(&sides[i]);
    if (path.len == 0) {
        (void)wb_err_set(err, WB_CAT_UNSUPPORTED, "a device, socket or fifo is never copied");
        return WB_COMPARE_ERROR;
    }
    if (!plain[0] && !plain[1])
        return WB_COMPARE_SPECIAL;
    (void)snprintf(why, why_size, "a device, socket or fifo on the %s",
                   plain[0] ? "target" : "source");
    return plain[0] ? WB_COMPARE_MISSING_TARGET : WB_COMPARE_MISSING_SOURCE;
}

static enum wb_compare_mark judge(struct compare *compare, struct wb_span path,
                                  const struct seen sides[2], char *why, size_t why_size,
                                  struct wb_err *err)
{
    for (int i = 0; i < 2; i++) {
        if (sides[i].problem) {
            (void)wb_err_set(err, WB_CAT_IO, "%s: %s", i == 0 ? "source" : "target",
                             sides[i].problem);
            return WB_COMPARE_ERROR;
        }
    }
    if (is_special(&sides[0]) || is_special(&sides[1]))
        return judge_special(path, sides, why, why_size, err);
    if (!sides[1].there)
        return WB_COMPARE_MISSING_TARGET;
    if (!sides[0].there)
        return WB_COMPARE_MISSING_SOURCE;
    if (sides[0].kind != sides[1].kind) {
        (void)snprintf(why, why_size, "%s on the source, %s on the target",
                       wb_file_kind_name(sides[0].kind), wb_file_kind_name(sides[1].kind));
        return WB_COMPARE_DIFFER;
    }
    if (sides[0].kind == WB_FILE_REGULAR && sides[0].size_bytes != sides[1].size_bytes) {
        (void)snprintf(why, why_size, "%lld bytes on the source, %lld on the target",
                       (long long)sides[0].size_bytes, (long long)sides[1].size_bytes);
        return WB_COMPARE_DIFFER;
    }
    return compare_contents(compare, path, why, why_size, err);
}

static struct seen seen_at(sqlite3_stmt *stmt, int column)
{
    return (struct seen){
        .there = sqlite3_column_type(stmt, column) != SQLITE_NULL,
        .kind = (enum wb_file_kind)sqlite3_column_int(stmt, column),
        .size_bytes = sqlite3_column_int64(stmt, column + 1),
        .problem = (const char *)sqlite3_column_text(stmt, column + 2),
    };
}

static enum wb_rc visit_names(struct compare *compare, struct wb_err *err)
{
    sqlite3_stmt *stmt WB_AUTO(finalize) = NULL;
    bool row = true;
    if (wb_db_prepare(compare->db,
                      "SELECT path, kind0, size0, problem0, kind1, size1, problem1"
                      " FROM names ORDER BY path",
                      &stmt, err) != WB_OK)
        return WB_ERROR;
    for (;;) {
        char why[WB_ERR_TEXT_MAX] = "";
        struct wb_err problem;
        if (wb_db_step(stmt, &row, err) != WB_OK)
            return WB_ERROR;
        if (!row)
            return WB_OK;
        const struct seen sides[2] = {seen_at(stmt, 1), seen_at(stmt, 4)};
        struct wb_span path = wb_db_column_span(stmt, 0);
        enum wb_compare_mark mark = judge(compare, path, sides, why, sizeof(why), &problem);
        if (is_late(compare))
            return late(err);
        if (compare->visit(compare->arg, mark, path, mark == WB_COMPARE_ERROR ? problem.text : why,
                           err) != WB_OK)
            return WB_ERROR;
    }
}

static void compare_free(struct compare *compare)
{
    wb_db_close(&compare->db);
    free(compare->buffers[0]);
    free(compare->buffers[1]);
}

enum wb_rc wb_compare_trees(const struct wb_compare_side *source,
                            const struct wb_compare_side *target,
                            const struct wb_compare_options *options, wb_compare_visit *visit,
                            void *arg, struct wb_err *err)
{
    bool missing[2];
    struct compare compare WB_AUTO(compare_free) = {
        .sides = {source, target}, .options = options, .visit = visit, .arg = arg};
    compare.buffers[0] = wb_xcalloc(1, BUFFER_BYTES);
    compare.buffers[1] = wb_xcalloc(1, BUFFER_BYTES);
    if (open_names(&compare, err) != WB_OK || list_side(&compare, 0, &missing[0], err) != WB_OK ||
        list_side(&compare, 1, &missing[1], err) != WB_OK)
        return WB_ERROR;
    if (missing[0] && missing[1])
        return wb_err_set(err, WB_CAT_NOT_FOUND, "neither side has what is to be compared");
    return visit_names(&compare, err);
}

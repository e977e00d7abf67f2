#include "producer/seen.h"

#include <stdlib.h>

#include "core/base/db.h"

enum { SCHEMA_VERSION = 1, PAGE = 512, COMMIT_EVERY = 10000 };

static const char schema[] =
    "CREATE TABLE seen(path BLOB PRIMARY KEY, size INT, mtime INT, etag TEXT, scan INT);"
    "CREATE TABLE scans(number INT); INSERT INTO scans VALUES(0);";

enum statement { TOUCH, PUT, DEL, HAS, ANY, PAGE_OF, LAST_SCAN, SET_SCAN, STATEMENT_COUNT };

static const char *const statements[STATEMENT_COUNT] = {
    [TOUCH] = "UPDATE seen SET scan=?2 WHERE path=?1 RETURNING size, mtime, etag",
    [PUT] = "INSERT OR REPLACE INTO seen VALUES(?1,?2,?3,?4,?5)",
    [DEL] = "DELETE FROM seen WHERE path=?1",
    [HAS] = "SELECT 1 FROM seen WHERE path=?1",
    [ANY] = "SELECT 1 FROM seen LIMIT 1",
    [PAGE_OF] = "SELECT path FROM seen WHERE path>?1 AND scan<?2 ORDER BY path LIMIT ?3",
    [LAST_SCAN] = "SELECT number FROM scans",
    [SET_SCAN] = "UPDATE scans SET number=?1",
};

struct wb_seen {
    sqlite3 *db;
    sqlite3_stmt *stmt[STATEMENT_COUNT];
    int64_t scan;
    int32_t changes; /* since the last commit; 0: no transaction is open */
};

static enum wb_rc load(struct wb_seen *seen, struct wb_err *err)
{
    bool row;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (wb_db_prepare(seen->db, statements[i], &seen->stmt[i], err) != WB_OK)
            return WB_ERROR;
    if (wb_db_step(seen->stmt[LAST_SCAN], &row, err) != WB_OK)
        return WB_ERROR;
    seen->scan = row ? sqlite3_column_int64(seen->stmt[LAST_SCAN], 0) : 0;
    (void)sqlite3_reset(seen->stmt[LAST_SCAN]);
    return WB_OK;
}

enum wb_rc wb_seen_open(const char *path, struct wb_seen **ret, struct wb_err *err)
{
    struct wb_seen *seen = wb_xcalloc(1, sizeof(*seen));
    if (wb_db_open(path, SCHEMA_VERSION, schema, &seen->db, NULL, err) != WB_OK ||
        load(seen, err) != WB_OK) {
        wb_seen_close(&seen);
        return WB_ERROR;
    }
    *ret = seen;
    return WB_OK;
}

void wb_seen_close(struct wb_seen **seen)
{
    struct wb_err ignored;
    if (!*seen)
        return;
    if ((*seen)->db)
        (void)!wb_seen_commit(*seen, &ignored);
    wb_db_close(&(*seen)->db);
    free(*seen);
    *seen = NULL;
}

static enum wb_rc change(struct wb_seen *seen, struct wb_err *err)
{
    if (seen->changes >= COMMIT_EVERY && wb_seen_commit(seen, err) != WB_OK)
        return WB_ERROR;
    if (seen->changes == 0 && wb_db_exec(seen->db, "BEGIN", err) != WB_OK)
        return WB_ERROR;
    seen->changes++;
    return WB_OK;
}

enum wb_rc wb_seen_commit(struct wb_seen *seen, struct wb_err *err)
{
    if (seen->changes == 0)
        return WB_OK;
    seen->changes = 0;
    return wb_db_exec(seen->db, "COMMIT", err);
}

enum wb_rc wb_seen_scan_begin(struct wb_seen *seen, struct wb_err *err)
{
    if (change(seen, err) != WB_OK)
        return WB_ERROR;
    (void)sqlite3_bind_int64(seen->stmt[SET_SCAN], 1, ++seen->scan);
    return wb_db_run(seen->stmt[SET_SCAN], err);
}

static struct wb_version row_version(sqlite3_stmt *stmt)
{
    return (struct wb_version){.size_bytes = sqlite3_column_int64(stmt, 0),
                               .mtime_ns = sqlite3_column_int64(stmt, 1),
                               .etag = (const char *)sqlite3_column_text(stmt, 2)};
}

enum wb_rc wb_seen_look(struct wb_seen *seen, struct wb_span path, const struct wb_version *version,
                        bool *ret_same, struct wb_err *err)
{
    bool row;
    sqlite3_stmt *stmt = seen->stmt[TOUCH];
    *ret_same = false;
    if (change(seen, err) != WB_OK)
        return WB_ERROR;
    wb_db_bind_span(stmt, 1, path);
    (void)sqlite3_bind_int64(stmt, 2, seen->scan);
    if (wb_db_step(stmt, &row, err) != WB_OK)
        return WB_ERROR;
    if (!row)
        return WB_OK;
    const struct wb_version published = row_version(stmt);
    *ret_same = wb_version_same(&published, version);
    /* An UPDATE … RETURNING is only carried out when it is stepped to its end. */
    return wb_db_step(stmt, &row, err);
}

enum wb_rc wb_seen_put(struct wb_seen *seen, struct wb_span path, const struct wb_version *version,
                       struct wb_err *err)
{
    sqlite3_stmt *stmt = seen->stmt[version ? PUT : DEL];
    if (change(seen, err) != WB_OK)
        return WB_ERROR;
    wb_db_bind_span(stmt, 1, path);
    if (version) {
        (void)sqlite3_bind_int64(stmt, 2, version->size_bytes);
        (void)sqlite3_bind_int64(stmt, 3, version->mtime_ns);
        (void)sqlite3_bind_text(stmt, 4, version->etag, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(stmt, 5, seen->scan);
    }
    return wb_db_run(stmt, err);
}

enum wb_rc wb_seen_has(struct wb_seen *seen, struct wb_span path, bool *ret_has, struct wb_err *err)
{
    wb_db_bind_span(seen->stmt[HAS], 1, path);
    if (wb_db_step(seen->stmt[HAS], ret_has, err) != WB_OK)
        return WB_ERROR;
    (void)sqlite3_reset(seen->stmt[HAS]);
    return WB_OK;
}

enum wb_rc wb_seen_is_empty(struct wb_seen *seen, bool *ret_empty, struct wb_err *err)
{
    bool row;
    if (wb_db_step(seen->stmt[ANY], &row, err) != WB_OK)
        return WB_ERROR;
    (void)sqlite3_reset(seen->stmt[ANY]);
    *ret_empty = !row;
    return WB_OK;
}

static bool is_below(struct wb_span path, struct wb_span prefix)
{
    if (prefix.len == 0)
        return true;
    return path.len > prefix.len && memcmp(path.data, prefix.data, prefix.len) == 0 &&
           path.data[prefix.len] == '/';
}

/* One page of names after `last`, so that the visitor may change the table between pages. */
static enum wb_rc page(struct wb_seen *seen, struct wb_span last, int64_t scan_below,
                       struct wb_arena *arena, struct wb_span *paths, size_t *ret_count,
                       struct wb_err *err)
{
    sqlite3_stmt *stmt = seen->stmt[PAGE_OF];
    *ret_count = 0;
    wb_db_bind_span(stmt, 1, last);
    (void)sqlite3_bind_int64(stmt, 2, scan_below);
    (void)sqlite3_bind_int(stmt, 3, PAGE);
    for (;;) {
        bool row;
        if (wb_db_step(stmt, &row, err) != WB_OK)
            return WB_ERROR;
        if (!row)
            return WB_OK;
        paths[(*ret_count)++] = wb_arena_span(arena, wb_db_column_span(stmt, 0));
    }
}

enum wb_rc wb_seen_each(struct wb_seen *seen, struct wb_span prefix, bool untouched,
                        enum wb_rc (*visit)(void *arg, struct wb_span path, struct wb_err *err),
                        void *arg, struct wb_err *err)
{
    struct wb_span paths[PAGE];
    struct wb_buf last WB_AUTO(wb_buf_free) = wb_buf_make(8192);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(PAGE * 8192);
    int64_t scan_below = untouched ? seen->scan : INT64_MAX;
    if (wb_buf_append(&last, prefix, err) != WB_OK)
        return WB_ERROR;
    for (;;) {
        size_t count;
        wb_arena_reset(arena);
        if (page(seen, wb_buf_span(&last), scan_below, arena, paths, &count, err) != WB_OK)
            return WB_ERROR;
        if (count == 0)
            return WB_OK;
        for (size_t i = 0; i < count; i++) {
            bool inside = prefix.len == 0 || (paths[i].len >= prefix.len &&
                                              memcmp(paths[i].data, prefix.data, prefix.len) == 0);
            if (!inside)
                return WB_OK;
            if (is_below(paths[i], prefix) && visit(arg, paths[i], err) != WB_OK)
                return WB_ERROR;
        }
        wb_buf_clear(&last);
        if (wb_buf_append(&last, paths[count - 1], err) != WB_OK)
            return WB_ERROR;
    }
}

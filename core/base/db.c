#include "core/base/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { BUSY_TIMEOUT_MS = 5000 };

static enum wb_rc failed(sqlite3 *db, const char *what, struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_IO, "local state: cannot %s: %s", what,
                      db ? sqlite3_errmsg(db) : "out of memory");
}

static void boot_id_read(char out[64])
{
    out[0] = 0;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t len = read(fd, out, 63);
    (void)close(fd);
    out[len > 0 ? len : 0] = 0;
    out[strcspn(out, "\n")] = 0;
}

enum wb_rc wb_db_exec(sqlite3 *db, const char *sql, struct wb_err *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? WB_OK
                                                                : failed(db, "execute", err);
}

enum wb_rc wb_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct wb_err *err)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK)
        return WB_OK;
    return failed(db, "prepare a statement", err);
}

enum wb_rc wb_db_step(sqlite3_stmt *stmt, bool *ret_row, struct wb_err *err)
{
    int code = sqlite3_step(stmt);
    *ret_row = code == SQLITE_ROW;
    if (code == SQLITE_ROW)
        return WB_OK;
    if (code != SQLITE_DONE)
        (void)failed(sqlite3_db_handle(stmt), "step", err);
    (void)sqlite3_reset(stmt);
    return code == SQLITE_DONE ? WB_OK : WB_ERROR;
}

enum wb_rc wb_db_run(sqlite3_stmt *stmt, struct wb_err *err)
{
    bool row;
    if (wb_db_step(stmt, &row, err) != WB_OK)
        return WB_ERROR;
    if (row)
        (void)sqlite3_reset(stmt);
    return WB_OK;
}

void wb_db_bind_span(sqlite3_stmt *stmt, int index, struct wb_span bytes)
{
    const void *data = bytes.data ? (const void *)bytes.data : "";
    (void)sqlite3_bind_blob64(stmt, index, data, bytes.len, SQLITE_STATIC);
}

struct wb_span wb_db_column_span(sqlite3_stmt *stmt, int index)
{
    const void *data = sqlite3_column_blob(stmt, index);
    return wb_span_of(data, (size_t)sqlite3_column_bytes(stmt, index));
}

void wb_db_close(sqlite3 **db)
{
    if (!*db)
        return;
    sqlite3_stmt *stmt;
    while ((stmt = sqlite3_next_stmt(*db, NULL)))
        (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(*db);
    *db = NULL;
}

static enum wb_rc open_raw(const char *path, sqlite3 **ret, struct wb_err *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path ? path : ":memory:", &db, flags, NULL) != SQLITE_OK) {
        (void)failed(db, "open", err);
        (void)wb_err_prefix(err, "\"%s\"", path ? path : "memory");
        wb_db_close(&db);
        return WB_ERROR;
    }
    (void)sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    *ret = db;
    return WB_OK;
}

static enum wb_rc set_pragmas(sqlite3 *db, struct wb_err *err)
{
    return wb_db_exec(db,
                      "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF;"
                      "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8192;",
                      err);
}

/* What the file says of itself: "<schema version> <boot id>". */
static bool is_usable(sqlite3 *db, const char *stamp)
{
    sqlite3_stmt *stmt = NULL;
    bool usable = false;
    struct wb_err ignored;
    if (set_pragmas(db, &ignored) != WB_OK)
        return false;
    if (sqlite3_prepare_v2(db, "SELECT stamp FROM wb_stamp", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        usable = strcmp((const char *)sqlite3_column_text(stmt, 0), stamp) == 0;
    (void)sqlite3_finalize(stmt);
    return usable;
}

static void remove_files(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    char name[PATH_MAX];
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        (void)unlink(name);
    }
}

static enum wb_rc make_fresh(sqlite3 *db, const char *stamp, const char *schema, struct wb_err *err)
{
    char text[256];
    (void)snprintf(text, sizeof(text),
                   "CREATE TABLE wb_stamp(stamp TEXT); INSERT INTO wb_stamp VALUES('%s');", stamp);
    if (set_pragmas(db, err) != WB_OK || wb_db_exec(db, "BEGIN", err) != WB_OK ||
        wb_db_exec(db, schema, err) != WB_OK || wb_db_exec(db, text, err) != WB_OK)
        return WB_ERROR;
    return wb_db_exec(db, "COMMIT", err);
}

enum wb_rc wb_db_open(const char *path, int schema_version, const char *schema, sqlite3 **ret_db,
                      bool *ret_fresh, struct wb_err *err)
{
    char boot[64];
    char stamp[96];
    boot_id_read(boot);
    (void)snprintf(stamp, sizeof(stamp), "%d %s", schema_version, boot);
    sqlite3 *db WB_AUTO(wb_db_close) = NULL;
    if (open_raw(path, &db, err) != WB_OK)
        return WB_ERROR;
    bool fresh = !is_usable(db, stamp);
    if (fresh && path) {
        wb_db_close(&db);
        remove_files(path);
        if (open_raw(path, &db, err) != WB_OK)
            return WB_ERROR;
    }
    if (fresh && make_fresh(db, stamp, schema, err) != WB_OK)
        return WB_ERROR;
    if (ret_fresh)
        *ret_fresh = fresh;
    *ret_db = db;
    db = NULL;
    return WB_OK;
}

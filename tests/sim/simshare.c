/* What is the same for all seeds and dear to make is made once: the linker puts these in the place
 * of the real ones (--wrap). Codecs and tables are never changed after they were made; ledgers are
 * SQLite in memory by their paths, emptied instead of made anew. */
#include <magic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/db.h"
#include "planner/mime.h"
#include "tests/sim/sim.h"

enum { LEDGERS_MOST = 32, STATEMENTS_MOST = 64, CHUNK_BYTES = 1024, PATH_BYTES = 128 };

/* ---- codec, MIME types, libmagic, a bound ---- */

enum wb_rc __real_wb_codec_new(struct wb_codec **ret, struct wb_err *err);
enum wb_rc __wrap_wb_codec_new(struct wb_codec **ret, struct wb_err *err);
void __wrap_wb_codec_free(struct wb_codec **codec);
struct wb_mime *__real_wb_mime_new(const char *table);
struct wb_mime *__wrap_wb_mime_new(const char *table);
void __wrap_wb_mime_free(struct wb_mime **mime);
magic_t __real_magic_open(int flags);
magic_t __wrap_magic_open(int flags);
int __real_magic_load(magic_t cookie, const char *file);
int __wrap_magic_load(magic_t cookie, const char *file);
void __wrap_magic_close(magic_t cookie);
int64_t __real_wb_config_int(const struct wb_config *config, enum wb_opt id);
int64_t __wrap_wb_config_int(const struct wb_config *config, enum wb_opt id);

struct shared {
    struct wb_codec *codec;
    struct wb_mime *mime;
    magic_t magic;
};

static struct shared shared;

enum wb_rc __wrap_wb_codec_new(struct wb_codec **ret, struct wb_err *err)
{
    if (!shared.codec && __real_wb_codec_new(&shared.codec, err) != WB_OK)
        return WB_ERROR;
    *ret = shared.codec;
    return WB_OK;
}

void __wrap_wb_codec_free(struct wb_codec **codec)
{
    *codec = NULL;
}

struct wb_mime *__wrap_wb_mime_new(const char *table)
{
    if (!shared.mime)
        shared.mime = __real_wb_mime_new(table);
    return shared.mime;
}

void __wrap_wb_mime_free(struct wb_mime **mime)
{
    *mime = NULL;
}

magic_t __wrap_magic_open(int flags)
{
    if (!shared.magic) {
        shared.magic = __real_magic_open(flags);
        (void)__real_magic_load(shared.magic, NULL);
    }
    return shared.magic;
}

int __wrap_magic_load(magic_t cookie, const char *file)
{
    (void)cookie;
    (void)file;
    return 0;
}

void __wrap_magic_close(magic_t cookie)
{
    (void)cookie;
}

/* Chunks of a mebibyte, the least that may be configured, would make each seed slow. */
int64_t __wrap_wb_config_int(const struct wb_config *config, enum wb_opt id)
{
    return id == WB_OPT_CHUNK_SIZE ? CHUNK_BYTES : __real_wb_config_int(config, id);
}

/* ---- ledgers ---- */

enum wb_rc __real_wb_db_open(const char *path, int schema_version, const char *schema,
                             sqlite3 **ret_db, bool *ret_fresh, struct wb_err *err);
enum wb_rc __wrap_wb_db_open(const char *path, int schema_version, const char *schema,
                             sqlite3 **ret_db, bool *ret_fresh, struct wb_err *err);
enum wb_rc __real_wb_db_exec(sqlite3 *db, const char *sql, struct wb_err *err);
enum wb_rc __wrap_wb_db_exec(sqlite3 *db, const char *sql, struct wb_err *err);
void __wrap_wb_db_close(sqlite3 **db);
enum wb_rc __real_wb_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret,
                                struct wb_err *err);
enum wb_rc __wrap_wb_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret,
                                struct wb_err *err);

struct ledger {
    char path[PATH_BYTES];
    sqlite3 *db;
    bool lost; /* to be emptied when it is next opened */
    char empty[1024];
    const char *sql[STATEMENTS_MOST];
    sqlite3_stmt *statements[STATEMENTS_MOST];
    size_t statement_count;
};

static struct ledger ledgers[LEDGERS_MOST];
static size_t ledger_count;

static struct ledger *ledger_of(const sqlite3 *db)
{
    for (size_t i = 0; i < ledger_count; i++)
        if (ledgers[i].db == db)
            return &ledgers[i];
    abort();
}

static struct ledger *ledger_at(const char *path)
{
    for (size_t i = 0; i < ledger_count; i++)
        if (strcmp(ledgers[i].path, path) == 0)
            return &ledgers[i];
    return NULL;
}

/* The statements that empty all tables. */
static void note_tables(struct ledger *ledger)
{
    sqlite3_stmt *stmt = NULL;
    size_t len = 0;
    (void)sqlite3_prepare_v2(ledger->db,
                             "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE "
                             "'sqlite%' AND name != 'wb_stamp'",
                             -1, &stmt, NULL);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        len += (size_t)snprintf(ledger->empty + len, sizeof(ledger->empty) - len, "DELETE FROM %s;",
                                (const char *)sqlite3_column_text(stmt, 0));
    (void)sqlite3_finalize(stmt);
}

static enum wb_rc ledger_new(const char *path, int schema_version, const char *schema,
                             struct ledger **ret, struct wb_err *err)
{
    if (ledger_count == LEDGERS_MOST)
        abort();
    struct ledger *ledger = &ledgers[ledger_count];
    if (__real_wb_db_open(NULL, schema_version, schema, &ledger->db, NULL, err) != WB_OK)
        return WB_ERROR;
    (void)snprintf(ledger->path, sizeof(ledger->path), "%s", path);
    note_tables(ledger);
    ledger_count++;
    *ret = ledger;
    return WB_OK;
}

enum wb_rc __wrap_wb_db_open(const char *path, int schema_version, const char *schema,
                             sqlite3 **ret_db, bool *ret_fresh, struct wb_err *err)
{
    struct ledger *ledger = ledger_at(path);
    bool fresh = !ledger || ledger->lost;
    if (!ledger && ledger_new(path, schema_version, schema, &ledger, err) != WB_OK)
        return WB_ERROR;
    if (ledger->lost && __real_wb_db_exec(ledger->db, ledger->empty, err) != WB_OK)
        return WB_ERROR;
    ledger->lost = false;
    *ret_db = ledger->db;
    if (ret_fresh)
        *ret_fresh = fresh;
    return WB_OK;
}

/* Who was killed commits nothing any more. */
enum wb_rc __wrap_wb_db_exec(sqlite3 *db, const char *sql, struct wb_err *err)
{
    if (!sim_self() || !sim_self()->killed)
        return __real_wb_db_exec(db, sql, err);
    return wb_err_set(err, WB_CAT_IO, "local state: killed");
}

/* As a process that dies leaves it: what was not committed is gone. */
void __wrap_wb_db_close(sqlite3 **db)
{
    struct wb_err ignored;
    if (!*db)
        return;
    struct ledger *ledger = ledger_of(*db);
    for (size_t i = 0; i < ledger->statement_count; i++)
        (void)sqlite3_reset(ledger->statements[i]);
    if (!sqlite3_get_autocommit(*db))
        (void)!__real_wb_db_exec(*db, "ROLLBACK", &ignored);
    *db = NULL;
}

enum wb_rc __wrap_wb_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret,
                                struct wb_err *err)
{
    struct ledger *ledger = ledger_of(db);
    for (size_t i = 0; i < ledger->statement_count; i++)
        if (strcmp(ledger->sql[i], sql) == 0) {
            *ret = ledger->statements[i];
            (void)sqlite3_clear_bindings(*ret);
            return WB_OK;
        }
    if (__real_wb_db_prepare(db, sql, ret, err) != WB_OK)
        return WB_ERROR;
    if (ledger->statement_count == STATEMENTS_MOST)
        abort();
    ledger->sql[ledger->statement_count] = sql;
    ledger->statements[ledger->statement_count++] = *ret;
    return WB_OK;
}

void sim_ledgers_lose(int slot)
{
    char folder[32];
    (void)snprintf(folder, sizeof(folder), "/slot-%d/", slot);
    for (size_t i = 0; i < ledger_count; i++)
        if (slot < 0 || strstr(ledgers[i].path, folder))
            ledgers[i].lost = true;
}

void sim_share_begin(void)
{
    struct wb_err err;
    if (wb_codec_new(&sim.codec, &err) != WB_OK)
        abort();
    sim_ledgers_lose(-1);
}

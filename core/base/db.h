/* SQLite for local state that can be thrown away: the planner's ledger, views, what watch last
 * published. This header is the only door to sqlite3.h. */
#ifndef WB_BASE_DB_H
#define WB_BASE_DB_H

#include <sqlite3.h>

#include "core/base/buf.h"

/* Opens or creates `path` (NULL: in memory), WAL, synchronous=OFF, foreign keys off, busy timeout
 * 5 s, one thread. Safe after kill -9; not after a power cut, hence: the boot id is kept inside,
 * and a file from another boot, with another `user_version`, or damaged is deleted and made anew
 * with `schema`. `ret_fresh` tells (may be NULL). The caller closes. */
enum wb_rc wb_db_open(const char *path, int schema_version, const char *schema, sqlite3 **ret_db,
                      bool *ret_fresh, struct wb_err *err) WB_MUST_USE;
void wb_db_close(sqlite3 **db); /* fits WB_AUTO; finalizes what is left */

/* One or several statements without result. */
enum wb_rc wb_db_exec(sqlite3 *db, const char *sql, struct wb_err *err) WB_MUST_USE;

/* A persistent prepared statement; sqlite3_finalize ends it (wb_db_close does as well). */
enum wb_rc wb_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret,
                         struct wb_err *err) WB_MUST_USE;

/* Steps once: `ret_row` true for a row. After the last row, or any error, the statement is reset.
 */
enum wb_rc wb_db_step(sqlite3_stmt *stmt, bool *ret_row, struct wb_err *err) WB_MUST_USE;
/* Steps a statement that gives no row, and resets it. */
enum wb_rc wb_db_run(sqlite3_stmt *stmt, struct wb_err *err) WB_MUST_USE;

/* The bytes are borrowed until the next step (bind: until reset). */
void wb_db_bind_span(sqlite3_stmt *stmt, int index, struct wb_span bytes);
struct wb_span wb_db_column_span(sqlite3_stmt *stmt, int index);

#endif

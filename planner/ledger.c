#include "planner/ledger.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/db.h"
#include "core/base/hash.h"

enum {
    SCHEMA_VERSION = 4, /* of the tables and of the records in them */
    PATH_BYTES = 600,
    UNSAVED_MOST = 8192, /* changes that a kill costs, and that are to be read again */
    UNSAVED_MS = 10000,  /* and for how long: the log must not have forgotten them */
    /* Kafka forgets tombstones after a day: a ledger that slept longer than half of it may hold
     * what was deleted meanwhile. So may one that was saved by a clock that went ahead. */
    STALE_MS = 12 * 3600 * 1000,
    AHEAD_MS = 60 * 1000
};

/* Keys are long and their order is not that of the work: rows are found by a hash, so that the
 * index is a fraction of the table and stays in the cache. */
static const char schema[] =
    "CREATE TABLE jobs(hash INT NOT NULL, key BLOB NOT NULL, queue TEXT NOT NULL, lane INT NOT "
    "NULL, standing INT NOT NULL, bytes INT NOT NULL, due INT NOT NULL, record BLOB NOT NULL);"
    "CREATE INDEX jobs_hash ON jobs(hash);"
    "CREATE INDEX jobs_waiting ON jobs(standing, queue, lane, due);"
    "CREATE INDEX jobs_due ON jobs(due) WHERE standing >= 2;"
    "CREATE TABLE replicas(hash INT NOT NULL, key BLOB NOT NULL, record BLOB NOT NULL);"
    "CREATE INDEX replicas_hash ON replicas(hash);"
    "CREATE TABLE place(topic INT PRIMARY KEY, next INT NOT NULL, saved_ms INT NOT NULL);";

enum statement {
    ADD_JOB,
    MOVE_JOB,
    SET_JOB,
    DEL_JOB,
    ADD_REPLICA,
    SET_REPLICA,
    DEL_REPLICA,
    GET_JOB,
    GET_REPLICA,
    WAITING,
    WALK_JOBS,
    WALK_REPLICAS,
    OVERDUE,
    COUNTS,
    PUT_PLACE,
    GET_PLACE,
    STATEMENT_COUNT
};

static const char *const statements[STATEMENT_COUNT] = {
    [ADD_JOB] = "INSERT INTO jobs VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [MOVE_JOB] = "UPDATE jobs SET queue=?3, lane=?4, standing=?5, bytes=?6, due=?7, record=?8 "
                 "WHERE rowid=?1",
    [SET_JOB] = "UPDATE jobs SET bytes=?6, record=?8 WHERE rowid=?1",
    [DEL_JOB] = "DELETE FROM jobs WHERE rowid=?1",
    [ADD_REPLICA] = "INSERT INTO replicas VALUES(?1,?2,?3)",
    [SET_REPLICA] = "UPDATE replicas SET record=?3 WHERE rowid=?1",
    [DEL_REPLICA] = "DELETE FROM replicas WHERE rowid=?1",
    [GET_JOB] = "SELECT rowid, record, queue, lane, standing, due FROM jobs WHERE hash=?1 AND "
                "key=?2",
    [GET_REPLICA] = "SELECT rowid, record FROM replicas WHERE hash=?1 AND key=?2",
    [WAITING] = "SELECT key, due, rowid FROM jobs WHERE standing=1 AND queue=?1 AND lane=?2 "
                "AND due<=?3 AND (due, rowid)>(?4, ?5) ORDER BY due, rowid LIMIT ?6",
    [WALK_JOBS] = "SELECT key, 0, rowid FROM jobs WHERE rowid>?1 ORDER BY rowid LIMIT ?2",
    [WALK_REPLICAS] = "SELECT key, 0, rowid FROM replicas WHERE rowid>?1 ORDER BY rowid LIMIT ?2",
    [OVERDUE] = "SELECT key FROM jobs WHERE standing>=2 AND due<=?1 ORDER BY due LIMIT ?2",
    [COUNTS] = "SELECT queue, lane, standing, count(*), sum(bytes) FROM jobs WHERE standing>0 "
               "GROUP BY standing, queue, lane",
    [PUT_PLACE] = "INSERT INTO place VALUES(?1,?2,?3) ON CONFLICT(topic) DO UPDATE SET next=?2, "
                  "saved_ms=?3",
    [GET_PLACE] = "SELECT next, saved_ms FROM place WHERE topic=?1",
};

struct place {
    int64_t next;
    int64_t saved;
};

struct wb_ledger {
    sqlite3 *db;
    sqlite3_stmt *stmt[STATEMENT_COUNT];
    struct place jobs;
    struct place replicas;
    uint64_t seen;
    uint64_t seen_saved;
    bool begun; /* a transaction of SQLite: what is not saved */
    int64_t begun_ms;
    int64_t begun_wall_ms;
    bool changing; /* since the last commit */
    int64_t unsaved;
};

enum wb_standing wb_standing_of(const struct wb_job *job)
{
    if (!job || job->state == WB_JOB_DEAD || job->state == WB_JOB_UNKNOWN)
        return WB_STANDING_NONE;
    if (job->state == WB_JOB_WAITING || job->state == WB_JOB_PARKED)
        return WB_STANDING_WAITING;
    return wb_plan_in_flight(job->state) ? WB_STANDING_FLIGHT : WB_STANDING_FENCING;
}

/* Made for each job that is looked at or saved; what does not fit is cut, as by snprintf. */
static size_t append(char *text, size_t at, const char *part)
{
    size_t len = strlen(part);
    size_t left = WB_QUEUE_TEXT - 1 - at;
    if (len > left)
        len = left;
    memcpy(text + at, part, len);
    return at + len;
}

void wb_queue_name(const struct wb_job *job, char ret[WB_QUEUE_TEXT])
{
    char priority[16] = "0";
    if (job->priority)
        (void)snprintf(priority, sizeof(priority), "%d", (int)job->priority);
    const char *const parts[] = {job->target, "/",     job->source, "/", job->rule ? job->rule : "",
                                 "/",         priority};
    size_t len = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        len = append(ret, len, parts[i]);
    ret[len] = 0;
}

static enum wb_rc prepare_all(struct wb_ledger *ledger, struct wb_err *err)
{
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (wb_db_prepare(ledger->db, statements[i], &ledger->stmt[i], err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

static enum wb_rc load_place(struct wb_ledger *ledger, enum wb_topic topic, struct place *place,
                             bool *stale, struct wb_err *err)
{
    bool row;
    sqlite3_stmt *stmt = ledger->stmt[GET_PLACE];
    place->next = place->saved = -1;
    (void)sqlite3_bind_int(stmt, 1, (int)topic);
    if (wb_db_step(stmt, &row, err) != WB_OK)
        return WB_ERROR;
    if (!row)
        return WB_OK;
    place->next = place->saved = sqlite3_column_int64(stmt, 0);
    int64_t age_ms = wb_clock_wall_ms() - sqlite3_column_int64(stmt, 1);
    *stale |= age_ms > STALE_MS || age_ms < -AHEAD_MS;
    (void)sqlite3_reset(stmt);
    return WB_OK;
}

static enum wb_rc load(struct wb_ledger *ledger, struct wb_err *err)
{
    bool stale = false;
    bool ignored = false; /* how long ago the rules were compared */
    struct place seen;
    if (prepare_all(ledger, err) != WB_OK ||
        load_place(ledger, WB_TOPIC_JOBS, &ledger->jobs, &stale, err) != WB_OK ||
        load_place(ledger, WB_TOPIC_REPLICAS, &ledger->replicas, &stale, err) != WB_OK ||
        load_place(ledger, WB_TOPIC_SETTINGS, &seen, &ignored, err) != WB_OK)
        return WB_ERROR;
    ledger->seen = ledger->seen_saved = seen.next < 0 ? 0 : (uint64_t)seen.next;
    return stale ? wb_ledger_reset(ledger, err) : WB_OK;
}

/* The slot's lock keeps others away: file locks at every look would cost more than the look. */
static enum wb_rc tune(struct wb_ledger *ledger, int64_t cache_bytes, struct wb_err *err)
{
    char pragmas[96];
    (void)snprintf(pragmas, sizeof(pragmas),
                   "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-%lld",
                   (long long)(cache_bytes / 1024));
    return wb_db_exec(ledger->db, pragmas, err);
}

enum wb_rc wb_ledger_open(const char *folder, int32_t partition, int64_t cache_bytes,
                          struct wb_ledger **ret, struct wb_err *err)
{
    char path[PATH_BYTES];
    struct wb_ledger *ledger = wb_xcalloc(1, sizeof(*ledger));
    (void)snprintf(path, sizeof(path), "%s/ledger-%d.db", folder, (int)partition);
    if (wb_db_open(path, SCHEMA_VERSION, schema, &ledger->db, NULL, err) != WB_OK ||
        tune(ledger, cache_bytes, err) != WB_OK || load(ledger, err) != WB_OK) {
        wb_ledger_close(&ledger);
        return WB_ERROR;
    }
    *ret = ledger;
    return WB_OK;
}

/* Its age is that of the oldest change: whoever was stopped for long before he saved it knows
 * nothing of what came meanwhile. */
static enum wb_rc put_place(struct wb_ledger *ledger, enum wb_topic topic, int64_t next,
                            struct wb_err *err)
{
    sqlite3_stmt *stmt = ledger->stmt[PUT_PLACE];
    (void)sqlite3_bind_int(stmt, 1, (int)topic);
    (void)sqlite3_bind_int64(stmt, 2, next);
    (void)sqlite3_bind_int64(stmt, 3, ledger->begun_wall_ms);
    return wb_db_run(stmt, err);
}

static enum wb_rc save(struct wb_ledger *ledger, struct wb_err *err)
{
    if (!ledger->begun)
        return WB_OK;
    if (put_place(ledger, WB_TOPIC_JOBS, ledger->jobs.next, err) != WB_OK ||
        put_place(ledger, WB_TOPIC_REPLICAS, ledger->replicas.next, err) != WB_OK ||
        wb_db_exec(ledger->db, "COMMIT", err) != WB_OK)
        return WB_ERROR;
    ledger->begun = false;
    ledger->unsaved = 0;
    ledger->jobs.saved = ledger->jobs.next;
    ledger->replicas.saved = ledger->replicas.next;
    ledger->seen_saved = ledger->seen;
    return WB_OK;
}

void wb_ledger_close(struct wb_ledger **ledger)
{
    struct wb_err ignored;
    if (!*ledger)
        return;
    wb_ledger_rollback(*ledger);
    (void)!save(*ledger, &ignored);
    wb_db_close(&(*ledger)->db);
    free(*ledger);
    *ledger = NULL;
}

static struct place *place_of(struct wb_ledger *ledger, enum wb_topic topic)
{
    return topic == WB_TOPIC_JOBS ? &ledger->jobs : &ledger->replicas;
}

int64_t wb_ledger_next(const struct wb_ledger *ledger, enum wb_topic topic)
{
    return topic == WB_TOPIC_JOBS ? ledger->jobs.next : ledger->replicas.next;
}

void wb_ledger_set_next(struct wb_ledger *ledger, enum wb_topic topic, int64_t next)
{
    place_of(ledger, topic)->next = next;
}

/* SQLite gives a whole transaction up when the disk is full or fails, even below a look that needs
 * room in the cache. */
static bool is_lost(const struct wb_ledger *ledger)
{
    return ledger->begun && sqlite3_get_autocommit(ledger->db);
}

static enum wb_rc change(struct wb_ledger *ledger, struct wb_err *err)
{
    ledger->unsaved++;
    ledger->changing = true;
    if (is_lost(ledger))
        return wb_err_set(err, WB_CAT_IO, "local state: what was not saved yet is lost");
    if (ledger->begun)
        return WB_OK;
    ledger->begun = true;
    ledger->begun_ms = wb_clock_mono_ms();
    ledger->begun_wall_ms = wb_clock_wall_ms();
    return wb_db_exec(ledger->db, "BEGIN", err);
}

enum wb_rc wb_ledger_reset(struct wb_ledger *ledger, struct wb_err *err)
{
    static const char all[] =
        "BEGIN; DELETE FROM jobs; DELETE FROM replicas; DELETE FROM place; COMMIT";
    struct wb_err ignored;
    ledger->changing = true;
    wb_ledger_rollback(ledger);
    if (wb_db_exec(ledger->db, all, err) != WB_OK) {
        (void)!wb_db_exec(ledger->db, "ROLLBACK", &ignored);
        return WB_ERROR;
    }
    ledger->jobs = ledger->replicas = (struct place){-1, -1};
    ledger->seen = ledger->seen_saved = 0;
    return WB_OK;
}

uint64_t wb_ledger_seen(const struct wb_ledger *ledger)
{
    return ledger->seen;
}

/* Kept in the row of the settings' place: it is what was last read of them. */
enum wb_rc wb_ledger_set_seen(struct wb_ledger *ledger, uint64_t seen, struct wb_err *err)
{
    if (change(ledger, err) != WB_OK)
        return WB_ERROR;
    ledger->seen = seen & INT64_MAX;
    return put_place(ledger, WB_TOPIC_SETTINGS, (int64_t)ledger->seen, err);
}

static bool is_to_be_saved(const struct wb_ledger *ledger)
{
    return ledger->unsaved >= UNSAVED_MOST ||
           (ledger->begun && wb_clock_mono_ms() - ledger->begun_ms >= UNSAVED_MS);
}

enum wb_rc wb_ledger_commit(struct wb_ledger *ledger, struct wb_err *err)
{
    bool moved =
        ledger->jobs.next != ledger->jobs.saved || ledger->replicas.next != ledger->replicas.saved;
    if (moved && change(ledger, err) != WB_OK)
        return WB_ERROR;
    if (is_to_be_saved(ledger) && save(ledger, err) != WB_OK)
        return WB_ERROR;
    ledger->changing = false;
    return WB_OK;
}

void wb_ledger_rollback(struct wb_ledger *ledger)
{
    struct wb_err ignored;
    if (!ledger->changing && !is_lost(ledger))
        return;
    if (ledger->begun)
        (void)!wb_db_exec(ledger->db, "ROLLBACK", &ignored);
    ledger->begun = ledger->changing = false;
    ledger->unsaved = 0;
    ledger->jobs.next = ledger->jobs.saved;
    ledger->replicas.next = ledger->replicas.saved;
    ledger->seen = ledger->seen_saved;
}

/* ---- one link ---- */

static void bind_key(sqlite3_stmt *stmt, struct wb_span key)
{
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)wb_hash64_of(key));
    wb_db_bind_span(stmt, 2, key);
}

/* Where true, the statement stands on the row and is to be reset. */
static enum wb_rc look_up(sqlite3_stmt *stmt, struct wb_span key, bool *ret_found,
                          struct wb_err *err)
{
    bind_key(stmt, key);
    return wb_db_step(stmt, ret_found, err);
}

static enum wb_lane lane_of(int number)
{
    return number == WB_LANE_LARGE ? WB_LANE_LARGE : WB_LANE_SMALL;
}

static enum wb_standing standing_of(int number)
{
    return number > 0 && number < WB_STANDING_COUNT ? (enum wb_standing)number : WB_STANDING_NONE;
}

static enum wb_rc get_job(struct wb_ledger *ledger, struct wb_span key, struct wb_arena *arena,
                          struct wb_span *ret, struct wb_ledger_known *known, struct wb_err *err)
{
    bool found;
    sqlite3_stmt *stmt = ledger->stmt[GET_JOB];
    *ret = wb_span_of(NULL, 0);
    if (look_up(stmt, key, &found, err) != WB_OK)
        return WB_ERROR;
    if (!found)
        return WB_OK;
    known->job = sqlite3_column_int64(stmt, 0);
    *ret = wb_arena_span(arena, wb_db_column_span(stmt, 1));
    known->queue = wb_arena_strdup(arena, (const char *)sqlite3_column_text(stmt, 2));
    known->lane = lane_of(sqlite3_column_int(stmt, 3));
    known->standing = standing_of(sqlite3_column_int(stmt, 4));
    known->due_ms = sqlite3_column_int64(stmt, 5);
    (void)sqlite3_reset(stmt);
    return WB_OK;
}

static enum wb_rc get_replica(struct wb_ledger *ledger, struct wb_span key, struct wb_arena *arena,
                              struct wb_span *ret, int64_t *ret_row, struct wb_err *err)
{
    bool found;
    sqlite3_stmt *stmt = ledger->stmt[GET_REPLICA];
    *ret = wb_span_of(NULL, 0);
    *ret_row = 0;
    if (look_up(stmt, key, &found, err) != WB_OK)
        return WB_ERROR;
    if (!found)
        return WB_OK;
    *ret_row = sqlite3_column_int64(stmt, 0);
    *ret = wb_arena_span(arena, wb_db_column_span(stmt, 1));
    (void)sqlite3_reset(stmt);
    return WB_OK;
}

enum wb_rc wb_ledger_get_replica(struct wb_ledger *ledger, struct wb_span key,
                                 struct wb_arena *arena, struct wb_span *ret, struct wb_err *err)
{
    int64_t row;
    return get_replica(ledger, key, arena, ret, &row, err);
}

enum wb_rc wb_ledger_get(struct wb_ledger *ledger, struct wb_span key, struct wb_arena *arena,
                         struct wb_span *ret_job, struct wb_span *ret_replica,
                         struct wb_ledger_known *ret_known, struct wb_err *err)
{
    *ret_known = (struct wb_ledger_known){.queue = ""};
    if (get_job(ledger, key, arena, ret_job, ret_known, err) != WB_OK)
        return WB_ERROR;
    return get_replica(ledger, key, arena, ret_replica, &ret_known->replica, err);
}

/* The row of a key when nobody knows it. */
static enum wb_rc find_row(struct wb_ledger *ledger, enum statement which, struct wb_span key,
                           int64_t *ret, struct wb_err *err)
{
    bool found;
    sqlite3_stmt *stmt = ledger->stmt[which];
    *ret = 0;
    if (look_up(stmt, key, &found, err) != WB_OK)
        return WB_ERROR;
    if (!found)
        return WB_OK;
    *ret = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_reset(stmt);
    return WB_OK;
}

static enum wb_rc delete_row(struct wb_ledger *ledger, enum statement which, int64_t row,
                             struct wb_err *err)
{
    if (!row)
        return WB_OK;
    (void)sqlite3_bind_int64(ledger->stmt[which], 1, row);
    return wb_db_run(ledger->stmt[which], err);
}

/* Indexes are left alone where nothing changes that they hold. */
static enum statement how_to_put(int64_t row, const struct wb_ledger_known *known,
                                 const char *queue, const struct wb_job *job, enum wb_lane lane)
{
    if (!row)
        return ADD_JOB;
    bool stays = known && known->lane == lane && known->standing == wb_standing_of(job) &&
                 known->due_ms == job->due_ms && strcmp(known->queue, queue) == 0;
    return stays ? SET_JOB : MOVE_JOB;
}

enum wb_rc wb_ledger_put_job(struct wb_ledger *ledger, struct wb_span key, const struct wb_job *job,
                             enum wb_lane lane, struct wb_span record,
                             const struct wb_ledger_known *known, struct wb_err *err)
{
    char queue[WB_QUEUE_TEXT];
    int64_t row = known ? known->job : 0;
    if (change(ledger, err) != WB_OK ||
        (!known && find_row(ledger, GET_JOB, key, &row, err) != WB_OK))
        return WB_ERROR;
    if (!record.data)
        return delete_row(ledger, DEL_JOB, row, err);
    wb_queue_name(job, queue);
    enum statement which = how_to_put(row, known, queue, job, lane);
    sqlite3_stmt *stmt = ledger->stmt[which];
    if (which == ADD_JOB)
        bind_key(stmt, key);
    else
        (void)sqlite3_bind_int64(stmt, 1, row);
    if (which != SET_JOB) {
        (void)sqlite3_bind_text(stmt, 3, queue, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int(stmt, 4, (int)lane);
        (void)sqlite3_bind_int(stmt, 5, (int)wb_standing_of(job));
        (void)sqlite3_bind_int64(stmt, 7, job->due_ms);
    }
    (void)sqlite3_bind_int64(stmt, 6, wb_plan_bytes(job));
    wb_db_bind_span(stmt, 8, record);
    return wb_db_run(stmt, err);
}

enum wb_rc wb_ledger_put_replica(struct wb_ledger *ledger, struct wb_span key,
                                 struct wb_span record, const struct wb_ledger_known *known,
                                 struct wb_err *err)
{
    int64_t row = known ? known->replica : 0;
    if (change(ledger, err) != WB_OK ||
        (!known && find_row(ledger, GET_REPLICA, key, &row, err) != WB_OK))
        return WB_ERROR;
    if (!record.data)
        return delete_row(ledger, DEL_REPLICA, row, err);
    sqlite3_stmt *stmt = ledger->stmt[row ? SET_REPLICA : ADD_REPLICA];
    if (row)
        (void)sqlite3_bind_int64(stmt, 1, row);
    else
        bind_key(stmt, key);
    wb_db_bind_span(stmt, 3, record);
    return wb_db_run(stmt, err);
}

/* ---- many ---- */

/* Adds the keys that a bound statement gives; `place` becomes that of the last one. */
static enum wb_rc gather(sqlite3_stmt *stmt, struct wb_arena *arena, struct wb_ledger_place *place,
                         struct wb_span *keys, size_t *count, struct wb_err *err)
{
    for (*count = 0;;) {
        bool row;
        if (wb_db_step(stmt, &row, err) != WB_OK)
            return WB_ERROR;
        if (!row)
            return WB_OK;
        keys[(*count)++] = wb_arena_span(arena, wb_db_column_span(stmt, 0));
        if (place)
            *place = (struct wb_ledger_place){sqlite3_column_int64(stmt, 1),
                                              sqlite3_column_int64(stmt, 2)};
    }
}

enum wb_rc wb_ledger_waiting(struct wb_ledger *ledger, const char *queue, enum wb_lane lane,
                             int64_t now_ms, size_t limit, struct wb_arena *arena,
                             struct wb_ledger_place *place, struct wb_span *ret_keys,
                             size_t *ret_count, struct wb_err *err)
{
    sqlite3_stmt *stmt = ledger->stmt[WAITING];
    (void)sqlite3_bind_text(stmt, 1, queue, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int(stmt, 2, (int)lane);
    (void)sqlite3_bind_int64(stmt, 3, now_ms);
    (void)sqlite3_bind_int64(stmt, 4, place ? place->due_ms : 0);
    (void)sqlite3_bind_int64(stmt, 5, place ? place->row : 0);
    (void)sqlite3_bind_int64(stmt, 6, (int64_t)limit);
    return gather(stmt, arena, place, ret_keys, ret_count, err);
}

enum wb_rc wb_ledger_walk(struct wb_ledger *ledger, bool replicas, size_t limit,
                          struct wb_arena *arena, struct wb_ledger_place *place,
                          struct wb_span *ret_keys, size_t *ret_count, struct wb_err *err)
{
    sqlite3_stmt *stmt = ledger->stmt[replicas ? WALK_REPLICAS : WALK_JOBS];
    (void)sqlite3_bind_int64(stmt, 1, place->row);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)limit);
    return gather(stmt, arena, place, ret_keys, ret_count, err);
}

enum wb_rc wb_ledger_overdue(struct wb_ledger *ledger, int64_t now_ms, size_t limit,
                             struct wb_arena *arena, struct wb_span *ret_keys, size_t *ret_count,
                             struct wb_err *err)
{
    sqlite3_stmt *stmt = ledger->stmt[OVERDUE];
    (void)sqlite3_bind_int64(stmt, 1, now_ms);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)limit);
    return gather(stmt, arena, NULL, ret_keys, ret_count, err);
}

enum wb_rc wb_ledger_count(struct wb_ledger *ledger,
                           void (*visit)(void *arg, const char *queue, enum wb_lane lane,
                                         enum wb_standing standing, int64_t count, int64_t bytes),
                           void *arg, struct wb_err *err)
{
    sqlite3_stmt *stmt = ledger->stmt[COUNTS];
    for (;;) {
        bool row;
        if (wb_db_step(stmt, &row, err) != WB_OK)
            return WB_ERROR;
        if (!row)
            return WB_OK;
        enum wb_standing standing = standing_of(sqlite3_column_int(stmt, 2));
        if (standing != WB_STANDING_NONE)
            visit(arg, (const char *)sqlite3_column_text(stmt, 0),
                  lane_of(sqlite3_column_int(stmt, 1)), standing, sqlite3_column_int64(stmt, 3),
                  sqlite3_column_int64(stmt, 4));
    }
}

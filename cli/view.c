/* The view's file and how it follows the log.
 *
 * A lock file makes openings and refreshes of several processes follow each other; reading goes on
 * beside them (WAL). Offsets and rows change in one SQLite transaction, so a killed process leaves
 * the view as it was. */
#include "cli/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/view_parts.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/wire/log.h"

enum { SCHEMA_VERSION = 3, FILE_MAX = 4096, RECORD_ARENA = 64 << 20 };

static const char schema[] =
    "CREATE TABLE positions(topic TEXT, partition INT, next INT, PRIMARY KEY(topic, partition))"
    " WITHOUT ROWID;"
    "CREATE TABLE jobs(key BLOB PRIMARY KEY, source TEXT, target TEXT, path BLOB, partition INT,"
    " id TEXT, rule TEXT, state INT, event_offset INT, event_time INT, accepted INT, value BLOB)"
    " WITHOUT ROWID;"
    "CREATE TABLE replicas(key BLOB PRIMARY KEY, source TEXT, target TEXT, path BLOB,"
    " partition INT, end INT, proved INT, bytes INT, event_offset INT, event_time INT,"
    " accepted INT, ended INT, value BLOB) WITHOUT ROWID;"
    /* So that counting reads no values, and needs no sorting. */
    "CREATE INDEX replicas_counted ON replicas(source, target, accepted, ended, end, proved, bytes,"
    " event_time, partition, event_offset);";

/* Of this process, and only what parks; `n` is the place among the holds. */
static const char holds_schema[] =
    "CREATE TEMP TABLE holds(n INT, source TEXT, target TEXT, rule TEXT, path BLOB);"
    "CREATE INDEX temp.holds_by_path ON holds(path);";

static const char put_job_sql[] =
    "INSERT OR REPLACE INTO jobs VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)";
static const char put_replica_sql[] =
    "INSERT OR REPLACE INTO replicas VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)";

struct followed {
    enum wb_topic topic;
    enum wb_record_type type;
    const char *put_sql;
    const char *delete_sql;
};

static const struct followed followed[] = {
    {WB_TOPIC_JOBS, WB_RECORD_JOB, put_job_sql, "DELETE FROM jobs WHERE key=?1"},
    {WB_TOPIC_REPLICAS, WB_RECORD_REPLICA, put_replica_sql, "DELETE FROM replicas WHERE key=?1"},
};
enum { FOLLOWED = sizeof(followed) / sizeof(followed[0]) };

/* ---- one record ---- */

struct intake {
    struct wb_view *view;
    const struct followed *topic;
    sqlite3_stmt *put;
    sqlite3_stmt *remove;
    struct wb_arena *arena;
    int64_t count;
};

static void bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
    (void)sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC);
}

static void bind_job(sqlite3_stmt *stmt, const struct wb_job *job)
{
    bind_text(stmt, 2, job->source);
    bind_text(stmt, 3, job->target);
    wb_db_bind_span(stmt, 4, job->path);
    (void)sqlite3_bind_int64(stmt, 5, job->partition);
    bind_text(stmt, 6, job->id);
    bind_text(stmt, 7, job->rule);
    (void)sqlite3_bind_int64(stmt, 8, job->state);
    (void)sqlite3_bind_int64(stmt, 9, job->event.offset);
    (void)sqlite3_bind_int64(stmt, 10, job->event.time_ms);
    (void)sqlite3_bind_int64(stmt, 11, job->event.accepted_ms);
}

static void bind_replica(sqlite3_stmt *stmt, const struct wb_replica *replica)
{
    const struct wb_version *version = replica->version;
    bool sized = version && version->size_bytes > 0;
    bind_text(stmt, 2, replica->source);
    bind_text(stmt, 3, replica->target);
    wb_db_bind_span(stmt, 4, replica->path);
    (void)sqlite3_bind_int64(stmt, 5, replica->partition);
    (void)sqlite3_bind_int64(stmt, 6, replica->end);
    (void)sqlite3_bind_int64(stmt, 7, version != NULL);
    (void)sqlite3_bind_int64(stmt, 8, sized ? version->size_bytes : 0);
    (void)sqlite3_bind_int64(stmt, 9, replica->event_offset);
    (void)sqlite3_bind_int64(stmt, 10, replica->event_time_ms);
    (void)sqlite3_bind_int64(stmt, 11, replica->accepted_ms);
    (void)sqlite3_bind_int64(stmt, 12, replica->ended_ms);
}

static enum wb_rc take(void *arg, const struct wb_message *message, struct wb_err *err)
{
    struct intake *intake = arg;
    struct wb_err why;
    void *record;
    intake->count++;
    if (!message->value.data) {
        wb_db_bind_span(intake->remove, 1, message->key);
        return wb_db_run(intake->remove, err);
    }
    wb_arena_reset(intake->arena);
    if (wb_codec_decode_as(intake->view->codec, intake->topic->type, message->value, intake->arena,
                           &record, &why) != WB_OK) {
        wb_log_err(WB_LOG_WARN, "record passed over", &why);
        return WB_OK;
    }
    wb_db_bind_span(intake->put, 1, message->key);
    if (intake->topic->type == WB_RECORD_JOB)
        bind_job(intake->put, record);
    else
        bind_replica(intake->put, record);
    wb_db_bind_span(intake->put, sqlite3_bind_parameter_count(intake->put), message->value);
    return wb_db_run(intake->put, err);
}

/* ---- positions ---- */

static enum wb_rc load_positions(struct wb_view *view, const char *topic, int64_t *next,
                                 struct wb_err *err)
{
    sqlite3_stmt *stmt WB_AUTO(wb_view_finalize) = NULL;
    bool row = true;
    for (int32_t i = 0; i < view->partitions; i++)
        next[i] = -1;
    if (wb_db_prepare(view->db, "SELECT partition, next FROM positions WHERE topic=?1", &stmt,
                      err) != WB_OK)
        return WB_ERROR;
    bind_text(stmt, 1, topic);
    for (;;) {
        if (wb_db_step(stmt, &row, err) != WB_OK)
            return WB_ERROR;
        if (!row)
            return WB_OK;
        int64_t partition = sqlite3_column_int64(stmt, 0);
        if (partition >= 0 && partition < view->partitions)
            next[partition] = sqlite3_column_int64(stmt, 1);
    }
}

static enum wb_rc save_positions(struct wb_view *view, const char *topic, const int64_t *next,
                                 struct wb_err *err)
{
    sqlite3_stmt *stmt WB_AUTO(wb_view_finalize) = NULL;
    if (wb_db_prepare(view->db, "INSERT OR REPLACE INTO positions VALUES(?1,?2,?3)", &stmt, err) !=
        WB_OK)
        return WB_ERROR;
    for (int32_t i = 0; i < view->partitions; i++) {
        bind_text(stmt, 1, topic);
        (void)sqlite3_bind_int64(stmt, 2, i);
        (void)sqlite3_bind_int64(stmt, 3, next[i]);
        if (wb_db_run(stmt, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

/* What the ends of the partitions say: nothing new, something new, or a topic that was made anew
 * (its end is before where we were, or its beginning after), from which all must be read again. */
enum news { NEWS_NONE, NEWS_SOME, NEWS_RECREATED };

static enum wb_rc look_for_news(struct wb_view *view, const char *topic, const int64_t *next,
                                enum news *news, struct wb_err *err)
{
    for (int32_t i = 0; i < view->partitions; i++) {
        int64_t low;
        int64_t high;
        if (wb_consumer_watermarks(view->consumer, topic, i, &low, &high, err) != WB_OK)
            return WB_ERROR;
        if (next[i] > high || (next[i] >= 0 && next[i] < low))
            *news = NEWS_RECREATED;
        else if (*news == NEWS_NONE && next[i] < high && (next[i] >= 0 || high > low))
            *news = NEWS_SOME;
    }
    return WB_OK;
}

/* ---- refresh ---- */

static enum wb_rc read_topic(struct wb_view *view, const struct followed *row, const char *topic,
                             int64_t *next, struct wb_err *err)
{
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(RECORD_ARENA);
    sqlite3_stmt *put WB_AUTO(wb_view_finalize) = NULL;
    sqlite3_stmt *remove WB_AUTO(wb_view_finalize) = NULL;
    if (wb_db_prepare(view->db, row->put_sql, &put, err) != WB_OK ||
        wb_db_prepare(view->db, row->delete_sql, &remove, err) != WB_OK)
        return WB_ERROR;
    struct intake intake = {view, row, put, remove, arena, 0};
    if (wb_log_scan(view->config, topic, next, view->partitions, take, &intake, err) != WB_OK)
        return WB_ERROR;
    return save_positions(view, topic, next, err);
}

static enum wb_rc refresh_all(struct wb_view *view, bool *ret_changed, struct wb_err *err)
{
    char topics[FOLLOWED][256];
    int64_t *next WB_AUTO(wb_free_ptr) =
        wb_xcalloc((size_t)view->partitions * FOLLOWED, sizeof(*next));
    enum news news[FOLLOWED] = {NEWS_NONE};
    bool anew = false;
    for (size_t i = 0; i < FOLLOWED; i++) {
        int64_t *mine = next + i * (size_t)view->partitions;
        (void)wb_topic_name(view->config, followed[i].topic, NULL, topics[i]);
        if (load_positions(view, topics[i], mine, err) != WB_OK ||
            look_for_news(view, topics[i], mine, &news[i], err) != WB_OK)
            return WB_ERROR;
        anew |= news[i] == NEWS_RECREATED;
    }
    if (anew && wb_db_exec(view->db, "DELETE FROM jobs; DELETE FROM replicas;", err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < FOLLOWED; i++) {
        int64_t *mine = next + i * (size_t)view->partitions;
        for (int32_t p = 0; anew && p < view->partitions; p++)
            mine[p] = -1;
        if (!anew && news[i] == NEWS_NONE)
            continue;
        *ret_changed = true;
        if (read_topic(view, &followed[i], topics[i], mine, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

static enum wb_rc refresh_locked(struct wb_view *view, bool *ret_changed, struct wb_err *err)
{
    if (wb_db_exec(view->db, "BEGIN IMMEDIATE", err) != WB_OK)
        return WB_ERROR;
    if (refresh_all(view, ret_changed, err) == WB_OK &&
        wb_db_exec(view->db, "COMMIT", err) == WB_OK)
        return WB_OK;
    (void)sqlite3_exec(view->db, "ROLLBACK", NULL, NULL, NULL);
    return WB_ERROR;
}

static void lock(const struct wb_view *view, bool exclusive)
{
    while (view->lock_fd >= 0 && flock(view->lock_fd, exclusive ? LOCK_EX : LOCK_UN) != 0 &&
           errno == EINTR) {
    }
}

/* What another process took in meanwhile is news to this one as well. */
static bool others_wrote(struct wb_view *view)
{
    sqlite3_stmt *stmt WB_AUTO(wb_view_finalize) = NULL;
    struct wb_err ignored;
    bool row = false;
    if (wb_db_prepare(view->db, "PRAGMA data_version", &stmt, &ignored) != WB_OK ||
        wb_db_step(stmt, &row, &ignored) != WB_OK || !row)
        return false;
    int64_t version = sqlite3_column_int64(stmt, 0);
    bool changed = version != view->data_version;
    view->data_version = version;
    return changed;
}

enum wb_rc wb_view_refresh(struct wb_view *view, bool *ret_changed, struct wb_err *err)
{
    lock(view, true);
    *ret_changed = others_wrote(view);
    enum wb_rc rc = refresh_locked(view, ret_changed, err);
    lock(view, false);
    return rc;
}

/* ---- opening ---- */

static bool make_folders(const char *folder)
{
    char path[FILE_MAX];
    (void)snprintf(path, sizeof(path), "%s", folder);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

static void name_file(const struct wb_config *config, char out[FILE_MAX])
{
    char identity[FILE_MAX];
    int len = snprintf(identity, sizeof(identity), "%s\n%s", wb_config_text(config, WB_OPT_PREFIX),
                       wb_config_text(config, WB_OPT_BROKERS));
    size_t used = len < (int)sizeof(identity) ? (size_t)len : sizeof(identity) - 1;
    (void)snprintf(out, FILE_MAX, "%s/view-%016llx.db", wb_config_text(config, WB_OPT_STATE_DIR),
                   (unsigned long long)wb_hash64_of(wb_span_of(identity, used)));
}

static enum wb_rc open_file(struct wb_view *view, struct wb_err *err)
{
    char file[FILE_MAX];
    char lock_name[FILE_MAX + 8];
    name_file(view->config, file);
    (void)snprintf(lock_name, sizeof(lock_name), "%s.lock", file);
    if (make_folders(wb_config_text(view->config, WB_OPT_STATE_DIR)))
        view->lock_fd = open(lock_name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    lock(view, true);
    enum wb_rc rc = WB_ERROR;
    if (view->lock_fd >= 0)
        rc = wb_db_open(file, SCHEMA_VERSION, schema, &view->db, NULL, err);
    lock(view, false);
    /* Somebody else's folder, a full disk: then without a file. */
    return rc == WB_OK ? WB_OK : wb_db_open(NULL, SCHEMA_VERSION, schema, &view->db, NULL, err);
}

enum wb_rc wb_view_open(const struct wb_config *config, struct wb_view **ret, struct wb_err *err)
{
    bool changed;
    struct wb_view *view WB_AUTO(wb_view_free) = wb_xcalloc(1, sizeof(*view));
    view->config = config;
    view->lock_fd = -1;
    if (wb_topics_partitions(config, &view->partitions, err) != WB_OK ||
        wb_codec_new(&view->codec, err) != WB_OK ||
        wb_consumer_new(config, NULL, NULL, &view->consumer, err) != WB_OK ||
        open_file(view, err) != WB_OK || wb_db_exec(view->db, holds_schema, err) != WB_OK ||
        wb_view_refresh(view, &changed, err) != WB_OK)
        return WB_ERROR;
    *ret = view;
    view = NULL;
    return WB_OK;
}

void wb_view_free(struct wb_view **view)
{
    if (!*view)
        return;
    wb_db_close(&(*view)->db);
    wb_consumer_free(&(*view)->consumer);
    wb_codec_free(&(*view)->codec);
    if ((*view)->lock_fd >= 0)
        (void)close((*view)->lock_fd);
    free(*view);
    *view = NULL;
}

enum wb_rc wb_view_unread(struct wb_view *view, struct wb_unread *ret, struct wb_err *err)
{
    return wb_unread_ask(view->config, view->consumer, view->partitions, ret, err);
}

static enum wb_rc insert_holds(struct wb_view *view, const struct wb_holds *holds,
                               struct wb_err *err)
{
    sqlite3_stmt *stmt WB_AUTO(wb_view_finalize) = NULL;
    if (wb_db_prepare(view->db, "INSERT INTO temp.holds VALUES(?1,?2,?3,?4,?5)", &stmt, err) !=
        WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < holds->count; i++) {
        const struct wb_hold *hold = &holds->items[i];
        if (!hold->parks)
            continue;
        (void)sqlite3_bind_int64(stmt, 1, (int64_t)i);
        bind_text(stmt, 2, hold->source);
        bind_text(stmt, 3, hold->target);
        bind_text(stmt, 4, hold->rule);
        if (hold->path.len)
            wb_db_bind_span(stmt, 5, hold->path);
        else
            (void)sqlite3_bind_null(stmt, 5);
        if (wb_db_run(stmt, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

enum wb_rc wb_view_hold(struct wb_view *view, const struct wb_holds *holds, struct wb_err *err)
{
    view->holds = (struct wb_holds){0};
    if (wb_db_exec(view->db, "BEGIN; DELETE FROM temp.holds;", err) != WB_OK)
        return WB_ERROR;
    if (insert_holds(view, holds, err) != WB_OK || wb_db_exec(view->db, "COMMIT", err) != WB_OK) {
        (void)sqlite3_exec(view->db, "ROLLBACK", NULL, NULL, NULL);
        return WB_ERROR;
    }
    view->holds = *holds;
    return WB_OK;
}

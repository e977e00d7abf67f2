/* Questions to the view. */
#include <stdlib.h>

#include "cli/view_parts.h"

enum { LINKS_MOST = 65536, HOUR_MS = 3600000, ROW_ARENA = 64 << 20, PATH_BYTES = 8192 };

const char *wb_view_state(const struct wb_view_row *row)
{
    if (row->hold)
        return wb_job_state_name(WB_JOB_PARKED);
    return row->job ? wb_job_state_name(row->job->state) : wb_end_name(row->replica->end);
}

/* ---- holds ---- */

/* The place of the first hold that parks the job; NULL: none, or it does not wait. */
#define HOLD_OF(waiting)                                      \
    " CASE WHEN jobs.state=" waiting " THEN COALESCE("        \
    "(SELECT MIN(h.n) FROM temp.holds h WHERE h.path IS NULL" \
    " AND COALESCE(h.source, jobs.source)=jobs.source"        \
    " AND COALESCE(h.target, jobs.target)=jobs.target"        \
    " AND COALESCE(h.rule, jobs.rule)=jobs.rule),"            \
    "(SELECT MIN(h.n) FROM temp.holds h WHERE h.path=jobs.path AND h.source=jobs.source)) END"

static const struct wb_hold *hold_at(const struct wb_view *view, sqlite3_stmt *stmt, int column)
{
    int64_t place = sqlite3_column_int64(stmt, column);
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL || (size_t)place >= view->holds.count)
        return NULL;
    return &view->holds.items[place];
}

/* ---- links ---- */

/* In flight: everything but DEAD, which has ended. */
static const char job_links_sql[] =
    "SELECT source, target,"
    " SUM(state IN (?1,?2) AND hold IS NULL), SUM(state=?3 OR hold IS NOT NULL), SUM(state=?4),"
    " SUM(state NOT IN (?1,?2,?3,?4)),"
    " MIN(CASE WHEN state<>?4 THEN accepted END), MIN(CASE WHEN state<>?4 THEN event_time END)"
    " FROM (SELECT source, target, state, accepted, event_time," HOLD_OF(
        "?1") "  AS hold FROM jobs) GROUP BY source, target";

static const char replica_links_sql[] =
    "SELECT source, target,"
    " SUM(proved), SUM(end=?1), SUM(end=?2), SUM(bytes), MAX(event_time),"
    " SUM(ended>?4), SUM(ended>?4 AND end=?3), SUM(CASE WHEN ended>?4 THEN bytes END)"
    " FROM replicas GROUP BY source, target";

/* The union of the times from acceptance to end, so that idle time between bursts does not count.
 */
static const char busy_links_sql[] =
    "SELECT source, target, SUM(MAX(0, ended - MAX(accepted, ?4, COALESCE(busy_until, 0))))"
    " FROM (SELECT source, target, accepted, ended, MAX(ended) OVER (PARTITION BY source, target"
    "  ORDER BY accepted ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until"
    "  FROM replicas WHERE ended>?4)"
    " GROUP BY source, target";

struct links {
    struct wb_view_link *items;
    size_t count;
    size_t size;
};

static struct wb_view_link *link_of(struct links *links, const char *source, const char *target)
{
    for (size_t i = 0; i < links->count; i++)
        if (strcmp(links->items[i].source, source) == 0 &&
            strcmp(links->items[i].target, target) == 0)
            return &links->items[i];
    if (links->count == LINKS_MOST)
        return NULL;
    if (links->count == links->size) {
        size_t size = links->size ? 2 * links->size : 16;
        struct wb_view_link *items = wb_xcalloc(size, sizeof(*items));
        if (links->count)
            memcpy(items, links->items, links->count * sizeof(*items));
        free(links->items);
        links->items = items;
        links->size = size;
    }
    struct wb_view_link *link = &links->items[links->count++];
    (void)snprintf(link->source, sizeof(link->source), "%s", source);
    (void)snprintf(link->target, sizeof(link->target), "%s", target);
    return link;
}

static void take_jobs(struct wb_view_link *link, sqlite3_stmt *stmt)
{
    link->waiting = sqlite3_column_int64(stmt, 2);
    link->parked = sqlite3_column_int64(stmt, 3);
    link->dead = sqlite3_column_int64(stmt, 4);
    link->running = sqlite3_column_int64(stmt, 5);
    link->oldest_accepted_ms = sqlite3_column_int64(stmt, 6);
    if (sqlite3_column_type(stmt, 7) != SQLITE_NULL)
        link->watermark_ms = sqlite3_column_int64(stmt, 7);
}

static void take_replicas(struct wb_view_link *link, sqlite3_stmt *stmt)
{
    bool in_flight = link->waiting + link->parked + link->running > 0;
    link->verified = sqlite3_column_int64(stmt, 2);
    link->deleted = sqlite3_column_int64(stmt, 3);
    link->superseded = sqlite3_column_int64(stmt, 4);
    link->bytes = sqlite3_column_int64(stmt, 5);
    if (!in_flight)
        link->watermark_ms = sqlite3_column_int64(stmt, 6);
    link->hour_ended = sqlite3_column_int64(stmt, 7);
    link->hour_dead = sqlite3_column_int64(stmt, 8);
    link->hour_bytes = sqlite3_column_int64(stmt, 9);
}

static void take_busy(struct wb_view_link *link, sqlite3_stmt *stmt)
{
    link->hour_busy_ms = sqlite3_column_int64(stmt, 2);
}

static enum wb_rc gather(struct wb_view *view, const char *sql, const int64_t numbers[4],
                         struct links *links,
                         void (*take)(struct wb_view_link *link, sqlite3_stmt *stmt),
                         struct wb_err *err)
{
    sqlite3_stmt *stmt WB_AUTO(wb_view_finalize) = NULL;
    bool row = true;
    if (wb_db_prepare(view->db, sql, &stmt, err) != WB_OK)
        return WB_ERROR;
    for (int i = 0; i < 4; i++)
        (void)sqlite3_bind_int64(stmt, i + 1, numbers[i]);
    for (;;) {
        if (wb_db_step(stmt, &row, err) != WB_OK)
            return WB_ERROR;
        if (!row)
            return WB_OK;
        struct wb_view_link *link = link_of(links, (const char *)sqlite3_column_text(stmt, 0),
                                            (const char *)sqlite3_column_text(stmt, 1));
        if (link)
            take(link, stmt);
    }
}

static int by_name(const void *a, const void *b)
{
    const struct wb_view_link *one = a;
    const struct wb_view_link *other = b;
    int order = strcmp(one->source, other->source);
    return order ? order : strcmp(one->target, other->target);
}

enum wb_rc wb_view_links(struct wb_view *view, int64_t now_ms, struct wb_view_link **ret,
                         size_t *ret_count, struct wb_err *err)
{
    struct links links = {0};
    const int64_t states[4] = {WB_JOB_WAITING, WB_JOB_FENCING, WB_JOB_PARKED, WB_JOB_DEAD};
    const int64_t ends[4] = {WB_END_DELETED, WB_END_SUPERSEDED, WB_END_DEAD, now_ms - HOUR_MS};
    if (gather(view, job_links_sql, states, &links, take_jobs, err) != WB_OK ||
        gather(view, replica_links_sql, ends, &links, take_replicas, err) != WB_OK ||
        gather(view, busy_links_sql, ends, &links, take_busy, err) != WB_OK) {
        free(links.items);
        return WB_ERROR;
    }
    if (links.count)
        qsort(links.items, links.count, sizeof(*links.items), by_name);
    *ret = links.items;
    *ret_count = links.count;
    return WB_OK;
}

static const char offsets_sql[] =
    "SELECT partition, COALESCE(MIN(open) - 1, MAX(ended)) FROM ("
    " SELECT partition, event_offset AS ended, NULL AS open FROM replicas"
    "  WHERE source=?1 AND target=?2"
    " UNION ALL SELECT partition, NULL, event_offset FROM jobs"
    "  WHERE source=?1 AND target=?2 AND state<>?3)"
    " GROUP BY partition ORDER BY partition";

enum wb_rc wb_view_offsets(struct wb_view *view, const char *source, const char *target,
                           void (*visit)(void *arg, int32_t partition, int64_t offset), void *arg,
                           struct wb_err *err)
{
    sqlite3_stmt *stmt WB_AUTO(wb_view_finalize) = NULL;
    bool row = true;
    if (wb_db_prepare(view->db, offsets_sql, &stmt, err) != WB_OK)
        return WB_ERROR;
    (void)sqlite3_bind_text(stmt, 1, source, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 2, target, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 3, WB_JOB_DEAD);
    for (;;) {
        if (wb_db_step(stmt, &row, err) != WB_OK)
            return WB_ERROR;
        if (!row)
            return WB_OK;
        visit(arg, (int32_t)sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1));
    }
}

/* ---- rows ---- */

#define WANTED(of)                                                           \
    " (?1 IS NULL OR " of ".source=?1) AND (?2 IS NULL OR " of ".target=?2)" \
    " AND (?3 IS NULL OR " of ".path=?3 OR substr(" of ".path,1,length(?4))=?4)"
#define JOBS                                                        \
    "SELECT jobs.key, jobs.value, NULL," HOLD_OF("?7") " FROM jobs" \
                                                       " WHERE" WANTED("jobs")

static const char jobs_sql[] = JOBS " AND (?5 IS NULL OR id=?5) ORDER BY 1";
static const char flying_sql[] = JOBS " AND (?5 IS NULL OR id=?5) AND state<>?6 ORDER BY 1";
static const char files_sql[] = "SELECT replicas.key, jobs.value, replicas.value," HOLD_OF(
    "?7") " FROM replicas LEFT JOIN jobs ON jobs.key=replicas.key"
          " WHERE" WANTED("replicas") " AND ?5 IS NULL"
                                      " UNION ALL " JOBS
                                      " AND ?5 IS NULL AND NOT EXISTS (SELECT 1 FROM replicas "
                                      "WHERE replicas.key=jobs.key)"
                                      " ORDER BY 1";

static void bind_filter(sqlite3_stmt *stmt, const struct wb_view_filter *filter,
                        char folder[PATH_BYTES])
{
    if (filter->source)
        (void)sqlite3_bind_text(stmt, 1, filter->source, -1, SQLITE_STATIC);
    if (filter->target)
        (void)sqlite3_bind_text(stmt, 2, filter->target, -1, SQLITE_STATIC);
    if (filter->job)
        (void)sqlite3_bind_text(stmt, 5, filter->job, -1, SQLITE_STATIC);
    if (filter->path.len == 0 || filter->path.len + 1 > PATH_BYTES)
        return;
    memcpy(folder, filter->path.data, filter->path.len);
    folder[filter->path.len] = '/';
    wb_db_bind_span(stmt, 3, filter->path);
    wb_db_bind_span(stmt, 4, wb_span_of(folder, filter->path.len + 1));
}

static enum wb_rc decode(struct wb_view *view, sqlite3_stmt *stmt, int column,
                         enum wb_record_type type, struct wb_arena *arena, void **ret,
                         struct wb_err *err)
{
    *ret = NULL;
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL)
        return WB_OK;
    return wb_codec_decode_as(view->codec, type, wb_db_column_span(stmt, column), arena, ret, err);
}

enum wb_rc wb_view_each(struct wb_view *view, const struct wb_view_filter *filter,
                        enum wb_rc (*visit)(void *arg, const struct wb_view_row *row,
                                            struct wb_err *err),
                        void *arg, struct wb_err *err)
{
    char folder[PATH_BYTES];
    sqlite3_stmt *stmt WB_AUTO(wb_view_finalize) = NULL;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(ROW_ARENA);
    static const char *const sqls[] = {
        [WB_VIEW_FILES] = files_sql, [WB_VIEW_JOBS] = jobs_sql, [WB_VIEW_FLYING] = flying_sql};
    bool more = true;
    if (wb_db_prepare(view->db, sqls[filter->set], &stmt, err) != WB_OK)
        return WB_ERROR;
    if (filter->set == WB_VIEW_FLYING)
        (void)sqlite3_bind_int64(stmt, 6, WB_JOB_DEAD);
    (void)sqlite3_bind_int64(stmt, 7, WB_JOB_WAITING);
    bind_filter(stmt, filter, folder);
    for (;;) {
        void *job;
        void *replica;
        wb_arena_reset(arena);
        if (wb_db_step(stmt, &more, err) != WB_OK)
            return WB_ERROR;
        if (!more)
            return WB_OK;
        if (decode(view, stmt, 1, WB_RECORD_JOB, arena, &job, err) != WB_OK ||
            decode(view, stmt, 2, WB_RECORD_REPLICA, arena, &replica, err) != WB_OK)
            return WB_ERROR;
        const struct wb_view_row row = {job, replica, hold_at(view, stmt, 3)};
        if (filter->state && strcmp(filter->state, wb_view_state(&row)) != 0)
            continue;
        if (visit(arg, &row, err) != WB_OK)
            return WB_ERROR;
    }
}

/* Watching: the kernel says where to look, what was last published says whether anything changed,
 * and a scan at the start and after lost events looks at everything. What was published is noted
 * only when the log has it, so a kill at any moment at worst publishes twice. */
#include "producer/watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/path.h"
#include "core/stage/slot.h"
#include "core/stage/stores.h"
#include "producer/notify.h"
#include "producer/put.h"
#include "producer/seen.h"

enum {
    SCHEME_LEN = 7, /* file:// */
    NAME_MAX_BYTES = 64,
    PATH_BYTES = 700,
    WAITING_MOST = 100000,
    FLUSH_MS = 30000,
    LOST_CHECK_MS = 1000,
    LOOK_AGAIN_MS = 30000
};

static const int64_t never_ms = INT64_MAX;

struct watch {
    const struct wb_stage_env *env;
    const struct wb_watch_target *target;
    struct wb_registry *registry;
    struct wb_store *store;
    struct wb_slot slot;
    struct wb_seen *seen;
    struct wb_notify *notify; /* NULL: one scan only */
    struct wb_publisher *publisher;
    struct wb_map *waiting;   /* path -> int64_t: look again at that time */
    struct wb_map *unsettled; /* path -> int64_t: events under way, which `seen` lacks yet */
    int64_t scan_ms;          /* scan at that time */
    int64_t check_ms;         /* look then whether the watched folder is still the right one */
    bool there;               /* the watched folder was, at the last scan */
    bool told_special;
    bool visit_failed; /* an error is ours, not the listing's */
    bool settle_failed;
    struct wb_err settle_err;
    int64_t sent;
};

/* ---- publishing ---- */

static bool is_unsettled(const struct watch *watch, struct wb_span path)
{
    return wb_map_get(watch->unsettled, path);
}

static void unsettled(struct watch *watch, struct wb_span path)
{
    int64_t *count = wb_map_get(watch->unsettled, path);
    if (!count) {
        count = wb_xcalloc(1, sizeof(*count));
        wb_map_put(watch->unsettled, path, count);
    }
    ++*count;
}

static void settled(struct watch *watch, struct wb_span path)
{
    int64_t *count = wb_map_get(watch->unsettled, path);
    if (count && --*count == 0)
        (void)wb_map_del(watch->unsettled, path);
}

static void on_sent(void *arg, const struct wb_file_event *event, int64_t offset)
{
    struct watch *watch = arg;
    const struct wb_version version = {
        .size_bytes = event->size_bytes, .mtime_ns = event->mtime_ns, .etag = event->etag};
    (void)offset;
    settled(watch, event->path);
    if (wb_seen_put(watch->seen, event->path, event->kind == WB_EVENT_WRITTEN ? &version : NULL,
                    &watch->settle_err) != WB_OK)
        watch->settle_failed = true;
}

static enum wb_rc publish(struct watch *watch, const struct wb_file_event *event,
                          struct wb_err *err)
{
    watch->sent++;
    unsettled(watch, event->path);
    if (wb_publisher_send(watch->publisher, event, err) != WB_OK)
        return WB_ERROR;
    if (!watch->settle_failed)
        return WB_OK;
    *err = watch->settle_err;
    return WB_ERROR;
}

static void wait_for(struct watch *watch, struct wb_span path, int64_t due_ms)
{
    if (wb_map_count(watch->waiting) >= WAITING_MOST) {
        if (due_ms < watch->scan_ms)
            watch->scan_ms = due_ms;
        return;
    }
    int64_t *due = wb_xcalloc(1, sizeof(*due));
    *due = due_ms;
    wb_map_put(watch->waiting, path, due);
}

/* Somebody may be writing: looked at again when it was left alone for a while. */
static bool is_young(const struct watch *watch, const struct wb_stat *stat)
{
    int64_t age_ms = (wb_clock_wall_ns() - stat->changed_ns) / 1000000;
    return stat->version.kind == WB_FILE_REGULAR && age_ms >= 0 && age_ms < watch->target->quiet_ms;
}

/* Once is enough: it stays so. */
static void tell_special(struct watch *watch, struct wb_span path)
{
    char shown[300];
    if (!watch->told_special)
        WB_LOG(WB_LOG_INFO, "devices, sockets and fifos are never copied; passed over",
               WB_LOG_STR("path", wb_path_show(path, shown, sizeof(shown))));
    watch->told_special = true;
}

static enum wb_rc look_seen(struct watch *watch, struct wb_span path, const struct wb_stat *stat,
                            bool closed, struct wb_err *err)
{
    bool same;
    struct wb_err bad_name;
    char shown[300];
    if (stat->version.kind == WB_FILE_SPECIAL)
        tell_special(watch, path);
    if (stat->version.kind == WB_FILE_SPECIAL || stat->version.kind == WB_FILE_DIRECTORY)
        return WB_OK;
    if (wb_path_check(path, &bad_name) != WB_OK) {
        WB_LOG(WB_LOG_WARN, "name can't be published",
               WB_LOG_STR("path", wb_path_show(path, shown, sizeof(shown))),
               WB_LOG_STR("reason", bad_name.text));
        return WB_OK;
    }
    if (wb_seen_look(watch->seen, path, &stat->version, &same, err) != WB_OK)
        return WB_ERROR;
    if (same && !is_unsettled(watch, path))
        return WB_OK;
    if (watch->notify && !closed && is_young(watch, stat)) {
        wait_for(watch, path, wb_clock_mono_ms() + watch->target->quiet_ms);
        return WB_OK;
    }
    const struct wb_file_event event = wb_event_written(watch->target->node, path, stat);
    return publish(watch, &event, err);
}

static enum wb_rc gone(struct watch *watch, struct wb_span path, struct wb_err *err)
{
    bool known;
    if (wb_seen_has(watch->seen, path, &known, err) != WB_OK)
        return WB_ERROR;
    if (!known && !is_unsettled(watch, path))
        return WB_OK;
    const struct wb_file_event event = wb_event_deleted(watch->target->node, path);
    return publish(watch, &event, err);
}

/* Trouble with one name is told, and looked at again where that may help; trouble with the node is
 * the stage's. */
static enum wb_rc pass_over(struct watch *watch, struct wb_span path, const struct wb_err *why,
                            struct wb_err *err)
{
    int64_t free_bytes;
    if (wb_store_check(watch->store, &free_bytes, err) != WB_OK)
        return WB_ERROR;
    wb_log_err(WB_LOG_WARN, "cannot look at a file", why);
    if (watch->notify && (why->retryable || why->category == WB_CAT_DENIED))
        wait_for(watch, path, wb_clock_mono_ms() + LOOK_AGAIN_MS);
    return WB_OK;
}

/* What is under the name now decides, whatever was told about it. */
static enum wb_rc look(struct watch *watch, struct wb_span path, bool closed, struct wb_err *err)
{
    struct wb_stat stat;
    struct wb_err why;
    if (wb_store_stat(watch->store, WB_PLACE_FINAL, path, &stat, &why) == WB_OK)
        return look_seen(watch, path, &stat, closed, err);
    if (why.category == WB_CAT_NOT_FOUND)
        return gone(watch, path, err);
    return pass_over(watch, path, &why, err);
}

/* ---- scans ---- */

static enum wb_rc visit_file(void *arg, struct wb_span path, const struct wb_stat *stat,
                             const struct wb_err *problem, struct wb_err *err)
{
    struct watch *watch = arg;
    wb_health_beat(watch->env->health);
    enum wb_rc rc =
        problem ? pass_over(watch, path, problem, err) : look_seen(watch, path, stat, false, err);
    watch->visit_failed = rc != WB_OK;
    return rc;
}

static enum wb_rc visit_untouched(void *arg, struct wb_span path, struct wb_err *err)
{
    struct watch *watch = arg;
    wb_health_beat(watch->env->health);
    return look(watch, path, false, err);
}

/* A folder that went before it could be listed is no error: `ret_there` says so. */
static enum wb_rc list(struct watch *watch, struct wb_span folder, bool *ret_there,
                       struct wb_err *err)
{
    struct wb_err why;
    watch->visit_failed = false;
    *ret_there = true;
    if (wb_store_list(watch->store, folder, visit_file, watch, &why) == WB_OK)
        return WB_OK;
    if (watch->visit_failed) {
        *err = why;
        return WB_ERROR;
    }
    *ret_there = why.category != WB_CAT_NOT_FOUND;
    return *ret_there ? pass_over(watch, folder, &why, err) : WB_OK;
}

/* A folder that was never there is a wrong name; one that went took its files with it. */
static enum wb_rc check_there(struct watch *watch, bool there, struct wb_err *err)
{
    bool empty;
    char shown[300];
    if (wb_seen_is_empty(watch->seen, &empty, err) != WB_OK)
        return WB_ERROR;
    if (!there && !watch->there && empty)
        return wb_err_set(err, WB_CAT_NOT_FOUND, "no folder \"%s\" on node \"%s\"",
                          wb_path_show(watch->target->prefix, shown, sizeof(shown)),
                          watch->target->node);
    watch->there = watch->there || there;
    return WB_OK;
}

static enum wb_rc scan(struct watch *watch, struct wb_err *err)
{
    struct wb_span prefix = watch->target->prefix;
    int64_t begin_ms = wb_clock_mono_ms();
    int64_t before = watch->sent;
    int64_t free_bytes;
    bool there;
    watch->scan_ms = never_ms;
    watch->check_ms = begin_ms + LOST_CHECK_MS;
    if (wb_store_check(watch->store, &free_bytes, err) != WB_OK ||
        (watch->notify && wb_notify_watch(watch->notify, prefix, err) != WB_OK) ||
        wb_seen_scan_begin(watch->seen, err) != WB_OK ||
        list(watch, prefix, &there, err) != WB_OK || check_there(watch, there, err) != WB_OK ||
        wb_seen_each(watch->seen, prefix, true, visit_untouched, watch, err) != WB_OK ||
        wb_publisher_flush(watch->publisher, FLUSH_MS, err) != WB_OK ||
        wb_seen_commit(watch->seen, err) != WB_OK)
        return WB_ERROR;
    if (there || watch->sent != before)
        WB_LOG(WB_LOG_INFO, "scanned", WB_LOG_STR("node", watch->target->node),
               WB_LOG_INT("events", watch->sent - before),
               WB_LOG_INT("duration_ms", wb_clock_mono_ms() - begin_ms));
    if (!there)
        WB_LOG(WB_LOG_WARN, "the watched folder is gone; waiting for it",
               WB_LOG_STR("node", watch->target->node));
    wb_health_set(watch->env->health, there, there ? NULL : "the watched folder is gone");
    return WB_OK;
}

/* ---- what the kernel tells ---- */

static bool concerns(const struct watch *watch, struct wb_span path)
{
    struct wb_span prefix = watch->target->prefix;
    return prefix.len == 0 || (path.len > prefix.len && path.data[prefix.len] == '/' &&
                               memcmp(path.data, prefix.data, prefix.len) == 0);
}

static enum wb_rc on_notify(void *arg, enum wb_notify_kind kind, struct wb_span path,
                            struct wb_err *err)
{
    struct watch *watch = arg;
    bool there;
    if (kind == WB_NOTIFY_OVERFLOW) {
        WB_LOG(WB_LOG_WARN, "the kernel lost events; looking at everything");
        watch->scan_ms = 0;
        return WB_OK;
    }
    if (!concerns(watch, path))
        return WB_OK;
    switch (kind) {
    case WB_NOTIFY_WRITTEN:
        (void)wb_map_del(watch->waiting, path);
        return look(watch, path, true, err);
    case WB_NOTIFY_TOUCHED:
        wait_for(watch, path, wb_clock_mono_ms() + watch->target->quiet_ms);
        return WB_OK;
    case WB_NOTIFY_FOLDER:
        return list(watch, path, &there, err);
    case WB_NOTIFY_NO_FOLDER:
        return wb_seen_each(watch->seen, path, false, visit_untouched, watch, err);
    default:
        (void)wb_map_del(watch->waiting, path);
        return look(watch, path, false, err);
    }
}

struct due {
    int64_t now_ms;
    struct wb_span path;
};

static bool find_due(struct wb_span key, void *value, void *arg)
{
    struct due *due = arg;
    if (*(int64_t *)value > due->now_ms)
        return true;
    due->path = key;
    return false;
}

static enum wb_rc look_at_due(struct watch *watch, struct wb_err *err)
{
    for (;;) {
        struct due due = {.now_ms = wb_clock_mono_ms()};
        struct wb_buf path WB_AUTO(wb_buf_free) = wb_buf_make(2 * WB_PATH_MAX);
        wb_map_each(watch->waiting, find_due, &due);
        if (!due.path.data)
            return WB_OK;
        if (wb_buf_append(&path, due.path, err) != WB_OK)
            return WB_ERROR;
        (void)wb_map_del(watch->waiting, wb_buf_span(&path));
        if (look(watch, wb_buf_span(&path), false, err) != WB_OK)
            return WB_ERROR;
    }
}

/* While the watched folder is gone each check scans: that is cheap then, and finds it again. */
static bool is_scan_due(struct watch *watch)
{
    int64_t now_ms = wb_clock_mono_ms();
    if (now_ms >= watch->scan_ms)
        return true;
    if (now_ms < watch->check_ms)
        return false;
    watch->check_ms = now_ms + LOST_CHECK_MS;
    return wb_notify_lost(watch->notify);
}

static enum wb_rc turn(void *self, int timeout_ms, struct wb_err *err)
{
    struct watch *watch = self;
    int64_t before = watch->sent;
    if (is_scan_due(watch))
        return scan(watch, err);
    if (wb_notify_poll(watch->notify, timeout_ms, on_notify, watch, err) != WB_OK ||
        look_at_due(watch, err) != WB_OK)
        return WB_ERROR;
    if (watch->sent != before && wb_publisher_flush(watch->publisher, FLUSH_MS, err) != WB_OK)
        return WB_ERROR;
    return wb_seen_commit(watch->seen, err);
}

static enum wb_rc drain(void *self, int timeout_ms, bool *ret_done, struct wb_err *err)
{
    struct watch *watch = self;
    if (wb_publisher_flush(watch->publisher, timeout_ms, err) != WB_OK ||
        wb_seen_commit(watch->seen, err) != WB_OK)
        return WB_ERROR;
    *ret_done = true;
    return WB_OK;
}

/* ---- birth and end ---- */

static void close_watch(void *self)
{
    struct watch *watch = self;
    wb_publisher_free(&watch->publisher);
    wb_notify_free(&watch->notify);
    wb_seen_close(&watch->seen);
    wb_slot_release(&watch->slot);
    wb_store_close(&watch->store);
    wb_registry_free(&watch->registry);
    wb_map_free(&watch->waiting);
    wb_map_free(&watch->unsettled);
    free(watch);
}

static enum wb_rc open_notify(struct watch *watch, struct wb_err *err)
{
    struct wb_node *node;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    if (wb_registry_node(watch->registry, watch->target->node, arena, &node, err) != WB_OK)
        return WB_ERROR;
    if (strncmp(node->url, "file://", SCHEME_LEN) != 0)
        return wb_err_set(err, WB_CAT_UNSUPPORTED,
                          "\"%s\" is no file system: only those can be watched",
                          watch->target->node);
    return wb_notify_new(node->url + SCHEME_LEN, &watch->notify, err);
}

static enum wb_rc open_seen(struct watch *watch, struct wb_err *err)
{
    char stage[NAME_MAX_BYTES];
    char path[PATH_BYTES];
    uint64_t tree =
        wb_hash64_of(wb_span_str(watch->target->node)) * 31 + wb_hash64_of(watch->target->prefix);
    (void)snprintf(stage, sizeof(stage), "watch-%016llx", (unsigned long long)tree);
    if (wb_slot_take(watch->env->config, stage, &watch->slot, err) != WB_OK)
        return WB_ERROR;
    (void)snprintf(path, sizeof(path), "%s/seen.db", watch->slot.folder);
    return wb_seen_open(path, &watch->seen, err);
}

static enum wb_rc begin(struct watch *watch, bool notify, struct wb_err *err)
{
    const struct wb_config *config = watch->env->config;
    if (wb_registry_new(config, &watch->registry, err) != WB_OK ||
        wb_stores_open_node(config, watch->registry, watch->target->node, &watch->store, err) !=
            WB_OK ||
        open_seen(watch, err) != WB_OK ||
        wb_publisher_new(config, on_sent, watch, &watch->publisher, err) != WB_OK)
        return WB_ERROR;
    return notify ? open_notify(watch, err) : WB_OK;
}

static enum wb_rc open_any(const struct wb_stage_env *env, bool notify, struct watch **ret,
                           struct wb_err *err)
{
    struct watch *watch = wb_xcalloc(1, sizeof(*watch));
    watch->env = env;
    watch->target = env->arg;
    watch->slot.lock_fd = -1;
    watch->waiting = wb_map_new(free);
    watch->unsettled = wb_map_new(free);
    if (begin(watch, notify, err) != WB_OK) {
        close_watch(watch);
        return WB_ERROR;
    }
    *ret = watch;
    return WB_OK;
}

static enum wb_rc open_watch(const struct wb_stage_env *env, void **ret_self, struct wb_err *err)
{
    struct watch *watch;
    if (open_any(env, true, &watch, err) != WB_OK)
        return WB_ERROR;
    *ret_self = watch;
    return WB_OK;
}

enum wb_rc wb_watch_once(const struct wb_stage_env *env, int64_t *ret_sent, struct wb_err *err)
{
    struct watch *watch;
    if (open_any(env, false, &watch, err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = scan(watch, err);
    *ret_sent = watch->sent;
    close_watch(watch);
    return rc;
}

const struct wb_stage_ops wb_watch_stage = {
    .name = "watch",
    .open = open_watch,
    .turn = turn,
    .drain = drain,
    .close = close_watch,
};

/* What ends an instance or a file, and the root's marker. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/path.h"
#include "core/store/dav_parts.h"

enum { RANDOM_BYTES = 16, MARKER_PATH_MAX = 128 };

#define MARKER "/" WB_STAGING_DIR "/marker"

enum wb_rc wb_dav_move(struct dav_store *store, const char *from, const char *to, bool overwrite,
                       struct wb_http_reply *reply, struct wb_err *err)
{
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(DAV_PATHS_MAX);
    const char *const headers[] = {wb_dav_destination(store, arena, to),
                                   overwrite ? "Overwrite: T" : "Overwrite: F", NULL};
    struct wb_http_request request = {.method = "MOVE", .path = from, .headers = headers};
    return wb_http_send(store->http, &request, reply, err);
}

enum wb_rc wb_dav_delete(struct dav_store *store, const char *path, struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_http_request request = {.method = "DELETE", .path = path};
    if (wb_http_send(store->http, &request, &reply, err) != WB_OK)
        return WB_ERROR;
    if (reply.status == 404 || reply.status == 410 ||
        (wb_http_is_ok(&reply) && reply.status != 207))
        return WB_OK;
    return wb_http_error(&reply, err, "cannot delete it");
}

/* ---- instances ---- */

static enum wb_rc count_others(void *arg, const struct dav_entry *entry, struct wb_err *err)
{
    (void)entry;
    (void)err;
    ++*(size_t *)arg;
    return WB_OK;
}

/* DELETE takes all that is in a folder, so it must be seen to be empty: once its files are
 * published or discarded, nobody puts any into it. */
void wb_dav_drop_folder(struct dav_store *store, const char *instance)
{
    struct wb_err ignored;
    size_t count = 0;
    const char *slash = strrchr(instance, '/');
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(DAV_PATHS_MAX);
    if (!slash)
        return;
    struct wb_span folder = wb_span_of(instance, (size_t)(slash - instance));
    const char *path = wb_dav_path(arena, WB_PLACE_STAGED, folder, true);
    if (wb_dav_propfind(store, path, "1", count_others, &count, NULL, &ignored) == WB_OK &&
        count == 1)
        (void)!wb_dav_delete(store, path, &ignored);
}

enum wb_rc wb_dav_discard(struct wb_store *base, const char *instance, struct wb_err *err)
{
    struct dav_store *store = dav_of(base);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(DAV_PATHS_MAX);
    if (wb_dav_instance_check(instance, err) != WB_OK)
        return WB_ERROR;
    const char *path = wb_dav_path(arena, WB_PLACE_STAGED, wb_span_str(instance), false);
    if (wb_dav_delete(store, path, err) != WB_OK)
        return wb_err_prefix(err, "cannot discard \"%s\"", instance);
    wb_dav_drop_folder(store, instance);
    return WB_OK;
}

/* ---- final files ---- */

static enum wb_rc not_ours(struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_CONFLICT, "it is not the file that was replicated");
}

/* What was moved away turned out to be another file: back it goes, but never over a newer one. */
static enum wb_rc put_back(struct dav_store *store, const char *away, const char *path,
                           struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    if (wb_dav_move(store, away, path, false, &reply, err) != WB_OK)
        return WB_ERROR;
    if (reply.status == 412 && wb_dav_delete(store, away, err) != WB_OK)
        return WB_ERROR;
    if (!wb_http_is_ok(&reply) && reply.status != 412)
        return wb_http_error(&reply, err, "cannot put it back");
    return not_ours(err);
}

/* `ret_gone`: there is none any more. */
static enum wb_rc look(struct dav_store *store, const char *path, const char *tag, bool *ret_gone,
                       struct wb_err *err)
{
    struct wb_stat stat;
    *ret_gone = false;
    if (wb_dav_stat_path(store, path, &stat, err) != WB_OK) {
        *ret_gone = err->category == WB_CAT_NOT_FOUND;
        return *ret_gone ? WB_OK : WB_ERROR;
    }
    bool ours = stat.version.kind == WB_FILE_REGULAR && strcmp(stat.tag, tag) == 0;
    return ours ? WB_OK : not_ours(err);
}

/* What lies in the staging area because it was moved away, now or by a call that came to grief. */
static enum wb_rc settle_away(struct dav_store *store, const char *path, const char *away,
                              const char *tag, struct wb_err *err)
{
    bool gone;
    if (look(store, away, tag, &gone, err) == WB_OK)
        return gone ? WB_OK : wb_dav_delete(store, away, err);
    return err->category == WB_CAT_CONFLICT ? put_back(store, away, path, err) : WB_ERROR;
}

static enum wb_rc move_away(struct dav_store *store, const char *path, const char *away,
                            const char *tag, struct wb_err *err)
{
    bool gone;
    struct wb_err look_err;
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    if ((!store->powers.moves_make_folders && wb_dav_folders(store, away, false, err) != WB_OK) ||
        wb_dav_move(store, path, away, false, &reply, err) != WB_OK)
        return WB_ERROR;
    if (wb_http_is_ok(&reply) || (look(store, path, tag, &gone, &look_err) == WB_OK && gone))
        return WB_OK;
    return wb_http_error(&reply, err, "cannot move it away");
}

static enum wb_rc remove_path(struct dav_store *store, const char *path, const char *away,
                              const char *tag, struct wb_err *err)
{
    bool gone;
    if (settle_away(store, path, away, tag, err) != WB_OK ||
        look(store, path, tag, &gone, err) != WB_OK)
        return WB_ERROR;
    if (gone)
        return WB_OK;
    if (move_away(store, path, away, tag, err) != WB_OK)
        return WB_ERROR;
    return settle_away(store, path, away, tag, err);
}

enum wb_rc wb_dav_remove(struct wb_store *base, struct wb_span path, const char *tag,
                         const char *token, struct wb_err *err)
{
    char shown[DAV_SHOWN_MAX];
    struct dav_store *store = dav_of(base);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(DAV_PATHS_MAX);
    if (wb_path_check(path, err) != WB_OK || wb_dav_instance_check(token, err) != WB_OK ||
        wb_dav_prepare(base, err) != WB_OK)
        return WB_ERROR;
    const char *from = wb_dav_path(arena, WB_PLACE_FINAL, path, false);
    const char *away = wb_dav_path(arena, WB_PLACE_STAGED, wb_span_str(token), false);
    if (wb_dav_root(store, wb_clock_mono_ns(), err) != WB_OK ||
        remove_path(store, from, away, tag, err) != WB_OK)
        return wb_err_prefix(err, "cannot delete \"%s\"", wb_path_show(path, shown, sizeof(shown)));
    return WB_OK;
}

/* ---- the marker ---- */

static enum wb_rc read_marker(struct dav_store *store, char *ret, struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    int64_t since_ns = wb_clock_mono_ns();
    struct wb_http_request request = {
        .method = "GET", .path = MARKER, .reply_most = WB_MARKER_MAX - 1};
    if (wb_http_send(store->http, &request, &reply, err) != WB_OK)
        return WB_ERROR;
    if (reply.status != 200) {
        (void)wb_http_error(&reply, err, "cannot read the root's marker");
        return wb_dav_lacks(store, since_ns, err);
    }
    struct wb_span text = wb_buf_span(&reply.body);
    size_t len = 0;
    while (len < text.len && text.data[len] >= 0x20)
        len++;
    if (len == 0)
        return wb_err_set(err, WB_CAT_INVALID, "the root's marker is empty");
    memcpy(ret, text.data, len);
    ret[len] = 0;
    return WB_OK;
}

/* One is made under another name, whole, and given the name if nothing has it. */
static enum wb_rc draw(struct dav_store *store, struct wb_err *err)
{
    char text[2 * RANDOM_BYTES + 1];
    char made[MARKER_PATH_MAX];
    uint8_t random[RANDOM_BYTES];
    struct wb_err ignored;
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    wb_random_bytes(random, sizeof(random));
    wb_hex_format(wb_span_of(random, sizeof(random)), text);
    (void)snprintf(made, sizeof(made), MARKER ".%s", text);
    if (wb_dav_put(store, made, wb_span_str(text), NULL, &reply, err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = wb_dav_move(store, made, MARKER, false, &reply, err);
    if (rc == WB_OK && !wb_http_is_ok(&reply) && reply.status != 412)
        rc = wb_http_error(&reply, err, "cannot name it");
    if (rc != WB_OK || !wb_http_is_ok(&reply))
        (void)!wb_dav_delete(store, made, &ignored);
    return rc;
}

enum wb_rc wb_dav_marker(struct wb_store *base, bool make, char *ret, struct wb_err *err)
{
    struct dav_store *store = dav_of(base);
    if (read_marker(store, ret, err) == WB_OK)
        return WB_OK;
    if (!make || err->category != WB_CAT_NOT_FOUND)
        return WB_ERROR;
    if (!base->caps.writes)
        return wb_err_set(err, WB_CAT_READ_ONLY, "the node is only read");
    if (wb_dav_prepare(base, err) != WB_OK || draw(store, err) != WB_OK)
        return wb_err_prefix(err, "cannot make the root's marker");
    return read_marker(store, ret, err);
}

/* Reading: one request goes on for as long as it is read in order. Each reply must be about the
 * very file that was opened, and be as long as it should. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/path.h"
#include "core/store/dav_parts.h"

enum { WINDOW_LEAST = 1024 * 1024, WINDOW_MOST = 16 * 1024 * 1024, JUST_NOW_MS = 50 };

#define RESTED_NS (2 * 1000000000LL)

struct dav_file *wb_dav_file_new(struct wb_store *store, enum wb_place place, struct wb_span name)
{
    struct dav_file *file = wb_xcalloc(1, sizeof(*file));
    file->base.ops = store->ops;
    file->base.store = store;
    file->arena = wb_arena_new(DAV_PATHS_MAX);
    file->place = place;
    file->name = wb_arena_span(file->arena, name);
    file->path = wb_dav_path(file->arena, place, name, false);
    file->window_bytes = WINDOW_LEAST;
    file->expect_from = file->expect_until = -1;
    file->size_bytes = -1;
    file->buffer = wb_buf_make(DAV_BUFFER_MOST);
    return file;
}

void wb_dav_file_close(struct wb_file *base)
{
    struct dav_file *file = dav_file_of(base);
    if (file->writing)
        wb_dav_write_end(file);
    wb_http_close(&file->stream);
    wb_http_reply_free(&file->reply);
    wb_buf_free(&file->buffer);
    wb_arena_free(&file->arena);
    free(file);
}

static void remember(struct dav_file *file, const struct wb_stat *stat, int64_t seen_ms)
{
    file->stat = *stat;
    file->stat.version.etag = file->stat.etag;
    file->seen_ms = seen_ms;
}

enum wb_rc wb_dav_open(struct wb_store *base, enum wb_place place, struct wb_span name, bool medium,
                       struct wb_file **ret, struct wb_err *err)
{
    struct wb_stat stat;
    char shown[DAV_SHOWN_MAX];
    int64_t now_ms = wb_clock_mono_ms();
    (void)medium;
    if (wb_dav_stat(base, place, name, &stat, err) != WB_OK)
        return WB_ERROR;
    if (stat.version.kind != WB_FILE_REGULAR)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "\"%s\" is no regular file",
                          wb_path_show(name, shown, sizeof(shown)));
    struct dav_file *file = wb_dav_file_new(base, place, name);
    remember(file, &stat, now_ms);
    *ret = &file->base;
    return WB_OK;
}

/* What was seen just now, of a file that has rested for longer than any clock's grain, is what it
 * is now. */
static bool is_still(const struct dav_file *file)
{
    return file->seen_ms && wb_clock_mono_ms() - file->seen_ms < JUST_NOW_MS &&
           file->stat.version.mtime_ns >= 0 &&
           wb_clock_wall_ns() - file->stat.version.mtime_ns > RESTED_NS;
}

enum wb_rc wb_dav_file_stat(struct wb_file *base, struct wb_stat *ret, struct wb_err *err)
{
    struct dav_file *file = dav_file_of(base);
    struct wb_stat now = file->stat;
    if (!is_still(file)) {
        int64_t now_ms = wb_clock_mono_ms();
        if (wb_dav_stat(base->store, file->place, file->name, &now, err) != WB_OK) {
            if (err->category == WB_CAT_NOT_FOUND)
                err->category = WB_CAT_CHANGED;
            return WB_ERROR;
        }
        if (!file->is_read && !file->writing)
            remember(file, &now, now_ms);
    }
    *ret = now;
    ret->version.etag = ret->etag;
    return WB_OK;
}

/* The bytes of a second that lasts may be replaced by others that look the same: they are read when
 * it is over, and what comes then is seen. */
static void wait_out_second(struct dav_file *file)
{
    enum { SECOND_NS = 1000000000, TRIES = 3 };
    struct wb_err ignored;
    for (int i = 0; i < TRIES && file->stat.changed_ns >= 0; i++) {
        struct wb_stat now;
        wb_clock_sleep_ns(SECOND_NS - wb_clock_wall_ns() % SECOND_NS);
        if (wb_dav_stat(file->base.store, file->place, file->name, &now, &ignored) != WB_OK ||
            strcmp(now.etag, file->stat.etag) != 0)
            return;
        file->stat.changed_ns = now.changed_ns;
    }
}

void wb_dav_file_expect(struct wb_file *base, int64_t offset, int64_t length)
{
    struct dav_file *file = dav_file_of(base);
    if (file->place == WB_PLACE_FINAL && !file->is_read)
        wait_out_second(file);
    file->expect_from = offset;
    file->expect_until = offset + length;
}

/* ---- requests ---- */

static enum wb_rc changed(struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_CHANGED, "it changed while it was read");
}

/* The reply is about the file that was opened, as far as it tells. The name of an instance is never
 * given twice, but others may be writing ranges of it. */
static enum wb_rc same_check(const struct dav_file *file, int64_t size_bytes, struct wb_err *err)
{
    struct wb_stat now;
    if (file->place == WB_PLACE_STAGED && size_bytes >= file->stat.version.size_bytes)
        return WB_OK;
    wb_dav_stat_of(&file->reply, size_bytes, &now);
    if (size_bytes != file->stat.version.size_bytes || strcmp(now.tag, file->stat.tag) != 0)
        return changed(err);
    return WB_OK;
}

static enum wb_rc part_check(const struct dav_file *file, struct wb_err *err)
{
    const struct wb_http_reply *reply = &file->reply;
    if (same_check(file, reply->range_size, err) != WB_OK)
        return WB_ERROR;
    if (reply->range_start != file->at || reply->range_end != file->until ||
        reply->length != file->until - file->at)
        return wb_http_bad_reply(err, "the server sends bytes %lld to %lld instead of %lld to %lld",
                                 (long long)reply->range_start, (long long)reply->range_end,
                                 (long long)file->at, (long long)file->until);
    return WB_OK;
}

static enum wb_rc whole_check(const struct dav_file *file, struct wb_err *err)
{
    if (file->reply.length < 0)
        return wb_http_bad_reply(err, "the server does not tell the length of what it sends");
    if (file->reply.length != file->stat.version.size_bytes)
        return changed(err);
    return same_check(file, file->reply.length, err);
}

/* The server has no ranges and sends all of it: what is before the offset is passed over. */
static enum wb_rc skip_to(struct dav_file *file, int64_t offset, struct wb_err *err)
{
    uint8_t *piece WB_AUTO(wb_free_ptr) = wb_xcalloc(1, DAV_BUFFER_MOST);
    file->at = 0;
    file->until = file->stat.version.size_bytes;
    while (file->at < offset) {
        size_t got;
        int64_t left = offset - file->at;
        size_t want = left < DAV_BUFFER_MOST ? (size_t)left : DAV_BUFFER_MOST;
        if (wb_http_read(file->stream, piece, want, &got, err) != WB_OK)
            return WB_ERROR;
        if (got < want)
            return wb_http_bad_reply(err, "the body is shorter than it should be");
        file->at += (int64_t)got;
    }
    return WB_OK;
}

static enum wb_rc reply_check(struct dav_file *file, bool part, int64_t offset, struct wb_err *err)
{
    switch (file->reply.status) {
    case 206:
        if (part)
            return part_check(file, err);
        break;
    case 200:
        if (whole_check(file, err) != WB_OK)
            return WB_ERROR;
        return part ? skip_to(file, offset, err) : WB_OK;
    case 404:
    case 410:
    case 412:
    case 416:
        return changed(err);
    default:
        break;
    }
    return wb_http_error(&file->reply, err, "cannot read it");
}

/* How far the next request goes: as far as will be read, if that was said. */
static int64_t end_of(struct dav_file *file, int64_t offset)
{
    int64_t size = file->stat.version.size_bytes;
    if (offset >= file->expect_from && offset < file->expect_until)
        return file->expect_until < size ? file->expect_until : size;
    if (offset == 0)
        return size;
    int64_t end = offset + file->window_bytes;
    if (file->window_bytes < WINDOW_MOST)
        file->window_bytes *= 2;
    return end < size ? end : size;
}

static enum wb_rc request_from(struct dav_file *file, int64_t offset, struct wb_err *err)
{
    char line[80];
    const char *const headers[] = {line, NULL};
    const struct dav_store *store = dav_of(file->base.store);
    wb_http_close(&file->stream);
    file->at = offset;
    file->until = end_of(file, offset);
    bool part = offset > 0 || file->until < file->stat.version.size_bytes;
    struct wb_http_request request = {
        .method = "GET", .path = file->path, .headers = part ? headers : NULL};
    (void)snprintf(line, sizeof(line), "Range: bytes=%lld-%lld", (long long)offset,
                   (long long)file->until - 1);
    if (wb_http_open(store->http, &request, &file->stream, &file->reply, err) != WB_OK)
        return WB_ERROR;
    if (reply_check(file, part, offset, err) == WB_OK)
        return WB_OK;
    wb_http_close(&file->stream);
    return WB_ERROR;
}

static enum wb_rc read_some(struct dav_file *file, int64_t offset, uint8_t *buffer, size_t len,
                            size_t *ret_len, struct wb_err *err)
{
    if ((!file->stream || file->at != offset) && request_from(file, offset, err) != WB_OK)
        return WB_ERROR;
    int64_t left = file->until - file->at;
    size_t want = (int64_t)len < left ? len : (size_t)left;
    if (wb_http_read(file->stream, buffer, want, ret_len, err) != WB_OK) {
        wb_http_close(&file->stream);
        return WB_ERROR;
    }
    if (*ret_len < want)
        return wb_http_bad_reply(err, "the body is shorter than it should be");
    file->at += (int64_t)*ret_len;
    if (file->at == file->until)
        wb_http_close(&file->stream);
    return WB_OK;
}

enum wb_rc wb_dav_file_read(struct wb_file *base, int64_t offset, void *buffer, size_t len,
                            size_t *ret_len, struct wb_err *err)
{
    char shown[DAV_SHOWN_MAX];
    struct dav_file *file = dav_file_of(base);
    int64_t left = file->stat.version.size_bytes - offset;
    size_t done = 0;
    size_t want = left <= 0 ? 0 : (int64_t)len < left ? len : (size_t)left;
    file->seen_ms = 0;
    file->is_read = true;
    while (done < want) {
        size_t got = 0;
        if (read_some(file, offset + (int64_t)done, (uint8_t *)buffer + done, want - done, &got,
                      err) != WB_OK)
            return wb_err_prefix(err, "cannot read \"%s\"",
                                 wb_path_show(file->name, shown, sizeof(shown)));
        done += got;
    }
    *ret_len = done;
    return WB_OK;
}

/* There are no holes; of an instance, what is beyond its end was not written yet. */
enum wb_rc wb_dav_file_next_data(struct wb_file *base, int64_t offset, int64_t *ret_start,
                                 int64_t *ret_end, struct wb_err *err)
{
    struct dav_file *file = dav_file_of(base);
    struct wb_stat stat = file->stat;
    if (file->writing && wb_dav_stat(base->store, file->place, file->name, &stat, err) != WB_OK)
        return WB_ERROR;
    if (file->writing)
        remember(file, &stat, 0);
    int64_t size = stat.version.size_bytes;
    *ret_start = offset < size ? offset : size;
    *ret_end = size;
    return WB_OK;
}

enum wb_rc wb_dav_file_xattrs(struct wb_file *base, struct wb_buf *xattrs, struct wb_err *err)
{
    (void)base;
    (void)xattrs;
    (void)err;
    return WB_OK;
}

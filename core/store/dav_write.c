/* Writing instances. What is written in order goes out in one PUT: from memory when it is small,
 * else as it comes. Ranges in any order are PUT in place where the server takes that. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/store/dav_parts.h"

enum { OWN_MOST = 100 * 1000, HOUR_S = 3600 };

/* A fault in the staging area is the node's and not the file's. */
static enum wb_rc staging_failed(const char *instance, struct wb_err *err)
{
    bool final = err->category == WB_CAT_LIMIT || err->category == WB_CAT_UNSUPPORTED;
    (void)wb_err_prefix(err, "cannot stage \"%s\"", instance);
    err->retryable |= !final;
    return WB_ERROR;
}

/* ---- PUT ---- */

/* What servers say when the folder is missing. */
static bool may_lack_folder(int status)
{
    return status == 403 || status == 404 || status == 409 || status == 500;
}

static enum wb_rc put_once(struct dav_store *store, const char *path, struct wb_span bytes,
                           const char *const *headers, struct wb_http_reply *reply,
                           struct wb_err *err)
{
    struct wb_http_request request = {
        .method = "PUT", .path = path, .body = bytes, .headers = headers};
    return wb_http_send(store->http, &request, reply, err);
}

static enum wb_rc put_failed(const struct wb_http_reply *reply, struct wb_err *err)
{
    (void)wb_http_error(reply, err, "cannot write it");
    if (reply->status == 412)
        err->category = WB_CAT_CONFLICT;
    return WB_ERROR;
}

enum wb_rc wb_dav_put(struct dav_store *store, const char *path, struct wb_span bytes,
                      const char *const *headers, struct wb_http_reply *reply, struct wb_err *err)
{
    bool makes = store->powers.puts_make_folders;
    if ((!makes && wb_dav_folders(store, path, false, err) != WB_OK) ||
        put_once(store, path, bytes, headers, reply, err) != WB_OK)
        return WB_ERROR;
    /* A folder that was known may be gone. */
    if (!wb_http_is_ok(reply) && !makes && may_lack_folder(reply->status) &&
        (wb_dav_folders(store, path, true, err) != WB_OK ||
         put_once(store, path, bytes, headers, reply, err) != WB_OK))
        return WB_ERROR;
    return wb_http_is_ok(reply) ? WB_OK : put_failed(reply, err);
}

/* The headers of the PUT that makes the instance. Where nothing else would tell two instances of
 * one size apart, each has a date of its own in the hour before: no two of this store's. */
struct conditions {
    char date[48];
    const char *lines[3];
};

static const char *const *conditions_of(struct dav_file *file, struct conditions *conditions)
{
    char date[32];
    size_t count = 0;
    struct dav_store *store = dav_of(file->base.store);
    memset(conditions, 0, sizeof(*conditions));
    if (store->powers.refuses_taken && !file->is_made)
        conditions->lines[count++] = "If-None-Match: *";
    if (store->powers.tags_by_date) {
        int64_t hour = wb_clock_wall_ms() / 1000 / HOUR_S;
        unsigned drawn = atomic_fetch_add(&store->dates, 1) % HOUR_S;
        file->date_s = (hour - 1) * HOUR_S + drawn;
        wb_http_date_format(file->date_s, date);
        (void)snprintf(conditions->date, sizeof(conditions->date), "Date: %s", date);
        conditions->lines[count++] = conditions->date;
    }
    return conditions->lines;
}

/* ---- names that are new ---- */

static void own(struct dav_store *store, struct wb_span name)
{
    (void)pthread_mutex_lock(&store->lock);
    if (wb_map_count(store->own) >= OWN_MOST)
        wb_map_clear(store->own);
    wb_map_put(store->own, name, store);
    (void)pthread_mutex_unlock(&store->lock);
}

static bool is_own(struct dav_store *store, struct wb_span name)
{
    (void)pthread_mutex_lock(&store->lock);
    bool known = wb_map_get(store->own, name) != NULL;
    (void)pthread_mutex_unlock(&store->lock);
    return known;
}

/* Whether nothing staged has the name. */
static enum wb_rc absent_check(struct dav_store *store, struct wb_span name, bool folder,
                               bool *ret_absent, struct wb_err *err)
{
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(DAV_PATHS_MAX);
    *ret_absent = wb_dav_is_absent(store, wb_dav_path(arena, WB_PLACE_STAGED, name, folder), err);
    return wb_err_is_set(err) ? WB_ERROR : WB_OK;
}

/* In a folder that this store has made, all names are its own: nobody else can guess them. */
static enum wb_rc new_check(struct dav_store *store, const char *instance, struct wb_err *err)
{
    bool absent = false;
    struct wb_span name = wb_span_str(instance);
    const char *slash = strrchr(instance, '/');
    struct wb_span folder = wb_span_of(instance, slash ? (size_t)(slash - instance) : 0);
    if (slash && !is_own(store, folder)) {
        if (absent_check(store, folder, true, &absent, err) != WB_OK)
            return WB_ERROR;
        if (absent)
            own(store, folder);
    }
    absent = slash && is_own(store, folder) && !is_own(store, name);
    if (!absent && absent_check(store, name, false, &absent, err) != WB_OK)
        return WB_ERROR;
    if (!absent)
        return wb_err_set(err, WB_CAT_CONFLICT, "the name is taken");
    own(store, name);
    return WB_OK;
}

enum wb_rc wb_dav_create(struct wb_store *base, const char *instance, enum wb_file_kind kind,
                         int64_t size_bytes, bool sparse, struct wb_file **ret, struct wb_err *err)
{
    struct dav_store *store = dav_of(base);
    (void)sparse;
    if (wb_dav_instance_check(instance, err) != WB_OK)
        return WB_ERROR;
    if (kind != WB_FILE_REGULAR)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "only regular files can be staged here");
    if (wb_dav_prepare(base, err) != WB_OK || new_check(store, instance, err) != WB_OK)
        return staging_failed(instance, err);
    struct dav_file *file = wb_dav_file_new(base, WB_PLACE_STAGED, wb_span_str(instance));
    file->writing = true;
    file->size_bytes = size_bytes;
    (void)snprintf(file->instance, sizeof(file->instance), "%s", instance);
    *ret = &file->base;
    return WB_OK;
}

enum wb_rc wb_dav_reopen(struct wb_store *base, const char *instance, struct wb_file **ret,
                         struct wb_err *err)
{
    struct wb_stat stat;
    struct wb_span name = wb_span_str(instance);
    if (wb_dav_instance_check(instance, err) != WB_OK || wb_dav_prepare(base, err) != WB_OK ||
        wb_dav_stat(base, WB_PLACE_STAGED, name, &stat, err) != WB_OK)
        return WB_ERROR;
    struct dav_file *file = wb_dav_file_new(base, WB_PLACE_STAGED, name);
    file->writing = file->is_made = file->by_range = true;
    file->stat = stat;
    (void)snprintf(file->instance, sizeof(file->instance), "%s", instance);
    *ret = &file->base;
    return WB_OK;
}

/* ---- in order ---- */

static enum wb_rc stream_begin(struct dav_file *file, struct wb_err *err)
{
    struct conditions conditions;
    struct dav_store *store = dav_of(file->base.store);
    struct wb_http_request request = {.method = "PUT",
                                      .path = file->path,
                                      .body_bytes = file->size_bytes,
                                      .headers = conditions_of(file, &conditions)};
    if (!store->powers.puts_make_folders && wb_dav_folders(store, file->path, false, err) != WB_OK)
        return WB_ERROR;
    if (wb_http_begin(store->http, &request, &file->stream, err) != WB_OK ||
        wb_http_write(file->stream, wb_buf_span(&file->buffer), err) != WB_OK)
        return WB_ERROR;
    wb_buf_clear(&file->buffer);
    return WB_OK;
}

static enum wb_rc write_in_order(struct dav_file *file, struct wb_span bytes, struct wb_err *err)
{
    bool fits = file->buffer.len + bytes.len <= DAV_BUFFER_MOST;
    bool small = file->size_bytes <= DAV_BUFFER_MOST; /* or not known */
    if (!file->stream && fits && small)
        return wb_buf_append(&file->buffer, bytes, err);
    if (!file->stream && stream_begin(file, err) != WB_OK)
        return WB_ERROR;
    return wb_http_write(file->stream, bytes, err);
}

/* ---- ranges ---- */

static enum wb_rc make_empty(struct dav_file *file, struct wb_err *err)
{
    struct conditions conditions;
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    if (file->is_made)
        return WB_OK;
    if (wb_dav_put(dav_of(file->base.store), file->path, wb_span_of(NULL, 0),
                   conditions_of(file, &conditions), &reply, err) != WB_OK)
        return WB_ERROR;
    file->is_made = true;
    return WB_OK;
}

/* If-Match: never makes an instance that is gone. */
static enum wb_rc put_range(struct dav_file *file, int64_t offset, struct wb_span bytes,
                            struct wb_err *err)
{
    char line[80];
    const char *const headers[] = {line, "If-Match: *", NULL};
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_http_request request = {
        .method = "PUT", .path = file->path, .headers = headers, .body = bytes};
    if (bytes.len == 0)
        return WB_OK;
    (void)snprintf(line, sizeof(line), "Content-Range: bytes %lld-%lld/*", (long long)offset,
                   (long long)offset + (long long)bytes.len - 1);
    if (wb_http_send(dav_of(file->base.store)->http, &request, &reply, err) != WB_OK)
        return WB_ERROR;
    if (reply.status == 412)
        return wb_err_set(err, WB_CAT_NOT_FOUND, "the instance is gone");
    return wb_http_is_ok(&reply) ? WB_OK : wb_http_error(&reply, err, "cannot write a range");
}

/* From now on in any order. */
static enum wb_rc begin_ranges(struct dav_file *file, struct wb_err *err)
{
    if (!dav_of(file->base.store)->powers.writes_ranges)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "the server takes no ranges");
    if (file->stream)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "it was begun in order");
    if (make_empty(file, err) != WB_OK ||
        put_range(file, 0, wb_buf_span(&file->buffer), err) != WB_OK)
        return WB_ERROR;
    wb_buf_clear(&file->buffer);
    file->by_range = true;
    return WB_OK;
}

static enum wb_rc write_some(struct dav_file *file, int64_t offset, struct wb_span bytes,
                             struct wb_err *err)
{
    if (!file->by_range && offset != file->written && begin_ranges(file, err) != WB_OK)
        return WB_ERROR;
    if (file->by_range)
        return put_range(file, offset, bytes, err);
    if (write_in_order(file, bytes, err) != WB_OK)
        return WB_ERROR;
    file->written += (int64_t)bytes.len;
    return WB_OK;
}

enum wb_rc wb_dav_file_write(struct wb_file *base, int64_t offset, struct wb_span bytes,
                             struct wb_err *err)
{
    struct dav_file *file = dav_file_of(base);
    if (file->by_range && !dav_of(base->store)->powers.writes_ranges)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "the server takes no ranges");
    if (bytes.len == 0 || write_some(file, offset, bytes, err) == WB_OK)
        return WB_OK;
    return staging_failed(file->instance, err);
}

enum wb_rc wb_dav_file_range_done(struct wb_file *base, int64_t offset, int64_t length,
                                  char *ret_tag, struct wb_err *err)
{
    (void)base;
    (void)offset;
    (void)length;
    (void)err;
    *ret_tag = 0;
    return WB_OK;
}

/* ---- the end ---- */

/* What the reply tells of the tag, or the date that was sent; "" when neither does. */
static void tag_of(const struct dav_file *file, const struct wb_http_reply *reply, char *ret_tag)
{
    struct wb_stat stat;
    const char *etag = wb_http_header(reply, "etag");
    *ret_tag = 0;
    if (etag) {
        wb_dav_stat_fill(file->written, etag, NULL, NULL, &stat);
        memcpy(ret_tag, stat.tag, WB_TAG_MAX);
    } else if (file->date_s) {
        wb_dav_tag_make(file->date_s, file->written, ret_tag);
    }
}

/* The last request of what was written in order. */
static enum wb_rc finish(struct dav_file *file, char *ret_tag, struct wb_err *err)
{
    struct conditions conditions;
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    if (file->size_bytes >= 0 && file->written != file->size_bytes)
        return wb_err_set(err, WB_CAT_CORRUPT, "it has %lld bytes instead of %lld",
                          (long long)file->written, (long long)file->size_bytes);
    if (file->stream) {
        if (wb_http_finish(file->stream, &reply, err) != WB_OK)
            return WB_ERROR;
        if (!wb_http_is_ok(&reply))
            return put_failed(&reply, err);
    } else if (wb_dav_put(dav_of(file->base.store), file->path, wb_buf_span(&file->buffer),
                          conditions_of(file, &conditions), &reply, err) != WB_OK) {
        return WB_ERROR;
    }
    file->is_made = true;
    tag_of(file, &reply, ret_tag);
    return WB_OK;
}

static enum wb_rc tag_look(struct dav_file *file, char *ret_tag, struct wb_err *err)
{
    struct wb_stat stat;
    if (wb_dav_stat(file->base.store, WB_PLACE_STAGED, file->name, &stat, err) != WB_OK)
        return WB_ERROR;
    if (!file->by_range && stat.version.size_bytes != file->written)
        return wb_http_bad_reply(err, "the server has %lld bytes of it instead of %lld",
                                 (long long)stat.version.size_bytes, (long long)file->written);
    memcpy(ret_tag, stat.tag, WB_TAG_MAX);
    return WB_OK;
}

enum wb_rc wb_dav_file_seal(struct wb_file *base, const struct wb_meta *meta,
                            const char *const *range_tags, size_t count, char *ret_tag,
                            struct wb_err *err)
{
    struct dav_file *file = dav_file_of(base);
    char tag[WB_TAG_MAX] = "";
    (void)meta;
    (void)range_tags;
    (void)count;
    if (!file->by_range && finish(file, tag, err) != WB_OK)
        return staging_failed(file->instance, err);
    if (*tag == 0 && tag_look(file, tag, err) != WB_OK)
        return staging_failed(file->instance, err);
    if (*tag == 0)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "the server gives what it stores no etag");
    file->is_sealed = true;
    memcpy(ret_tag, tag, WB_TAG_MAX);
    return WB_OK;
}

/* One that was opened for ranges, and nothing more, must be there for those who write them. */
void wb_dav_write_end(struct dav_file *file)
{
    struct wb_err ignored;
    bool untouched = !file->is_made && !file->stream && !file->is_sealed && file->written == 0;
    if (untouched && dav_of(file->base.store)->powers.writes_ranges)
        (void)!make_empty(file, &ignored);
}

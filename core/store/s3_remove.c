/* What ends an instance or a file, and the marker of the root. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/map.h"
#include "core/base/path.h"
#include "core/store/s3_parts.h"

enum { ROUNDS_MOST = 8, DELETE_MOST = S3_PAGE * (6 * S3_KEY_MAX), RANDOM_BYTES = 16 };
enum { SWEEP_MOST = 100000 };

/* ---- keys ---- */

static enum wb_rc delete_key(struct s3_store *store, const char *key, const char *const *headers,
                             struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    const struct s3_ask ask = {.method = "DELETE", .key = key, .headers = headers};
    if (wb_s3_do(store, &ask, "the object cannot be removed", &reply, err) == WB_OK ||
        wb_s3_is_missing(err))
        return WB_OK;
    return WB_ERROR;
}

/* Not every name can be said in XML. */
static bool is_plain(const char *key)
{
    for (; *key; key++)
        if (!isgraph((unsigned char)*key) || strchr("<>&\"'", *key))
            return false;
    return true;
}

static enum wb_rc delete_page(struct s3_store *store, const char *const *keys, size_t count,
                              struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_buf body WB_AUTO(wb_buf_free) = wb_buf_make(DELETE_MOST);
    struct s3_ask ask = {
        .method = "POST", .query = "delete=", .md5 = true, .reply_most = S3_LIST_MOST};
    if (wb_buf_printf(&body, err, "<Delete><Quiet>true</Quiet>") != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++)
        if (wb_buf_printf(&body, err, "<Object><Key>%s</Key></Object>", keys[i]) != WB_OK)
            return WB_ERROR;
    if (wb_buf_printf(&body, err, "</Delete>") != WB_OK)
        return WB_ERROR;
    ask.body = wb_buf_span(&body);
    if (wb_s3_do(store, &ask, "objects cannot be removed", &reply, err) != WB_OK)
        return WB_ERROR;
    if (wb_s3_is_error(&reply))
        return wb_s3_error(store, &reply, "objects cannot be removed", err);
    return wb_s3_parse_removed(wb_buf_span(&reply.body), err);
}

enum wb_rc wb_s3_delete_keys(struct s3_store *store, const char *const *keys, size_t count,
                             struct wb_err *err)
{
    const char *page[S3_PAGE];
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        if (count == 1 || !is_plain(keys[i])) {
            if (delete_key(store, keys[i], NULL, err) != WB_OK)
                return WB_ERROR;
            continue;
        }
        page[filled++] = keys[i];
        if (filled == S3_PAGE && delete_page(store, page, filled, err) != WB_OK)
            return WB_ERROR;
        filled = filled == S3_PAGE ? 0 : filled;
    }
    return filled ? delete_page(store, page, filled, err) : WB_OK;
}

/* ---- instances ---- */

struct discarding {
    struct s3_store *store;
    const char *prefix; /* of all that belongs to the instance */
    size_t found;
};

/* `<instance>` itself or what is below it, but not `<instance>x`. */
static bool is_of(const struct discarding *discarding, struct wb_span key)
{
    size_t len = strlen(discarding->prefix);
    return key.len >= len && memcmp(key.data, discarding->prefix, len) == 0 &&
           (key.len == len || key.data[len] == '/');
}

/* A publisher's upload on a final key: `<upload>\n<key>`. */
static enum wb_rc abort_recorded(struct s3_store *store, const char *record, struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    const struct s3_ask ask = {.method = "GET", .key = record};
    if (wb_s3_do(store, &ask, "an upload's record cannot be read", &reply, err) != WB_OK)
        return wb_s3_is_missing(err) ? WB_OK : WB_ERROR;
    char *upload = (char *)(uintptr_t)wb_buf_cstr(&reply.body);
    char *key = upload ? strchr(upload, '\n') : NULL;
    size_t prefix_len = strlen(store->prefix);
    if (!key || strncmp(key + 1, store->prefix, prefix_len) != 0)
        return WB_OK; /* none of ours */
    *key++ = 0;
    return wb_s3_upload_abort(store, key, upload, err);
}

static enum wb_rc discard_objects(void *arg, const struct s3_page *page, struct wb_err *err)
{
    struct discarding *discarding = arg;
    const char *keys[S3_PAGE];
    size_t prefix_len = strlen(discarding->prefix);
    size_t count = 0;
    for (size_t i = 0; i < page->count; i++) {
        struct wb_span key = page->entries[i].key;
        if (!is_of(discarding, key))
            continue;
        bool record = key.len > prefix_len + 8 && memcmp(key.data + prefix_len, "/upload.", 8) == 0;
        if (record && abort_recorded(discarding->store, (const char *)key.data, err) != WB_OK)
            return WB_ERROR;
        discarding->found++;
        keys[count++] = (const char *)key.data;
        if (count == S3_PAGE) {
            if (wb_s3_delete_keys(discarding->store, keys, count, err) != WB_OK)
                return WB_ERROR;
            count = 0;
        }
    }
    return wb_s3_delete_keys(discarding->store, keys, count, err);
}

static enum wb_rc discard_uploads(void *arg, const struct s3_page *page, struct wb_err *err)
{
    struct discarding *discarding = arg;
    for (size_t i = 0; i < page->count; i++) {
        const struct s3_entry *entry = &page->entries[i];
        if (!is_of(discarding, entry->key) || !*entry->upload)
            continue;
        discarding->found++;
        if (wb_s3_upload_abort(discarding->store, (const char *)entry->key.data, entry->upload,
                               err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

/* A server without a list of uploads has none to end. */
static enum wb_rc each_upload(struct s3_store *store, const char *prefix, s3_page_visit *visit,
                              void *arg, struct wb_err *err)
{
    if (wb_s3_each_page(store, prefix, true, visit, arg, err) == WB_OK)
        return WB_OK;
    bool none = err->category == WB_CAT_UNSUPPORTED || strcmp(err->code, "NoSuchUpload") == 0;
    return none ? WB_OK : WB_ERROR;
}

/* Until a look finds nothing more: what came in meanwhile, from a worker that is late, goes too. */
static enum wb_rc discard_rounds(struct s3_store *store, const char *prefix, struct wb_err *err)
{
    for (int round = 0; round < ROUNDS_MOST; round++) {
        struct discarding discarding = {.store = store, .prefix = prefix};
        if (wb_s3_each_page(store, prefix, false, discard_objects, &discarding, err) != WB_OK ||
            each_upload(store, prefix, discard_uploads, &discarding, err) != WB_OK)
            return WB_ERROR;
        if (discarding.found == 0)
            return WB_OK;
    }
    (void)wb_err_set(err, WB_CAT_CONFLICT, "it comes back whenever it is removed");
    err->retryable = true;
    return WB_ERROR;
}

enum wb_rc wb_s3_discard(struct wb_store *base, const char *instance, struct wb_err *err)
{
    const char *prefix;
    struct s3_store *store = s3_of(base);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    if (wb_s3_staged_key(store, instance, NULL, arena, &prefix, err) != WB_OK)
        return WB_ERROR;
    if (discard_rounds(store, prefix, err) != WB_OK)
        return wb_err_prefix(err, "cannot discard \"%s\"", instance);
    return WB_OK;
}

/* ---- files ---- */

static enum wb_rc not_ours(struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_CONFLICT, "it is not the file that was replicated");
}

/* The condition did not hold: another worker may have removed it. */
static enum wb_rc gone_or_another(struct s3_store *store, const char *key, struct wb_err *err)
{
    struct wb_stat stat;
    if (wb_s3_head(store, key, &stat, NULL, err) == WB_OK)
        return not_ours(err);
    return wb_s3_is_missing(err) ? WB_OK : WB_ERROR;
}

static enum wb_rc remove_key(struct s3_store *store, const char *key, const char *tag,
                             struct wb_arena *arena, struct wb_err *err)
{
    char etag[S3_ETAG_MAX + 1];
    struct wb_stat stat;
    struct s3_headers headers = {.arena = arena};
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    if (wb_s3_head(store, key, &stat, &reply, err) != WB_OK) {
        (void)!wb_s3_confirm_missing(store, err);
        return wb_s3_is_missing(err) ? WB_OK : WB_ERROR;
    }
    if (strcmp(stat.tag, tag) != 0)
        return not_ours(err);
    if (wb_s3_etag(&reply, etag, err) != WB_OK)
        return WB_ERROR;
    if (store->traits.delete_conditions)
        wb_s3_header(&headers, "If-Match: \"%s\"", etag);
    if (delete_key(store, key, headers.lines, err) == WB_OK)
        return WB_OK;
    return err->category == WB_CAT_CHANGED ? gone_or_another(store, key, err) : WB_ERROR;
}

enum wb_rc wb_s3_remove(struct wb_store *base, struct wb_span path, const char *tag,
                        const char *token, struct wb_err *err)
{
    char shown[300];
    const char *key;
    struct s3_store *store = s3_of(base);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    (void)token;
    if (wb_s3_probe(store, err) != WB_OK)
        return WB_ERROR;
    if (wb_s3_final_key(store, path, arena, &key, err) == WB_OK &&
        remove_key(store, key, tag, arena, err) == WB_OK)
        return WB_OK;
    return wb_err_prefix(err, "cannot delete \"%s\"", wb_path_show(path, shown, sizeof(shown)));
}

/* ---- sweeping ---- */

struct sweep {
    struct s3_store *store;
    size_t prefix_len;
    int64_t before_ms;
    struct wb_map *newest; /* what is right below the staging area -> when it was last written to */
    int64_t count;
    enum wb_rc rc;
    struct wb_err err;
};

static enum wb_rc sweep_page(void *arg, const struct s3_page *page, struct wb_err *err)
{
    struct sweep *sweep = arg;
    (void)err;
    for (size_t i = 0; i < page->count; i++) {
        const struct s3_entry *entry = &page->entries[i];
        if (entry->key.len <= sweep->prefix_len)
            continue;
        struct wb_span name =
            wb_span_of(entry->key.data + sweep->prefix_len, entry->key.len - sweep->prefix_len);
        const uint8_t *slash = memchr(name.data, '/', name.len);
        name.len = slash ? (size_t)(slash - name.data) : name.len;
        int64_t *newest = wb_map_get(sweep->newest, name);
        if (!newest && wb_map_count(sweep->newest) < SWEEP_MOST) {
            newest = wb_xcalloc(1, sizeof(*newest));
            wb_map_put(sweep->newest, name, newest);
        }
        if (newest && entry->modified_ms > *newest)
            *newest = entry->modified_ms;
    }
    return WB_OK;
}

static bool sweep_one(struct wb_span key, void *value, void *arg)
{
    char name[WB_INSTANCE_MAX];
    struct sweep *sweep = arg;
    const int64_t *newest = value;
    bool fits = key.len < sizeof(name) && !wb_span_eq(key, wb_span_str("marker"));
    if (*newest > sweep->before_ms || !fits)
        return true;
    (void)snprintf(name, sizeof(name), "%.*s", (int)key.len, (const char *)key.data);
    sweep->rc = wb_s3_discard(&sweep->store->base, name, &sweep->err);
    sweep->count += sweep->rc == WB_OK;
    return sweep->rc == WB_OK;
}

enum wb_rc wb_s3_sweep(struct wb_store *base, int64_t age_ms, int64_t *ret_count,
                       struct wb_err *err)
{
    struct s3_store *store = s3_of(base);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    const char *prefix = wb_arena_printf(arena, "%s" WB_STAGING_DIR "/", store->prefix);
    struct wb_map *newest WB_AUTO(wb_map_free) = wb_map_new(free);
    struct sweep sweep = {.store = store,
                          .prefix_len = strlen(prefix),
                          .before_ms = wb_clock_wall_ms() - age_ms,
                          .newest = newest};
    if (wb_s3_each_page(store, prefix, false, sweep_page, &sweep, err) != WB_OK ||
        each_upload(store, prefix, sweep_page, &sweep, err) != WB_OK)
        return WB_ERROR;
    wb_map_each(newest, sweep_one, &sweep);
    if (sweep.rc != WB_OK) {
        *err = sweep.err;
        return WB_ERROR;
    }
    *ret_count = sweep.count;
    return WB_OK;
}

/* ---- the marker ---- */

static enum wb_rc marker_read(struct s3_store *store, const char *key, char *ret,
                              struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    const struct s3_ask ask = {.method = "GET", .key = key};
    if (wb_s3_do(store, &ask, "cannot read the root's marker", &reply, err) != WB_OK)
        return WB_ERROR;
    (void)snprintf(ret, WB_MARKER_MAX, "%s", wb_buf_cstr(&reply.body));
    ret[strcspn(ret, "\n")] = 0;
    if (*ret == 0)
        return wb_err_set(err, WB_CAT_INVALID, "the root's marker is empty");
    return WB_OK;
}

static enum wb_rc marker_make(struct s3_store *store, const char *key, struct wb_err *err)
{
    uint8_t random[RANDOM_BYTES];
    char text[2 * RANDOM_BYTES + 1];
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    static const char *const lines[] = {"If-None-Match: *", NULL};
    struct s3_ask ask = {.method = "PUT", .key = key, .headers = lines, .checksum = true};
    wb_random_bytes(random, sizeof(random));
    wb_hex_format(wb_span_of(random, sizeof(random)), text);
    ask.body = wb_span_str(text);
    if (wb_s3_do(store, &ask, "cannot make the root's marker", &reply, err) == WB_OK)
        return WB_OK;
    return reply.status == 412 ? WB_OK : WB_ERROR; /* another one was first */
}

static enum wb_rc marker_ensure(struct s3_store *store, const char *key, char *ret,
                                struct wb_err *err)
{
    if (marker_read(store, key, ret, err) == WB_OK)
        return WB_OK;
    if (!wb_s3_is_missing(err) || wb_s3_probe(store, err) != WB_OK ||
        marker_make(store, key, err) != WB_OK)
        return WB_ERROR;
    return marker_read(store, key, ret, err);
}

enum wb_rc wb_s3_marker(struct wb_store *base, bool make, char *ret, struct wb_err *err)
{
    struct s3_store *store = s3_of(base);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    const char *key = wb_arena_printf(arena, "%s" WB_STAGING_DIR "/marker", store->prefix);
    if (make) {
        (void)pthread_mutex_lock(&store->marking);
        enum wb_rc rc = marker_ensure(store, key, ret, err);
        (void)pthread_mutex_unlock(&store->marking);
        return rc;
    }
    if (marker_read(store, key, ret, err) == WB_OK)
        return WB_OK;
    return wb_s3_confirm_missing(store, err);
}

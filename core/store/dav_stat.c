/* Looking at a name. HEAD tells most; where its answer could be that of a folder, or of a page made
 * up for one, PROPFIND does. */
#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/path.h"
#include "core/store/dav_parts.h"

enum { SECOND_NS = 1000000000 };

/* ---- validators ---- */

/* Without quotes, and without the mark of weakness: servers drop it when the file has rested for a
 * while. One that is too long, or no text, is kept as its digest. */
static void etag_take(const char *text, char ret[WB_ETAG_MAX])
{
    *ret = 0;
    if (!text)
        return;
    if (strncmp(text, "W/", 2) == 0)
        text += 2;
    size_t len = strlen(text);
    if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
        text++;
        len -= 2;
    }
    bool plain = len < WB_ETAG_MAX - 8;
    for (size_t i = 0; i < len; i++)
        plain &= text[i] > 0x20 && text[i] < 0x7f && text[i] != '"';
    if (plain) {
        (void)snprintf(ret, WB_ETAG_MAX, "%.*s", (int)len, text);
        return;
    }
    struct wb_xxh3 digest = wb_xxh3_of(wb_span_of(text, len));
    wb_hex_format(wb_span_of(digest.bytes, WB_XXH3_SIZE), ret);
}

void wb_dav_tag_make(int64_t modified_s, int64_t size_bytes, char ret[WB_TAG_MAX])
{
    (void)snprintf(ret, WB_TAG_MAX, "%llx-%llx", (unsigned long long)modified_s,
                   (unsigned long long)size_bytes);
}

/* Only size and second are in it: two changes within a second look alike. */
static bool is_coarse(const char *etag, const char *made_up)
{
    return *etag == 0 || strcmp(etag, made_up) == 0;
}

void wb_dav_stat_fill(int64_t size_bytes, const char *etag, const char *modified, const char *date,
                      struct wb_stat *ret)
{
    char made_up[WB_ETAG_MAX];
    int64_t modified_s = modified ? wb_http_date_parse(modified) : -1;
    int64_t now_s = date ? wb_http_date_parse(date) : -1;
    if (now_s < 0)
        now_s = wb_clock_wall_ms() / 1000;
    *ret = (struct wb_stat){.changed_ns = -1};
    ret->version.kind = WB_FILE_REGULAR;
    ret->version.size_bytes = size_bytes;
    ret->version.mtime_ns = modified_s < 0 ? -1 : modified_s * SECOND_NS;
    ret->version.etag = ret->etag;
    etag_take(etag, ret->tag);
    wb_dav_tag_make(modified_s, size_bytes, made_up);
    bool coarse = is_coarse(ret->tag, made_up);
    if (*ret->tag == 0 && modified_s >= 0)
        memcpy(ret->tag, made_up, sizeof(made_up));
    memcpy(ret->etag, ret->tag, sizeof(ret->etag));
    /* While its second lasts it may change unseen. */
    if (coarse && modified_s >= now_s)
        ret->changed_ns = ret->version.mtime_ns;
}

void wb_dav_stat_of(const struct wb_http_reply *reply, int64_t size_bytes, struct wb_stat *ret)
{
    wb_dav_stat_fill(size_bytes, wb_http_header(reply, "etag"),
                     wb_http_header(reply, "last-modified"), wb_http_header(reply, "date"), ret);
}

/* ---- HEAD ---- */

static void folder_fill(struct wb_stat *ret)
{
    *ret = (struct wb_stat){.version = {.kind = WB_FILE_DIRECTORY}, .changed_ns = -1};
    ret->version.etag = ret->etag;
}

static enum wb_rc unclear(struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_UNSUPPORTED, "the server does not say what it is");
}

enum wb_rc wb_dav_stat_head(const struct wb_http_reply *reply, struct wb_stat *ret,
                            struct wb_err *err)
{
    const char *type = wb_http_header(reply, "content-type");
    if (reply->is_folder || (type && strcmp(type, "httpd/unix-directory") == 0)) {
        folder_fill(ret);
        return WB_OK;
    }
    if (reply->status == 404 || reply->status == 410)
        return wb_http_error(reply, err, "there is none");
    bool known = wb_http_header(reply, "etag") || wb_http_header(reply, "last-modified");
    if (reply->status == 200 && reply->length >= 0 && known) {
        wb_dav_stat_of(reply, reply->length, ret);
        return WB_OK;
    }
    if (reply->status == 200 || (reply->status >= 300 && reply->status < 500 &&
                                 reply->status != 429 && reply->status != 408))
        return unclear(err);
    return wb_http_error(reply, err, "cannot look at it");
}

/* ---- PROPFIND of one ---- */

struct one {
    bool found;
    struct wb_stat *ret;
};

static enum wb_rc take_one(void *arg, const struct dav_entry *entry, struct wb_err *err)
{
    struct one *one = arg;
    (void)err;
    if (one->found)
        return WB_OK;
    one->found = true;
    if (entry->is_folder) {
        folder_fill(one->ret);
    } else {
        *one->ret = entry->stat;
        one->ret->version.etag = one->ret->etag;
    }
    return WB_OK;
}

static enum wb_rc ask_propfind(struct dav_store *store, const char *path, struct wb_stat *ret,
                               struct wb_err *err)
{
    struct one one = {.ret = ret};
    if (wb_dav_propfind(store, path, "0", take_one, &one, NULL, err) != WB_OK)
        return WB_ERROR;
    if (!one.found)
        return wb_http_bad_reply(err, "the server says nothing of it");
    return WB_OK;
}

/* Some say of a folder, too, that there is none, since it has nothing to be read. */
static enum wb_rc ask_folder(struct dav_store *store, const char *path, struct wb_stat *ret,
                             struct wb_err *err)
{
    struct wb_err lacks = *err;
    if (ask_propfind(store, path, ret, err) == WB_OK)
        return WB_OK;
    bool denied = err->category == WB_CAT_DENIED || err->category == WB_CAT_THROTTLED;
    if (strncmp(err->code, "HTTP 4", 6) == 0 && !denied)
        *err = lacks;
    return WB_ERROR;
}

/* A server without PROPFIND that answers oddly: the status is all that there is. */
static enum wb_rc plain_failed(const struct wb_http_reply *reply, struct wb_err *err)
{
    if (reply->status != 200)
        return wb_http_error(reply, err, "cannot look at it");
    if (reply->length < 0)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "the server does not tell its length");
    return wb_err_set(err, WB_CAT_UNSUPPORTED,
                      "the server tells neither an etag nor when it was modified");
}

enum wb_rc wb_dav_stat_path(struct dav_store *store, const char *path, struct wb_stat *ret,
                            struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_http_request request = {.method = "HEAD", .path = path};
    if (wb_http_send(store->http, &request, &reply, err) != WB_OK)
        return WB_ERROR;
    if (wb_dav_stat_head(&reply, ret, err) == WB_OK)
        return WB_OK;
    if (err->category == WB_CAT_NOT_FOUND)
        return store->is_dav ? ask_folder(store, path, ret, err) : WB_ERROR;
    if (err->category != WB_CAT_UNSUPPORTED || err->code[0])
        return WB_ERROR;
    return store->is_dav ? ask_propfind(store, path, ret, err) : plain_failed(&reply, err);
}

bool wb_dav_is_absent(struct dav_store *store, const char *path, struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_http_request request = {.method = "HEAD", .path = path};
    *err = (struct wb_err){0};
    if (wb_http_send(store->http, &request, &reply, err) != WB_OK)
        return false;
    if (reply.status >= 500 || reply.status == 401 || reply.status == 429)
        (void)wb_http_error(&reply, err, "cannot look at it");
    return reply.status == 404 || reply.status == 410;
}

static enum wb_rc name_check(enum wb_place place, struct wb_span name, struct wb_err *err)
{
    if (place == WB_PLACE_FINAL)
        return wb_path_check(name, err);
    if (name.len == 0 || name.len >= WB_INSTANCE_MAX)
        return wb_err_set(err, WB_CAT_INVALID, "name of %zu bytes", name.len);
    return WB_OK;
}

enum wb_rc wb_dav_stat(struct wb_store *base, enum wb_place place, struct wb_span name,
                       struct wb_stat *ret, struct wb_err *err)
{
    struct wb_stat stat;
    char shown[DAV_SHOWN_MAX];
    struct dav_store *store = dav_of(base);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(DAV_PATHS_MAX);
    int64_t since_ns = wb_clock_mono_ns();
    if (name_check(place, name, err) != WB_OK)
        return WB_ERROR;
    if (wb_dav_stat_path(store, wb_dav_path(arena, place, name, false), &stat, err) != WB_OK) {
        (void)wb_err_prefix(err, "cannot look at \"%s\"", wb_path_show(name, shown, sizeof(shown)));
        return wb_dav_lacks(store, since_ns, err);
    }
    *ret = stat;
    ret->version.etag = ret->etag;
    return WB_OK;
}

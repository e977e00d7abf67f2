/* Names to URLs and back, and the folders on the way. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/path.h"
#include "core/base/url.h"
#include "core/store/dav_parts.h"

enum { FOLDERS_KNOWN_MOST = 100 * 1000 };

char *wb_dav_path(struct wb_arena *arena, enum wb_place place, struct wb_span name, bool folder)
{
    struct wb_err ignored;
    static const char staging[] = "/" WB_STAGING_DIR;
    size_t size = 3 * name.len + sizeof(staging) + 3;
    struct wb_buf text = {.data = wb_arena_alloc(arena, size), .size = size, .cap = 4 * size};
    if (place == WB_PLACE_STAGED)
        (void)!wb_buf_append(&text, wb_span_str(staging), &ignored);
    if (name.len || folder)
        (void)!wb_buf_append(&text, wb_span_str("/"), &ignored);
    (void)!wb_url_escape(&text, name, true, &ignored);
    if (folder && name.len)
        (void)!wb_buf_append(&text, wb_span_str("/"), &ignored);
    text.data[text.len] = 0;
    return (char *)text.data;
}

char *wb_dav_destination(const struct dav_store *store, struct wb_arena *arena, const char *path)
{
    return wb_arena_printf(arena, "Destination: %s%s", wb_http_base(store->http), path);
}

enum wb_rc wb_dav_instance_check(const char *instance, struct wb_err *err)
{
    if (strlen(instance) >= WB_INSTANCE_MAX || *instance == 0 || *instance == '/' ||
        strstr(instance, "..") || strstr(instance, "//") || strcmp(instance, "marker") == 0 ||
        instance[strlen(instance) - 1] == '/')
        return wb_err_set(err, WB_CAT_INVALID, "bad instance name \"%.40s\"", instance);
    return WB_OK;
}

/* ---- hrefs: a path, or a URL whose path counts ---- */

static struct wb_span path_of(struct wb_span href)
{
    static const char mark[] = "://";
    for (size_t i = 0; i + 3 <= href.len && href.data[i] != '/' && i < 16; i++)
        if (memcmp(href.data + i, mark, 3) == 0) {
            struct wb_span rest = wb_span_of(href.data + i + 3, href.len - i - 3);
            const uint8_t *slash = rest.len ? memchr(rest.data, '/', rest.len) : NULL;
            return slash ? wb_span_of(slash, rest.len - (size_t)(slash - rest.data))
                         : wb_span_str("/");
        }
    return href;
}

enum wb_rc wb_dav_href(const struct dav_store *store, struct wb_span href, struct wb_buf *ret,
                       bool *ret_folder, struct wb_err *err)
{
    struct wb_buf whole WB_AUTO(wb_buf_free) = wb_buf_make(WB_HTTP_HEADERS_MAX);
    const struct wb_buf *root = &store->root;
    if (wb_url_unescape(&whole, path_of(href), err) != WB_OK)
        return wb_http_bad_reply(err, "the listing has a bad name");
    *ret_folder = whole.len && whole.data[whole.len - 1] == '/';
    if (whole.len + 1 == root->len && memcmp(whole.data, root->data, whole.len) == 0)
        return WB_OK; /* the root without its slash */
    if (whole.len < root->len || memcmp(whole.data, root->data, root->len) != 0)
        return wb_http_bad_reply(err, "the listing names what is not below the root");
    size_t len = whole.len - root->len - (*ret_folder && whole.len > root->len);
    return wb_buf_append(ret, wb_span_of(whole.data + root->len, len), err);
}

/* ---- folders ---- */

static bool is_known(struct dav_store *store, struct wb_span folder)
{
    (void)pthread_mutex_lock(&store->lock);
    bool known = wb_map_get(store->folders, folder) != NULL;
    (void)pthread_mutex_unlock(&store->lock);
    return known;
}

static void know(struct dav_store *store, struct wb_span folder)
{
    (void)pthread_mutex_lock(&store->lock);
    if (wb_map_count(store->folders) >= FOLDERS_KNOWN_MOST)
        wb_map_clear(store->folders);
    wb_map_put(store->folders, folder, store);
    (void)pthread_mutex_unlock(&store->lock);
}

static enum wb_rc see_folder(void *arg, const struct dav_entry *entry, struct wb_err *err)
{
    (void)err;
    *(bool *)arg |= entry->is_folder;
    return WB_OK;
}

/* 405: something is there. Others may be making it at this moment, which is told in many ways. */
static enum wb_rc make_folder(struct dav_store *store, const char *path, struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_http_request request = {.method = "MKCOL", .path = path};
    if (wb_http_send(store->http, &request, &reply, err) != WB_OK)
        return WB_ERROR;
    if (wb_http_is_ok(&reply) || reply.status == 405)
        return WB_OK;
    bool there = false;
    if (wb_dav_propfind(store, path, "0", see_folder, &there, NULL, err) == WB_OK && there)
        return WB_OK;
    return wb_http_error(&reply, err, "cannot make the folder");
}

enum wb_rc wb_dav_folders(struct dav_store *store, const char *path, bool anew, struct wb_err *err)
{
    char *folder WB_AUTO(wb_free_ptr) = wb_xstrdup(path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        char after = slash[1];
        struct wb_span name = wb_span_of(folder, (size_t)(slash - folder) + 1);
        if (after == 0)
            break;
        slash[1] = 0;
        if (anew || !is_known(store, name)) {
            if (make_folder(store, folder, err) != WB_OK)
                return WB_ERROR;
            know(store, name);
        }
        slash[1] = after;
    }
    return WB_OK;
}

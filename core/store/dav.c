/* The store: options, what the server says it can do, and its root. */
#include "core/store/dav.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/secret.h"
#include "core/base/url.h"
#include "core/store/dav_parts.h"

enum { PARALLEL = 16, STALL_TIMEOUT_MS = 60 * 1000 };

const char *const wb_dav_options[] = {"ca", "cert", "insecure", "key", "mode", NULL};

/* ---- options ---- */

static const char *option(const char *const *options, const char *name)
{
    for (; options && options[0]; options += 2)
        if (strcmp(options[0], name) == 0)
            return options[1];
    return NULL;
}

static enum wb_rc choice_check(const char *const *options, const char *name,
                               const char *const *choices, struct wb_err *err)
{
    const char *value = option(options, name);
    if (!value)
        return WB_OK;
    for (size_t i = 0; choices[i]; i++)
        if (strcmp(value, choices[i]) == 0)
            return WB_OK;
    const char *nearest = wb_nearest_name(value, choices);
    return wb_err_set(err, WB_CAT_USAGE, "option \"%s\" cannot be \"%s\"%s%s%s", name, value,
                      nearest ? ", did you mean \"" : "", nearest ? nearest : "",
                      nearest ? "\"" : "");
}

static enum wb_rc options_check(const char *const *options, struct wb_err *err)
{
    static const char *const modes[] = {"auto", "dav", "readonly", NULL};
    static const char *const answers[] = {"yes", "no", NULL};
    if (choice_check(options, "mode", modes, err) != WB_OK ||
        choice_check(options, "insecure", answers, err) != WB_OK)
        return WB_ERROR;
    if (option(options, "key") && !option(options, "cert"))
        return wb_err_set(err, WB_CAT_USAGE, "option \"key\" needs \"cert\"");
    return WB_OK;
}

static bool is_yes(const char *value)
{
    return value && strcmp(value, "yes") == 0;
}

static enum wb_rc http_new(const char *url, const char *const *options,
                           const struct wb_config *config, char *secret, struct wb_http **ret,
                           struct wb_err *err)
{
    static const char bearer[] = "Bearer ";
    struct wb_http_options http = {
        .base_url = url,
        .ca_file = option(options, "ca"),
        .cert_file = option(options, "cert"),
        .key_file = option(options, "key"),
        .insecure = is_yes(option(options, "insecure")),
        .stall_timeout_ms = config ? wb_config_int(config, WB_OPT_STALL_TIMEOUT) : STALL_TIMEOUT_MS,
        .at_once = PARALLEL,
    };
    char *colon = strchr(secret, ':');
    if (strncmp(secret, bearer, sizeof(bearer) - 1) == 0) {
        http.bearer = secret + sizeof(bearer) - 1;
    } else if (colon) {
        *colon = 0;
        http.user = secret;
        http.password = colon + 1;
    } else if (*secret) {
        return wb_err_set(err, WB_CAT_DENIED,
                          "the secret is neither \"user:password\" nor \"Bearer TOKEN\"");
    }
    return wb_http_new(&http, ret, err);
}

enum wb_rc wb_dav_check(const char *url, const char *const *options, struct wb_err *err)
{
    char none[1] = "";
    struct wb_http *http WB_AUTO(wb_http_free) = NULL;
    if (options_check(options, err) != WB_OK)
        return WB_ERROR;
    if (http_new(url, options, NULL, none, &http, err) != WB_OK)
        return wb_err_prefix(err, "bad URL or option of \"%s\"", url);
    return WB_OK;
}

/* ---- the root ---- */

static enum wb_rc see_root(void *arg, const struct dav_entry *entry, struct wb_err *err)
{
    (void)err;
    *(bool *)arg |= entry->is_folder && entry->path.len == 0;
    return WB_OK;
}

static enum wb_rc root_failed(const struct dav_store *store, struct wb_err *err)
{
    if (err->category == WB_CAT_NOT_FOUND)
        err->category = WB_CAT_UNREACHABLE;
    err->retryable = true;
    return wb_err_prefix(err, "root \"%s/\" cannot be reached", wb_http_base(store->http));
}

/* A source that is only read: whatever it says of its root, it answers. */
static enum wb_rc root_answers(struct dav_store *store, struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_http_request request = {.method = "HEAD", .path = "/"};
    if (wb_http_send(store->http, &request, &reply, err) != WB_OK)
        return WB_ERROR;
    if (reply.status < 500 && reply.status != 401 && reply.status != 407 && reply.status != 429)
        return WB_OK;
    return wb_http_error(&reply, err, "cannot look at it");
}

static enum wb_rc look_at_root(struct dav_store *store, struct wb_err *err)
{
    bool seen = false;
    if (!store->is_dav)
        return root_answers(store, err) == WB_OK ? WB_OK : root_failed(store, err);
    if (wb_dav_propfind(store, "/", "0", see_root, &seen, NULL, err) != WB_OK)
        return root_failed(store, err);
    if (seen)
        return WB_OK;
    (void)wb_err_set(err, WB_CAT_UNREACHABLE, "it is no folder");
    return root_failed(store, err);
}

enum wb_rc wb_dav_root(struct dav_store *store, int64_t since_ns, struct wb_err *err)
{
    int64_t now_ns = wb_clock_mono_ns();
    (void)pthread_mutex_lock(&store->lock);
    bool fresh = store->root_seen_ns > since_ns;
    (void)pthread_mutex_unlock(&store->lock);
    if (fresh)
        return WB_OK;
    if (look_at_root(store, err) != WB_OK)
        return WB_ERROR;
    (void)pthread_mutex_lock(&store->lock);
    if (now_ns > store->root_seen_ns)
        store->root_seen_ns = now_ns;
    (void)pthread_mutex_unlock(&store->lock);
    return WB_OK;
}

enum wb_rc wb_dav_lacks(struct dav_store *store, int64_t since_ns, struct wb_err *err)
{
    struct wb_err root_err;
    if (err->category == WB_CAT_NOT_FOUND && wb_dav_root(store, since_ns, &root_err) != WB_OK)
        *err = root_err;
    return WB_ERROR;
}

static enum wb_rc store_check(struct wb_store *base, int64_t *ret_free_bytes, struct wb_err *err)
{
    if (look_at_root(dav_of(base), err) != WB_OK)
        return WB_ERROR;
    *ret_free_bytes = -1;
    return WB_OK;
}

/* ---- the store ---- */

static void store_close(struct wb_store *base)
{
    struct dav_store *store = dav_of(base);
    wb_http_free(&store->http);
    wb_map_free(&store->folders);
    wb_map_free(&store->own);
    wb_buf_free(&store->root);
    (void)pthread_mutex_destroy(&store->lock);
    (void)pthread_mutex_destroy(&store->probe_lock);
    free(store);
}

static const struct wb_store_ops ops = {
    .scheme = "http",
    .close = store_close,
    .check = store_check,
    .prepare = wb_dav_prepare,
    .marker = wb_dav_marker,
    .stat = wb_dav_stat,
    .list = wb_dav_list,
    .open = wb_dav_open,
    .create = wb_dav_create,
    .reopen = wb_dav_reopen,
    .publish = wb_dav_publish,
    .discard = wb_dav_discard,
    .remove = wb_dav_remove,
    .sweep = wb_dav_sweep,
    .file_stat = wb_dav_file_stat,
    .file_expect = wb_dav_file_expect,
    .file_read = wb_dav_file_read,
    .file_next_data = wb_dav_file_next_data,
    .file_xattrs = wb_dav_file_xattrs,
    .file_write = wb_dav_file_write,
    .file_range_done = wb_dav_file_range_done,
    .file_seal = wb_dav_file_seal,
    .file_close = wb_dav_file_close,
};

/* Whether the server says that it is one of WebDAV: class 1 (RFC 4918 §18). */
static enum wb_rc ask_options(struct dav_store *store, bool *ret_is_dav, struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_http_request request = {.method = "OPTIONS", .path = "/"};
    if (wb_http_send(store->http, &request, &reply, err) != WB_OK)
        return WB_ERROR;
    if (reply.status == 401 || reply.status == 407 || reply.status == 429 || reply.status >= 500)
        if (reply.status != 501)
            return wb_http_error(&reply, err, "cannot ask what it can do");
    const char *dav = wb_http_header(&reply, "dav");
    *ret_is_dav = wb_http_is_ok(&reply) && dav && strchr(dav, '1');
    return WB_OK;
}

static enum wb_rc mode_find(struct dav_store *store, const char *mode, struct wb_err *err)
{
    bool is_dav = true;
    bool asks = !mode || strcmp(mode, "dav") != 0;
    if (asks && ask_options(store, &is_dav, err) != WB_OK)
        return root_failed(store, err);
    store->is_dav = is_dav;
    store->base.caps.lists = is_dav;
    store->base.caps.writes = is_dav && (!mode || strcmp(mode, "readonly") != 0);
    store->base.caps.parallel = PARALLEL;
    return look_at_root(store, err);
}

static enum wb_rc root_take(struct dav_store *store, struct wb_err *err)
{
    const char *base = wb_http_base(store->http);
    const char *path = strchr(strstr(base, "://") + 3, '/');
    store->root = wb_buf_make(WB_HTTP_HEADERS_MAX);
    if (path && wb_url_unescape(&store->root, wb_span_str(path), err) != WB_OK)
        return wb_err_set(err, WB_CAT_USAGE, "the URL has a bad escape");
    return wb_buf_append(&store->root, wb_span_str("/"), err);
}

enum wb_rc wb_dav_new(const char *node, const char *url, const char *const *options,
                      const char *secret, const struct wb_config *config, struct wb_store **ret,
                      struct wb_err *err)
{
    char text[WB_SECRET_MAX] WB_AUTO(wb_secret_wipe_text) = "";
    struct dav_store *store = wb_xcalloc(1, sizeof(*store));
    (void)pthread_mutex_init(&store->lock, NULL);
    (void)pthread_mutex_init(&store->probe_lock, NULL);
    store->base.ops = &ops;
    store->folders = wb_map_new(NULL);
    store->own = wb_map_new(NULL);
    atomic_init(&store->dates, (unsigned)wb_random_u64());
    (void)snprintf(store->base.name, sizeof(store->base.name), "%s", node);
    if ((secret && *secret && wb_secret_get(config, secret, text, err) != WB_OK) ||
        http_new(url, options, config, text, &store->http, err) != WB_OK ||
        root_take(store, err) != WB_OK || mode_find(store, option(options, "mode"), err) != WB_OK) {
        store_close(&store->base);
        return WB_ERROR;
    }
    *ret = &store->base;
    return WB_OK;
}

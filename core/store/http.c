/* A node's client: what it was given, checked once, and its lanes. */
#include "core/store/http.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/base/secret.h"
#include "core/store/http_parts.h"

enum {
    CONNECT_TIMEOUT_MS = 10 * 1000,
    STALL_TIMEOUT_MS = 60 * 1000,
    AT_ONCE = 8,
    AT_ONCE_MOST = 256,
};

/* ---- lanes ---- */

static void lane_free(struct http_lane *lane)
{
    for (size_t i = 0; i < lane->idle; i++)
        curl_easy_cleanup(lane->easies[i]);
    if (lane->multi)
        (void)curl_multi_cleanup(lane->multi);
    free(lane);
}

static struct http_lane *lane_new(const struct wb_http *http, struct wb_err *err)
{
    struct http_lane *lane = wb_xcalloc(1, sizeof(*lane) + http->at_once * sizeof(lane->easies[0]));
    lane->multi = curl_multi_init();
    if (!lane->multi ||
        curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)http->at_once) != CURLM_OK) {
        (void)wb_err_set(err, WB_CAT_IO, "out of memory for connections");
        lane_free(lane);
        return NULL;
    }
    return lane;
}

struct http_lane *wb_http_lane_take(struct wb_http *http, struct wb_err *err)
{
    (void)pthread_mutex_lock(&http->lock);
    struct http_lane *lane = http->lanes;
    if (lane) {
        http->lanes = lane->next;
        http->lane_count--;
    }
    (void)pthread_mutex_unlock(&http->lock);
    return lane ? lane : lane_new(http, err);
}

void wb_http_lane_give(struct wb_http *http, struct http_lane *lane)
{
    (void)pthread_mutex_lock(&http->lock);
    bool kept = http->lane_count < HTTP_LANES_IDLE_MOST;
    if (kept) {
        lane->next = http->lanes;
        http->lanes = lane;
        http->lane_count++;
    }
    (void)pthread_mutex_unlock(&http->lock);
    if (!kept)
        lane_free(lane);
}

/* ---- what lanes share ---- */

static void share_lock(CURL *easy, curl_lock_data data, curl_lock_access access, void *arg)
{
    struct wb_http *http = arg;
    (void)easy;
    (void)access;
    (void)pthread_mutex_lock(&http->share_locks[data]);
}

static void share_unlock(CURL *easy, curl_lock_data data, void *arg)
{
    struct wb_http *http = arg;
    (void)easy;
    (void)pthread_mutex_unlock(&http->share_locks[data]);
}

static enum wb_rc share_new(struct wb_http *http, struct wb_err *err)
{
    http->share = curl_share_init();
    if (!http->share || curl_share_setopt(http->share, CURLSHOPT_LOCKFUNC, share_lock) ||
        curl_share_setopt(http->share, CURLSHOPT_UNLOCKFUNC, share_unlock) ||
        curl_share_setopt(http->share, CURLSHOPT_USERDATA, http) ||
        curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) ||
        curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION))
        return wb_err_set(err, WB_CAT_IO, "out of memory for connections");
    return WB_OK;
}

/* ---- the URL ---- */

static bool is_loopback_name(const char *host)
{
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1)
        return ntohl(address.s_addr) >> 24 == 127;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static void free_curl(char **text)
{
    curl_free(*text);
}

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text WB_AUTO(free_curl) = NULL;
    return curl_url_get(url, part, &text, 0) == CURLUE_OK;
}

static enum wb_rc url_take(struct wb_http *http, CURLU *url, struct wb_err *err)
{
    char *scheme WB_AUTO(free_curl) = NULL;
    char *host WB_AUTO(free_curl) = NULL;
    char *port WB_AUTO(free_curl) = NULL;
    char *path WB_AUTO(free_curl) = NULL;
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(WB_HTTP_HEADERS_MAX);
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) ||
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ||
        curl_url_get(url, CURLUPART_PATH, &path, 0))
        return wb_err_set(err, WB_CAT_USAGE, "the URL lacks a host");
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return wb_err_set(err, WB_CAT_USAGE, "the URL is neither http:// nor https://");
    for (size_t len = strlen(path); len && path[len - 1] == '/'; len--)
        path[len - 1] = 0;
    if (wb_buf_printf(&text, err, "%s://%s:%s", scheme, host, port) != WB_OK)
        return WB_ERROR;
    http->origin = wb_xstrdup(wb_buf_cstr(&text));
    if (wb_buf_printf(&text, err, "%s", path) != WB_OK)
        return WB_ERROR;
    http->base = wb_xstrdup(wb_buf_cstr(&text));
    http->is_tls = strcmp(scheme, "https") == 0;
    http->is_loopback = is_loopback_name(host);
    return WB_OK;
}

static enum wb_rc url_read(struct wb_http *http, const char *base_url, struct wb_err *err)
{
    CURLU *url WB_AUTO(free_url) = curl_url();
    if (!url || curl_url_set(url, CURLUPART_URL, base_url, CURLU_PATH_AS_IS) != CURLUE_OK)
        return wb_err_set(err, WB_CAT_USAGE, "it is no URL");
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
        return wb_err_set(err, WB_CAT_USAGE,
                          "the URL names a user; credentials belong in a secret");
    if (has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT))
        return wb_err_set(err, WB_CAT_USAGE, "the URL has a query or a fragment");
    return url_take(http, url, err);
}

/* ---- credentials ---- */

static void wipe_buf(struct wb_buf *buf)
{
    if (buf->data)
        wb_secret_wipe(buf->data, buf->size);
    wb_buf_free(buf);
}

/* No buf grows while it holds a secret: what it leaves behind could not be wiped. */
static enum wb_rc basic_line(struct wb_buf *line, const struct wb_http_options *options,
                             struct wb_err *err)
{
    struct wb_buf pair WB_AUTO(wipe_buf) = wb_buf_make(2 * (size_t)WB_SECRET_MAX);
    if (strchr(options->user, ':'))
        return wb_err_set(err, WB_CAT_USAGE, "the user of the secret holds a colon");
    if (wb_buf_reserve(&pair, pair.cap, err) != WB_OK ||
        wb_buf_printf(&pair, err, "%s:%s", options->user,
                      options->password ? options->password : "") != WB_OK ||
        wb_buf_printf(line, err, "Authorization: Basic ") != WB_OK)
        return WB_ERROR;
    return wb_base64_append(line, wb_buf_span(&pair), err);
}

static enum wb_rc credentials_take(struct wb_http *http, const struct wb_http_options *options,
                                   struct wb_err *err)
{
    struct wb_buf line WB_AUTO(wipe_buf) = wb_buf_make(4 * (size_t)WB_SECRET_MAX);
    if (!options->user && !options->bearer)
        return WB_OK;
    if (!http->is_tls && !http->is_loopback && !options->insecure)
        return wb_err_set(err, WB_CAT_USAGE,
                          "a secret would travel in the clear to %s; use https, or the option "
                          "insecure=yes",
                          http->origin);
    if (wb_buf_reserve(&line, line.cap, err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = options->bearer
                        ? wb_buf_printf(&line, err, "Authorization: Bearer %s", options->bearer)
                        : basic_line(&line, options, err);
    if (rc == WB_OK)
        http->authorization = wb_xstrdup(wb_buf_cstr(&line));
    return rc;
}

static enum wb_rc file_take(char **ret, const char *path, struct wb_err *err)
{
    if (!path)
        return WB_OK;
    if (access(path, R_OK) != 0)
        return wb_err_set(err, WB_CAT_USAGE, "\"%s\" cannot be read", path);
    *ret = wb_xstrdup(path);
    return WB_OK;
}

/* ---- the client ---- */

void wb_http_free(struct wb_http **where)
{
    struct wb_http *http = *where;
    *where = NULL;
    if (!http)
        return;
    while (http->lanes) {
        struct http_lane *lane = http->lanes;
        http->lanes = lane->next;
        lane_free(lane);
    }
    if (http->share)
        (void)curl_share_cleanup(http->share);
    for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
        (void)pthread_mutex_destroy(&http->share_locks[i]);
    (void)pthread_mutex_destroy(&http->lock);
    if (http->authorization)
        wb_secret_wipe(http->authorization, strlen(http->authorization));
    free(http->authorization);
    free(http->base);
    free(http->origin);
    free(http->ca_file);
    free(http->cert_file);
    free(http->key_file);
    free(http);
    curl_global_cleanup();
}

static void numbers_take(struct wb_http *http, const struct wb_http_options *options)
{
    http->connect_timeout_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    http->stall_timeout_ms =
        options->stall_timeout_ms > 0 ? options->stall_timeout_ms : STALL_TIMEOUT_MS;
    http->at_once = options->at_once > 0 ? (size_t)options->at_once : AT_ONCE;
    if (http->at_once > AT_ONCE_MOST)
        http->at_once = AT_ONCE_MOST;
}

enum wb_rc wb_http_new(const struct wb_http_options *options, struct wb_http **ret,
                       struct wb_err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return wb_err_set(err, WB_CAT_INTERNAL, "libcurl cannot start");
    struct wb_http *http WB_AUTO(wb_http_free) = wb_xcalloc(1, sizeof(*http));
    (void)pthread_mutex_init(&http->lock, NULL);
    for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
        (void)pthread_mutex_init(&http->share_locks[i], NULL);
    numbers_take(http, options);
    if (url_read(http, options->base_url, err) != WB_OK ||
        credentials_take(http, options, err) != WB_OK ||
        file_take(&http->ca_file, options->ca_file, err) != WB_OK ||
        file_take(&http->cert_file, options->cert_file, err) != WB_OK ||
        file_take(&http->key_file, options->key_file, err) != WB_OK ||
        share_new(http, err) != WB_OK)
        return WB_ERROR;
    *ret = http;
    http = NULL;
    return WB_OK;
}

bool wb_http_is_loopback(const struct wb_http *http)
{
    return http->is_loopback;
}

const char *wb_http_origin(const struct wb_http *http)
{
    return http->origin;
}

const char *wb_http_base(const struct wb_http *http)
{
    return http->base;
}

const char *wb_http_library(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}

/* Moves exchanges on: waiting, lack of progress, redirects. */
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/url.h"
#include "core/store/http_parts.h"

/* Less than this over the whole of a window is no progress: not even a line of text a minute. */
enum { LEAST_BYTES_PER_S = 64, POLL_MOST_MS = 1000, SECOND_MS = 1000 };

/* ---- progress ---- */

static int64_t window_of(const struct wb_http_stream *stream)
{
    int64_t window_ms = stream->http->stall_timeout_ms;
    bool waits = !stream->has_head && stream->request.patience_ms > window_ms;
    return waits ? stream->request.patience_ms : window_ms;
}

static int64_t moved_of(const struct wb_http_stream *stream)
{
    curl_off_t in = 0;
    curl_off_t out = 0;
    (void)curl_easy_getinfo(stream->easy, CURLINFO_SIZE_DOWNLOAD_T, &in);
    (void)curl_easy_getinfo(stream->easy, CURLINFO_SIZE_UPLOAD_T, &out);
    return (int64_t)in + (int64_t)out + (int64_t)stream->head_bytes;
}

/* How long it may still be waited for; 0 when it stalls. The time in which nobody waited does not
 * count: the window was moved on by it. */
static int64_t patience_left(struct wb_http_stream *stream, int64_t now_ms)
{
    int64_t window_ms = window_of(stream);
    int64_t least = window_ms * LEAST_BYTES_PER_S / SECOND_MS + 1;
    int64_t moved = moved_of(stream);
    if (moved - stream->window_moved >= least) {
        stream->window_moved = moved;
        stream->window_ms = now_ms;
    }
    int64_t left = stream->window_ms + window_ms - now_ms;
    return left > 0 ? left : 0;
}

static enum wb_rc stalled(const struct wb_http_stream *stream, struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_TIMEOUT, "no progress for %lld ms", (long long)window_of(stream));
}

static void come_back(struct wb_http_stream *stream)
{
    stream->window_ms += wb_clock_mono_ms() - stream->left_ms;
}

/* ---- redirects ---- */

static void free_curl(char **text)
{
    curl_free(*text);
}

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static bool is_read(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
           strcmp(method, "PROPFIND") == 0;
}

/* The path of a URL or of what may stand in its place, without a query. */
static struct wb_span path_in(const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : url;
    return path ? wb_span_of(path, strcspn(path, "?#")) : wb_span_of(NULL, 0);
}

/* What is asked for is a folder: the same path with a slash, however it is written. */
static bool adds_slash(const char *url, const char *location)
{
    struct wb_err ignored;
    struct wb_buf from WB_AUTO(wb_buf_free) = wb_buf_make(WB_HTTP_HEADERS_MAX);
    struct wb_buf to WB_AUTO(wb_buf_free) = wb_buf_make(WB_HTTP_HEADERS_MAX);
    return wb_url_unescape(&from, path_in(url), &ignored) == WB_OK &&
           wb_url_unescape(&to, path_in(location), &ignored) == WB_OK && to.len == from.len + 1 &&
           to.data[from.len] == '/' && (from.len == 0 || memcmp(from.data, to.data, from.len) == 0);
}

static const char *redirect_of(const struct wb_http_stream *stream)
{
    const char *location = NULL;
    switch (stream->reply->status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        if (is_read(stream->request.method))
            location = wb_http_header(stream->reply, "location");
        break;
    default:
        break;
    }
    if (location && adds_slash(stream->url, location)) {
        stream->reply->is_folder = true;
        return NULL;
    }
    return location;
}

static char *part_of(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    return curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK ? text : NULL;
}

static bool is_same(CURLU *a, CURLU *b, CURLUPart part)
{
    char *left WB_AUTO(free_curl) = part_of(a, part);
    char *right WB_AUTO(free_curl) = part_of(b, part);
    return left && right && curl_strequal(left, right);
}

static bool is_https(CURLU *url)
{
    char *scheme WB_AUTO(free_curl) = part_of(url, CURLUPART_SCHEME);
    return scheme && strcmp(scheme, "https") == 0;
}

static bool is_http(CURLU *url)
{
    char *scheme WB_AUTO(free_curl) = part_of(url, CURLUPART_SCHEME);
    return scheme && (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0);
}

static enum wb_rc take_location(struct wb_http_stream *stream, CURLU *from, CURLU *to,
                                struct wb_err *err)
{
    if (!is_http(to) || (is_https(from) && !is_https(to)))
        return wb_http_bad_reply(err, "a redirect leads from https to another scheme");
    (void)curl_url_set(to, CURLUPART_USER, NULL, 0);
    (void)curl_url_set(to, CURLUPART_PASSWORD, NULL, 0);
    (void)curl_url_set(to, CURLUPART_FRAGMENT, NULL, 0);
    if (!is_same(from, to, CURLUPART_SCHEME) || !is_same(from, to, CURLUPART_HOST) ||
        !is_same(from, to, CURLUPART_PORT))
        stream->is_stranger = true;
    char *text WB_AUTO(free_curl) = part_of(to, CURLUPART_URL);
    if (!text)
        return wb_http_bad_reply(err, "a redirect leads nowhere");
    free(stream->url);
    stream->url = wb_xstrdup(text);
    stream->reply->is_elsewhere = stream->is_stranger;
    return WB_OK;
}

static enum wb_rc redirect(struct wb_http_stream *stream, const char *location, struct wb_err *err)
{
    CURLU *from WB_AUTO(free_url) = curl_url();
    CURLU *to WB_AUTO(free_url) = curl_url();
    if (++stream->redirects > HTTP_REDIRECTS_MOST)
        return wb_http_bad_reply(err, "more than %d redirects", HTTP_REDIRECTS_MOST);
    if (!from || !to ||
        curl_url_set(from, CURLUPART_URL, stream->url, CURLU_PATH_AS_IS) != CURLUE_OK ||
        curl_url_set(to, CURLUPART_URL, stream->url, CURLU_PATH_AS_IS) != CURLUE_OK ||
        curl_url_set(to, CURLUPART_URL, location, CURLU_PATH_AS_IS) != CURLUE_OK)
        return wb_http_bad_reply(err, "a redirect leads nowhere");
    if (take_location(stream, from, to, err) != WB_OK)
        return WB_ERROR;
    wb_http_exchange_stop(stream);
    return wb_http_exchange_start(stream, err);
}

/* ---- driving ---- */

static void collect(CURLM *multi)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        struct wb_http_stream *stream = NULL;
        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &stream) != CURLE_OK)
            continue;
        stream->is_done = true;
        stream->result = message->data.result;
    }
}

static enum wb_rc step(CURLM *multi, struct wb_err *err)
{
    int running;
    if (curl_multi_perform(multi, &running) != CURLM_OK)
        return wb_err_set(err, WB_CAT_IO, "libcurl failed: out of memory");
    collect(multi);
    return WB_OK;
}

static enum wb_rc pause_poll(CURLM *multi, int64_t most_ms, struct wb_err *err)
{
    int ready;
    int wait_ms = most_ms < POLL_MOST_MS ? (int)most_ms : POLL_MOST_MS;
    if (curl_multi_poll(multi, NULL, 0, wait_ms, &ready) != CURLM_OK)
        return wb_err_set(err, WB_CAT_IO, "libcurl failed: out of memory");
    return WB_OK;
}

static enum wb_rc unpause(struct wb_http_stream *stream, struct wb_err *err)
{
    if (!stream->is_paused)
        return WB_OK;
    stream->is_paused = false;
    CURLcode result = curl_easy_pause(stream->easy, CURLPAUSE_CONT);
    if (result == CURLE_OK || wb_err_is_set(&stream->problem))
        return WB_OK;
    stream->result = result;
    return wb_http_failed(stream, err);
}

/* It is done: well, badly, or with a redirect, and then it begins anew. */
static enum wb_rc settle(struct wb_http_stream *stream, struct wb_err *err)
{
    if (wb_err_is_set(&stream->problem)) {
        *err = stream->problem;
        return WB_ERROR;
    }
    if (stream->result != CURLE_OK && !stream->is_cut)
        return wb_http_failed(stream, err);
    /* libcurl takes a head that ends with the connection for a whole one. */
    if (!stream->has_head)
        return wb_err_set(err, WB_CAT_UNREACHABLE, "the connection ended in the head of the reply");
    const char *location = redirect_of(stream);
    return location ? redirect(stream, location, err) : WB_OK;
}

static enum wb_rc drive(struct wb_http_stream *stream,
                        bool (*ready)(const struct wb_http_stream *stream), struct wb_err *err)
{
    CURLM *multi = stream->lane->multi;
    for (;;) {
        if (unpause(stream, err) != WB_OK || step(multi, err) != WB_OK ||
            (stream->is_done && settle(stream, err) != WB_OK))
            return WB_ERROR;
        if (stream->is_done || (ready && ready(stream) && !redirect_of(stream)))
            return WB_OK;
        if (stream->is_paused)
            continue;
        int64_t left_ms = patience_left(stream, wb_clock_mono_ms());
        if (left_ms == 0)
            return stalled(stream, err);
        if (pause_poll(multi, left_ms, err) != WB_OK)
            return WB_ERROR;
    }
}

enum wb_rc wb_http_drive(struct wb_http_stream *stream,
                         bool (*ready)(const struct wb_http_stream *stream), struct wb_err *err)
{
    come_back(stream);
    enum wb_rc rc = drive(stream, ready, err);
    stream->left_ms = wb_clock_mono_ms();
    return rc;
}

enum wb_rc wb_http_send(struct wb_http *http, const struct wb_http_request *request,
                        struct wb_http_reply *reply, struct wb_err *err)
{
    struct http_lane *lane = wb_http_lane_take(http, err);
    if (!lane)
        return WB_ERROR;
    struct wb_http_stream *stream = wb_http_exchange_new(http, lane, request, reply, err);
    enum wb_rc rc = WB_ERROR;
    if (stream && wb_http_exchange_start(stream, err) == WB_OK)
        rc = wb_http_drive(stream, NULL, err);
    wb_http_exchange_free(&stream);
    wb_http_lane_give(http, lane);
    return rc;
}

/* ---- many at once ---- */

struct crowd {
    struct wb_http *http;
    struct http_lane *lane;
    struct wb_http_call *calls;
    size_t count;
    size_t next;
    size_t active;
    struct wb_http_stream **streams; /* at_once of them; NULL: a free place */
    struct wb_http_call **owners;
};

static bool begin_one(struct crowd *crowd, size_t place)
{
    struct wb_http_call *call = &crowd->calls[crowd->next++];
    struct wb_http_stream *stream =
        wb_http_exchange_new(crowd->http, crowd->lane, &call->request, &call->reply, &call->err);
    call->rc = WB_ERROR;
    if (!stream || wb_http_exchange_start(stream, &call->err) != WB_OK) {
        wb_http_exchange_free(&stream);
        return false;
    }
    crowd->streams[place] = stream;
    crowd->owners[place] = call;
    crowd->active++;
    return true;
}

static void fill(struct crowd *crowd)
{
    for (size_t place = 0; place < crowd->http->at_once; place++)
        while (!crowd->streams[place] && crowd->next < crowd->count)
            (void)begin_one(crowd, place);
}

/* Whether the exchange of a place came to its end, and with what. */
static bool is_over(struct wb_http_stream *stream, enum wb_rc *ret, struct wb_err *err,
                    int64_t *left_ms)
{
    if (stream->is_done) {
        *ret = settle(stream, err);
        return *ret != WB_OK || stream->is_done;
    }
    int64_t patience_ms = patience_left(stream, wb_clock_mono_ms());
    if (patience_ms < *left_ms)
        *left_ms = patience_ms;
    if (patience_ms > 0)
        return false;
    *ret = stalled(stream, err);
    return true;
}

static int64_t sweep_over(struct crowd *crowd)
{
    int64_t left_ms = POLL_MOST_MS;
    for (size_t place = 0; place < crowd->http->at_once; place++) {
        struct wb_http_call *call = crowd->owners[place];
        if (!crowd->streams[place] ||
            !is_over(crowd->streams[place], &call->rc, &call->err, &left_ms))
            continue;
        wb_http_exchange_free(&crowd->streams[place]);
        crowd->active--;
        left_ms = 0;
    }
    return left_ms;
}

static void give_up(struct crowd *crowd, const struct wb_err *err)
{
    for (size_t place = 0; place < crowd->http->at_once; place++)
        if (crowd->streams[place]) {
            crowd->owners[place]->err = *err;
            wb_http_exchange_free(&crowd->streams[place]);
        }
    for (; crowd->next < crowd->count; crowd->next++) {
        crowd->calls[crowd->next].rc = WB_ERROR;
        crowd->calls[crowd->next].err = *err;
    }
}

static enum wb_rc crowd_run(struct crowd *crowd, struct wb_err *err)
{
    for (;;) {
        fill(crowd);
        if (crowd->active == 0)
            return WB_OK;
        if (step(crowd->lane->multi, err) != WB_OK)
            return WB_ERROR;
        int64_t left_ms = sweep_over(crowd);
        if (left_ms > 0 && pause_poll(crowd->lane->multi, left_ms, err) != WB_OK)
            return WB_ERROR;
    }
}

void wb_http_send_all(struct wb_http *http, struct wb_http_call *calls, size_t count)
{
    struct wb_err err = {0};
    struct crowd crowd = {.http = http, .calls = calls, .count = count};
    crowd.streams = wb_xcalloc(http->at_once, sizeof(struct wb_http_stream *));
    crowd.owners = wb_xcalloc(http->at_once, sizeof(struct wb_http_call *));
    crowd.lane = wb_http_lane_take(http, &err);
    if (!crowd.lane || crowd_run(&crowd, &err) != WB_OK)
        give_up(&crowd, &err);
    if (crowd.lane)
        wb_http_lane_give(http, crowd.lane);
    free(crowd.streams);
    free(crowd.owners);
}

/* One request on its way through libcurl. The body of a reply goes from libcurl's buffer into the
 * reader's; when that is full the transfer rests, and what was left of the last piece is kept. */
#include <stdlib.h>
#include <strings.h>

#include "core/base/clock.h"
#include "core/store/http_parts.h"

enum { BUFFER_BYTES = 256 * 1024, SMALL_BUFFER_BYTES = 32 * 1024, IDLE_MOST_S = 60 };

/* ---- what libcurl calls ---- */

static size_t on_header(char *bytes, size_t one, size_t len, void *arg)
{
    struct wb_http_stream *stream = arg;
    struct wb_span line = wb_span_of(bytes, len);
    (void)one;
    stream->head_bytes += len;
    if (stream->head_bytes > WB_HTTP_HEADERS_MAX) {
        (void)wb_http_bad_reply(&stream->problem, "the head of the reply is too long");
        return 0;
    }
    if (stream->has_head)
        return len; /* a trailer */
    bool ends = len <= 2 && (len == 0 || bytes[0] == '\r' || bytes[0] == '\n');
    if (!ends)
        return wb_http_reply_line(stream->reply, line, &stream->problem) == WB_OK ? len : 0;
    if (stream->reply->status < 200)
        return len;
    stream->has_head = true;
    return wb_http_reply_head(stream->reply, &stream->problem) == WB_OK ? len : 0;
}

static size_t take_whole(struct wb_http_stream *stream, struct wb_span piece)
{
    struct wb_buf *body = &stream->reply->body;
    struct wb_err full;
    if (wb_buf_append(body, piece, &full) == WB_OK)
        return piece.len;
    if (wb_http_is_ok(stream->reply)) {
        (void)wb_http_bad_reply(&stream->problem, "the reply is longer than %zu bytes", body->cap);
        return 0;
    }
    stream->is_cut = true;
    return 0;
}

static size_t on_body(char *bytes, size_t one, size_t len, void *arg)
{
    struct wb_http_stream *stream = arg;
    (void)one;
    if (!stream->streams_in || !wb_http_is_ok(stream->reply))
        return take_whole(stream, wb_span_of(bytes, len));
    if (stream->room == 0 || len > stream->room + sizeof(stream->spill)) {
        stream->is_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    size_t fits = len < stream->room ? len : stream->room;
    memcpy(stream->into, bytes, fits);
    stream->into += fits;
    stream->room -= fits;
    memcpy(stream->spill, bytes + fits, len - fits);
    stream->spill_at = 0;
    stream->spill_len = len - fits;
    return len;
}

static size_t on_need(char *buffer, size_t one, size_t len, void *arg)
{
    struct wb_http_stream *stream = arg;
    (void)one;
    if (stream->out.len == 0 && stream->out_ended)
        return 0;
    if (stream->out.len == 0) {
        stream->is_paused = true;
        return CURL_READFUNC_PAUSE;
    }
    size_t given = len < stream->out.len ? len : stream->out.len;
    memcpy(buffer, stream->out.data, given);
    stream->out.data += given;
    stream->out.len -= given;
    stream->out_bytes += (int64_t)given;
    return given;
}

/* ---- the request ---- */

static bool is(const char *method, const char *name)
{
    return strcmp(method, name) == 0;
}

static bool has_header(const struct wb_http_request *request, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *line = request->headers; line && *line; line++)
        if (strncasecmp(*line, name, len) == 0 && (*line)[len] == ':')
            return true;
    return false;
}

/* What may be said to somebody who is not the node. */
static bool is_harmless(const char *line)
{
    static const char *const names[] = {"Range:", "If-", "Depth:", "Accept:"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strncasecmp(line, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static struct curl_slist *lines_make(struct wb_http_stream *stream)
{
    static const char *const ours[] = {"Expect:", "Accept-Encoding: identity", "Content-Type:"};
    size_t count = 0;
    const char *text = (const char *)stream->text.data;
    const char *end = text + stream->text.len;
    if (stream->http->authorization && !stream->is_stranger)
        stream->lines[count++].data = stream->http->authorization;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (i < 2 || !has_header(&stream->request, "Content-Type"))
            stream->lines[count++].data = (char *)(uintptr_t)ours[i];
    for (; text < end; text += strlen(text) + 1)
        if (!stream->is_stranger || is_harmless(text))
            stream->lines[count++].data = (char *)(uintptr_t)text;
    for (size_t i = 0; i < count; i++)
        stream->lines[i].next = i + 1 < count ? &stream->lines[i + 1] : NULL;
    return stream->lines;
}

#define SET(option, value)                                             \
    do {                                                               \
        if (curl_easy_setopt(stream->easy, option, value) != CURLE_OK) \
            return false;                                              \
    } while (0)

static bool set_body(struct wb_http_stream *stream)
{
    const struct wb_http_request *request = &stream->request;
    bool sends = request->body.len || is(request->method, "PUT") || is(request->method, "POST");
    if (is(request->method, "HEAD")) {
        SET(CURLOPT_NOBODY, 1L);
        return true;
    }
    if (stream->streams_out) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER_BYTES);
        SET(CURLOPT_READFUNCTION, on_need);
        SET(CURLOPT_READDATA, stream);
        if (request->body_bytes >= 0)
            SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_bytes);
    } else if (sends) {
        SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER_BYTES);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        SET(CURLOPT_POSTFIELDS, request->body.len ? (const char *)request->body.data : "");
    }
    SET(CURLOPT_CUSTOMREQUEST, request->method);
    return true;
}

static bool set_connection(struct wb_http_stream *stream)
{
    const struct wb_http *http = stream->http;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_timeout_ms);
    SET(CURLOPT_MAXAGE_CONN, (long)IDLE_MOST_S);
    SET(CURLOPT_SHARE, http->share);
    SET(CURLOPT_USERAGENT, "waybill/" WB_VERSION);
    /* Many requests at once wait for the first connection to show whether it can take them all. */
    SET(CURLOPT_PIPEWAIT, http->is_tls ? 1L : 0L);
    if (http->is_loopback)
        SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (http->ca_file)
        SET(CURLOPT_CAINFO, http->ca_file);
    if (http->cert_file && !stream->is_stranger)
        SET(CURLOPT_SSLCERT, http->cert_file);
    if (http->key_file && !stream->is_stranger)
        SET(CURLOPT_SSLKEY, http->key_file);
    return true;
}

static bool set_all(struct wb_http_stream *stream)
{
    SET(CURLOPT_ERRORBUFFER, stream->message);
    SET(CURLOPT_PRIVATE, stream);
    SET(CURLOPT_URL, stream->url);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_BUFFERSIZE, (long)(stream->streams_in ? BUFFER_BYTES : SMALL_BUFFER_BYTES));
    SET(CURLOPT_HTTPHEADER, lines_make(stream));
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, stream);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, stream);
    return set_connection(stream) && set_body(stream);
}

/* ---- its life ---- */

static enum wb_rc copy_headers(struct wb_http_stream *stream, struct wb_err *err)
{
    enum { OURS = 4 };
    size_t count = OURS;
    stream->text = wb_buf_make(WB_HTTP_HEADERS_MAX);
    for (const char *const *line = stream->request.headers; line && *line; line++)
        if (++count > HTTP_LINES_MAX ||
            wb_buf_append(&stream->text, wb_span_of(*line, strlen(*line) + 1), err) != WB_OK)
            return wb_err_set(err, WB_CAT_LIMIT, "the request has too many headers");
    return WB_OK;
}

static enum wb_rc url_make(struct wb_http_stream *stream, struct wb_err *err)
{
    struct wb_buf url = wb_buf_make(WB_HTTP_HEADERS_MAX);
    const char *base = stream->http->base;
    const char *path = stream->request.path ? stream->request.path : "";
    if (wb_buf_printf(&url, err, "%s%s", base, path) != WB_OK)
        return WB_ERROR;
    (void)wb_buf_cstr(&url);
    stream->url = (char *)url.data;
    return WB_OK;
}

struct wb_http_stream *wb_http_exchange_new(struct wb_http *http, struct http_lane *lane,
                                            const struct wb_http_request *request,
                                            struct wb_http_reply *reply, struct wb_err *err)
{
    struct wb_http_stream *stream WB_AUTO(wb_http_exchange_free) = wb_xcalloc(1, sizeof(*stream));
    stream->http = http;
    stream->lane = lane;
    stream->request = *request;
    stream->reply = reply ? reply : &stream->own_reply;
    wb_http_reply_clear(stream->reply);
    stream->reply->is_elsewhere = stream->reply->is_folder = false;
    stream->reply->body.cap = request->reply_most ? request->reply_most : WB_HTTP_ERROR_BODY_MAX;
    if (copy_headers(stream, err) != WB_OK || url_make(stream, err) != WB_OK)
        return NULL;
    struct wb_http_stream *made = stream;
    stream = NULL;
    return made;
}

enum wb_rc wb_http_exchange_start(struct wb_http_stream *stream, struct wb_err *err)
{
    struct http_lane *lane = stream->lane;
    stream->easy = lane->idle ? lane->easies[--lane->idle] : curl_easy_init();
    stream->has_head = stream->is_cut = stream->is_done = stream->is_paused = false;
    stream->message[0] = 0;
    stream->window_ms = stream->left_ms = wb_clock_mono_ms();
    stream->window_moved = 0;
    wb_buf_clear(&stream->reply->body);
    if (stream->easy && set_all(stream) &&
        curl_multi_add_handle(lane->multi, stream->easy) == CURLM_OK)
        return WB_OK;
    wb_http_exchange_stop(stream);
    return wb_err_set(err, WB_CAT_IO, "libcurl does not take the request: out of memory");
}

void wb_http_exchange_stop(struct wb_http_stream *stream)
{
    struct http_lane *lane = stream->lane;
    if (!stream->easy)
        return;
    (void)curl_multi_remove_handle(lane->multi, stream->easy);
    if (lane->idle < stream->http->at_once) {
        curl_easy_reset(stream->easy);
        lane->easies[lane->idle++] = stream->easy;
    } else {
        curl_easy_cleanup(stream->easy);
    }
    stream->easy = NULL;
}

void wb_http_exchange_free(struct wb_http_stream **where)
{
    struct wb_http_stream *stream = *where;
    *where = NULL;
    if (!stream)
        return;
    wb_http_exchange_stop(stream);
    wb_http_reply_free(&stream->own_reply);
    wb_buf_free(&stream->text);
    free(stream->url);
    free(stream);
}

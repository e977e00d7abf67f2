/* What comes back: heads, and what errors they and libcurl's results are. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/store/http_parts.h"

enum { RETRY_AFTER_MOST_S = 24 * 3600, STATUS_DIGITS = 3 };

/* What fits as nanoseconds: the year 2262. */
#define DATE_MOST_S (INT64_MAX / 1000000000)

/* ---- heads: `name NUL value NUL` …, names in lower case ---- */

void wb_http_reply_clear(struct wb_http_reply *reply)
{
    reply->status = 0;
    reply->length = reply->range_start = reply->range_end = reply->range_size = -1;
    reply->headers.cap = WB_HTTP_HEADERS_MAX;
    wb_buf_clear(&reply->headers);
    wb_buf_clear(&reply->body);
}

void wb_http_reply_free(struct wb_http_reply *reply)
{
    wb_buf_free(&reply->headers);
    wb_buf_free(&reply->body);
}

/* The first at or after `from`. */
static const char *header_after(const struct wb_http_reply *reply, const char *name,
                                const char *from)
{
    const char *end = (const char *)reply->headers.data + reply->headers.len;
    while (from < end) {
        const char *value = from + strlen(from) + 1;
        if (strcasecmp(from, name) == 0)
            return value;
        from = value + strlen(value) + 1;
    }
    return NULL;
}

const char *wb_http_header(const struct wb_http_reply *reply, const char *name)
{
    if (!reply->headers.len)
        return NULL;
    return header_after(reply, name, (const char *)reply->headers.data);
}

static struct wb_span trimmed(struct wb_span text)
{
    while (text.len && isspace(text.data[text.len - 1]))
        text.len--;
    while (text.len && isspace(text.data[0])) {
        text.data++;
        text.len--;
    }
    return text;
}

static enum wb_rc status_line(struct wb_http_reply *reply, struct wb_span line, struct wb_err *err)
{
    const uint8_t *blank = memchr(line.data, ' ', line.len);
    size_t at = blank ? (size_t)(blank - line.data) + 1 : line.len;
    int status = 0;
    if (line.len < at + STATUS_DIGITS)
        return wb_http_bad_reply(err, "the reply has no status");
    for (size_t i = 0; i < STATUS_DIGITS; i++) {
        if (!isdigit(line.data[at + i]))
            return wb_http_bad_reply(err, "the reply has no status");
        status = status * 10 + line.data[at + i] - '0';
    }
    wb_http_reply_clear(reply);
    reply->status = status;
    return WB_OK;
}

/* A value that is sent back one day must not be able to break a line then. */
static bool has_controls(struct wb_span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((text.data[i] < 0x20 && text.data[i] != '\t') || text.data[i] == 0x7f)
            return true;
    return false;
}

enum wb_rc wb_http_reply_line(struct wb_http_reply *reply, struct wb_span line, struct wb_err *err)
{
    static const struct wb_span nul = {(const uint8_t *)"", 1};
    if (line.len >= 5 && memcmp(line.data, "HTTP/", 5) == 0)
        return status_line(reply, line, err);
    const uint8_t *colon = memchr(line.data, ':', line.len);
    if (!colon)
        return WB_OK; /* of no use, and no harm */
    size_t name_len = (size_t)(colon - line.data);
    struct wb_span value = trimmed(wb_span_of(colon + 1, line.len - name_len - 1));
    if (has_controls(value) || has_controls(wb_span_of(line.data, name_len)))
        return WB_OK;
    if (wb_buf_append(&reply->headers, wb_span_of(line.data, name_len), err) != WB_OK ||
        wb_buf_append(&reply->headers, nul, err) != WB_OK ||
        wb_buf_append(&reply->headers, value, err) != WB_OK ||
        wb_buf_append(&reply->headers, nul, err) != WB_OK)
        return wb_http_bad_reply(err, "the head of the reply is too long");
    return WB_OK;
}

/* Decimal digits only, to the end of the text or `stop`; -1 otherwise. */
static int64_t number_of(const char *text, char stop, const char **ret_after)
{
    char *after;
    if (!isdigit((unsigned char)*text))
        return -1;
    errno = 0;
    long long value = strtoll(text, &after, 10);
    if (errno || *after != stop)
        return -1;
    if (ret_after)
        *ret_after = after + (stop != 0);
    return value;
}

static enum wb_rc length_read(struct wb_http_reply *reply, struct wb_err *err)
{
    const char *value = wb_http_header(reply, "content-length");
    for (const char *other = value; other;
         other = header_after(reply, "content-length", other + strlen(other) + 1)) {
        int64_t length = number_of(other, 0, NULL);
        if (length < 0 || (reply->length >= 0 && length != reply->length))
            return wb_http_bad_reply(err, "the reply's length is \"%.40s\"", other);
        reply->length = length;
    }
    if (value && wb_http_header(reply, "transfer-encoding"))
        return wb_http_bad_reply(err, "the reply has both a length and a transfer encoding");
    return WB_OK;
}

static bool range_parse(struct wb_http_reply *reply, const char *text)
{
    int64_t start;
    int64_t last;
    const char *rest;
    if (strncasecmp(text, "bytes ", 6) != 0)
        return false;
    text += 6;
    if (strncmp(text, "*/", 2) == 0) {
        reply->range_size = number_of(text + 2, 0, NULL);
        return reply->range_size >= 0;
    }
    start = number_of(text, '-', &rest);
    last = start < 0 ? -1 : number_of(rest, '/', &rest);
    if (start < 0 || last < start || last == INT64_MAX)
        return false;
    if (strcmp(rest, "*") != 0) {
        reply->range_size = number_of(rest, 0, NULL);
        if (reply->range_size <= last)
            return false;
    }
    reply->range_start = start;
    reply->range_end = last + 1;
    return true;
}

enum wb_rc wb_http_reply_head(struct wb_http_reply *reply, struct wb_err *err)
{
    const char *range = wb_http_header(reply, "content-range");
    if (range && !range_parse(reply, range))
        return wb_http_bad_reply(err, "the reply's range is \"%.60s\"", range);
    return length_read(reply, err);
}

/* ---- dates ---- */

int64_t wb_http_date_parse(const char *text)
{
    int64_t seconds = (int64_t)curl_getdate(text, NULL);
    return seconds <= DATE_MOST_S ? seconds : -1;
}

void wb_http_date_format(int64_t seconds, char *out)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm = {0};
    time_t time = (time_t)seconds;
    (void)gmtime_r(&time, &tm);
    (void)snprintf(out, 32, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[tm.tm_wday % 7],
                   (unsigned)tm.tm_mday % 100, months[tm.tm_mon % 12],
                   (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
                   (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

/* ---- errors by status ---- */

struct status_row {
    int status;
    enum wb_category category;
    const char *what;
};

static const struct status_row statuses[] = {
    {304, WB_CAT_CHANGED, "not modified"},
    {400, WB_CAT_INVALID, "bad request"},
    {401, WB_CAT_DENIED, "unauthorized"},
    {403, WB_CAT_DENIED, "forbidden"},
    {404, WB_CAT_NOT_FOUND, "not found"},
    {405, WB_CAT_UNSUPPORTED, "method not allowed"},
    {407, WB_CAT_DENIED, "proxy authentication required"},
    {408, WB_CAT_TIMEOUT, "request timeout"},
    {409, WB_CAT_CONFLICT, "conflict"},
    {410, WB_CAT_NOT_FOUND, "gone"},
    {412, WB_CAT_CHANGED, "precondition failed"},
    {413, WB_CAT_LIMIT, "content too large"},
    {414, WB_CAT_INVALID, "URI too long"},
    {416, WB_CAT_CHANGED, "range not satisfiable"},
    {423, WB_CAT_CONFLICT, "locked"},
    {425, WB_CAT_THROTTLED, "too early"},
    {429, WB_CAT_THROTTLED, "too many requests"},
    {500, WB_CAT_IO, "internal server error"},
    {501, WB_CAT_UNSUPPORTED, "not implemented"},
    {502, WB_CAT_UNREACHABLE, "bad gateway"},
    {503, WB_CAT_THROTTLED, "service unavailable"},
    {504, WB_CAT_TIMEOUT, "gateway timeout"},
    {507, WB_CAT_NO_SPACE, "insufficient storage"},
};

static struct status_row row_of(int status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (statuses[i].status == status)
            return statuses[i];
    if (status >= 500 && status < 600)
        return (struct status_row){status, WB_CAT_IO, "server error"};
    if (status >= 400 && status < 500)
        return (struct status_row){status, WB_CAT_INVALID, "request refused"};
    if (status >= 300 && status < 400)
        return (struct status_row){status, WB_CAT_UNREACHABLE, "redirected"};
    return (struct status_row){status, WB_CAT_INVALID, "not the answer that was asked for"};
}

/* A date counts from the server's own clock where it tells it. */
static int32_t retry_after_ms(const struct wb_http_reply *reply)
{
    const char *text = wb_http_header(reply, "retry-after");
    const char *date = wb_http_header(reply, "date");
    if (!text)
        return 0;
    int64_t seconds = number_of(text, 0, NULL);
    if (seconds < 0) {
        int64_t then = wb_http_date_parse(text);
        int64_t now = date ? wb_http_date_parse(date) : -1;
        if (then < 0)
            return 0;
        seconds = then - (now < 0 ? wb_clock_wall_ms() / 1000 : now);
    }
    if (seconds <= 0)
        return 0;
    return (int32_t)((seconds < RETRY_AFTER_MOST_S ? seconds : RETRY_AFTER_MOST_S) * 1000);
}

enum wb_rc wb_http_error(const struct wb_http_reply *reply, struct wb_err *err, const char *fmt,
                         ...)
{
    char text[WB_ERR_TEXT_MAX];
    struct status_row row = row_of(reply->status);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)wb_err_set(err, row.category, "%.400s: %s", text, row.what);
    (void)snprintf(err->code, sizeof(err->code), "HTTP %d", reply->status);
    if (row.category == WB_CAT_INVALID && (reply->status < 400 || reply->status > 499))
        err->retryable = true;
    err->retry_after_ms = retry_after_ms(reply);
    return WB_ERROR;
}

enum wb_rc wb_http_bad_reply(struct wb_err *err, const char *fmt, ...)
{
    char text[WB_ERR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)wb_err_set(err, WB_CAT_INVALID, "%s", text);
    (void)snprintf(err->code, sizeof(err->code), "BAD_REPLY");
    err->retryable = true;
    return WB_ERROR;
}

/* ---- errors by libcurl's results ---- */

struct result_row {
    CURLcode result;
    enum wb_category category;
    bool retryable;
    const char *code;
};

static const struct result_row results[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, WB_CAT_INVALID, true, "UNSUPPORTED_PROTOCOL"},
    {CURLE_URL_MALFORMAT, WB_CAT_INVALID, false, "URL_MALFORMAT"},
    {CURLE_COULDNT_RESOLVE_PROXY, WB_CAT_UNREACHABLE, true, "COULDNT_RESOLVE_PROXY"},
    {CURLE_COULDNT_RESOLVE_HOST, WB_CAT_UNREACHABLE, true, "COULDNT_RESOLVE_HOST"},
    {CURLE_COULDNT_CONNECT, WB_CAT_UNREACHABLE, true, "COULDNT_CONNECT"},
    {CURLE_WEIRD_SERVER_REPLY, WB_CAT_INVALID, true, "WEIRD_SERVER_REPLY"},
    {CURLE_HTTP2, WB_CAT_UNREACHABLE, true, "HTTP2"},
    {CURLE_HTTP2_STREAM, WB_CAT_UNREACHABLE, true, "HTTP2_STREAM"},
    {CURLE_PARTIAL_FILE, WB_CAT_UNREACHABLE, true, "PARTIAL_FILE"},
    {CURLE_OUT_OF_MEMORY, WB_CAT_IO, true, "OUT_OF_MEMORY"},
    {CURLE_OPERATION_TIMEDOUT, WB_CAT_TIMEOUT, true, "OPERATION_TIMEDOUT"},
    {CURLE_GOT_NOTHING, WB_CAT_UNREACHABLE, true, "GOT_NOTHING"},
    {CURLE_SEND_ERROR, WB_CAT_UNREACHABLE, true, "SEND_ERROR"},
    {CURLE_RECV_ERROR, WB_CAT_UNREACHABLE, true, "RECV_ERROR"},
    {CURLE_SEND_FAIL_REWIND, WB_CAT_UNREACHABLE, true, "SEND_FAIL_REWIND"},
    {CURLE_BAD_CONTENT_ENCODING, WB_CAT_INVALID, true, "BAD_CONTENT_ENCODING"},
    {CURLE_SSL_CONNECT_ERROR, WB_CAT_DENIED, true, "SSL_CONNECT_ERROR"},
    {CURLE_SSL_ENGINE_NOTFOUND, WB_CAT_DENIED, false, "SSL_ENGINE_NOTFOUND"},
    {CURLE_SSL_CERTPROBLEM, WB_CAT_DENIED, false, "SSL_CERTPROBLEM"},
    {CURLE_SSL_CIPHER, WB_CAT_DENIED, false, "SSL_CIPHER"},
    {CURLE_PEER_FAILED_VERIFICATION, WB_CAT_DENIED, false, "PEER_FAILED_VERIFICATION"},
    {CURLE_SSL_CACERT_BADFILE, WB_CAT_DENIED, false, "SSL_CACERT_BADFILE"},
    {CURLE_SSL_ISSUER_ERROR, WB_CAT_DENIED, false, "SSL_ISSUER_ERROR"},
    {CURLE_SSL_CLIENTCERT, WB_CAT_DENIED, false, "SSL_CLIENTCERT"},
};

enum wb_rc wb_http_failed(const struct wb_http_stream *stream, struct wb_err *err)
{
    struct result_row row = {stream->result, WB_CAT_UNREACHABLE, true, "CURL"};
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
        if (results[i].result == stream->result)
            row = results[i];
    const char *text = *stream->message ? stream->message : curl_easy_strerror(stream->result);
    (void)wb_err_set(err, row.category, "%c%s", tolower((unsigned char)*text), text + 1);
    (void)snprintf(err->code, sizeof(err->code), "%s", row.code);
    err->retryable = row.retryable;
    return WB_ERROR;
}

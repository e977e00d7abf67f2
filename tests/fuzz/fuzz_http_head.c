/* Heads of replies, a line at a time as libcurl gives them: what is taken is bounded and makes
 * sense, and what a header holds ends at its line. */
#include "core/store/http_parts.h"
#include "tests/fuzz/fuzz.h"

enum { DAY_MS = 24 * 3600 * 1000 };

static enum wb_rc take_lines(struct wb_http_reply *reply, struct wb_span head, struct wb_err *err)
{
    while (head.len) {
        const uint8_t *end = memchr(head.data, '\n', head.len);
        size_t len = end ? (size_t)(end - head.data) + 1 : head.len;
        if (wb_http_reply_line(reply, wb_span_of(head.data, len), err) != WB_OK)
            return WB_ERROR;
        head = wb_span_of(head.data + len, head.len - len);
    }
    return wb_http_reply_head(reply, err);
}

static void check_header(const struct wb_http_reply *reply, const char *name)
{
    const char *value = wb_http_header(reply, name);
    if (value)
        must_hold(!strpbrk(value, "\r\n") && strlen(value) <= WB_HTTP_HEADERS_MAX);
}

static void check_reply(const struct wb_http_reply *reply)
{
    struct wb_err err = {0};
    must_hold(reply->length >= -1);
    must_hold(reply->headers.len <= WB_HTTP_HEADERS_MAX);
    if (reply->range_start >= 0)
        must_hold(reply->range_end > reply->range_start &&
                  (reply->range_size == -1 || reply->range_size >= reply->range_end));
    check_header(reply, "etag");
    check_header(reply, "content-range");
    check_header(reply, "x-amz-meta-waybill-tag");
    (void)wb_http_error(reply, &err, "it failed");
    must_be_error(&err);
    must_hold(err.retry_after_ms >= 0 && err.retry_after_ms <= DAY_MS);
}

static void check_date(struct wb_span bytes)
{
    char text[64];
    char again[32];
    size_t len = bytes.len < sizeof(text) - 1 ? bytes.len : sizeof(text) - 1;
    if (len)
        memcpy(text, bytes.data, len);
    text[len] = 0;
    int64_t seconds = wb_http_date_parse(text);
    if (seconds < 0)
        return;
    must_hold(seconds <= INT64_MAX / 1000000000);
    wb_http_date_format(seconds, again);
    must_hold(wb_http_date_parse(again) == seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wb_err err = {0};
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_span head = wb_span_of(data, size);
    wb_http_reply_clear(&reply);
    if (take_lines(&reply, head, &err) == WB_OK)
        check_reply(&reply);
    else
        must_be_error(&err);
    check_date(head);
    return 0;
}

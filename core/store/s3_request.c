/* Requests, signed; and what their replies mean. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/url.h"
#include "core/store/s3_parts.h"
#include "core/store/sigv4.h"

enum { PATH_MOST = 4 * S3_KEY_MAX, SIGNATURE_MOST = 4096, LINE_MOST = 8192 };

void wb_s3_header(struct s3_headers *headers, const char *fmt, ...)
{
    char line[LINE_MOST];
    va_list args;
    if (headers->count + 1 >= sizeof(headers->lines) / sizeof(headers->lines[0]))
        return;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    headers->lines[headers->count++] = wb_arena_strdup(headers->arena, line);
    headers->lines[headers->count] = NULL;
}

/* ---- building ---- */

static enum wb_rc path_make(const struct s3_store *store, const struct s3_ask *ask,
                            struct wb_arena *arena, const char **ret, struct wb_err *err)
{
    struct wb_buf path WB_AUTO(wb_buf_free) = wb_buf_make(PATH_MOST);
    if (wb_buf_printf(&path, err, "/%s%s", store->path_style ? store->bucket : "",
                      store->path_style && ask->key ? "/" : "") != WB_OK)
        return WB_ERROR;
    if (ask->key && wb_url_escape(&path, wb_span_str(ask->key), true, err) != WB_OK)
        return WB_ERROR;
    *ret = wb_arena_strdup(arena, wb_buf_cstr(&path));
    return WB_OK;
}

static void sum_add(const struct s3_store *store, const struct s3_ask *ask,
                    struct s3_headers *headers, enum s3_checksum checksum)
{
    struct wb_err err;
    char crc[WB_CRC64_TEXT + 1];
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(64);
    if (checksum == S3_SUM_CRC64) {
        wb_crc64_format(wb_crc64_update(&store->crc64, 0, ask->body), crc);
        wb_s3_header(headers, "x-amz-checksum-crc64nvme: %s", crc);
    } else if (checksum == S3_SUM_SHA256) {
        struct wb_sha256 sum = wb_sha256_of(ask->body);
        if (wb_base64_append(&text, wb_span_of(sum.bytes, WB_SHA256_SIZE), &err) == WB_OK)
            wb_s3_header(headers, "x-amz-checksum-sha256: %s", wb_buf_cstr(&text));
    } else if (checksum == S3_SUM_MD5) {
        struct wb_md5 sum = wb_md5_of(ask->body);
        if (wb_base64_append(&text, wb_span_of(sum.bytes, WB_MD5_SIZE), &err) == WB_OK)
            wb_s3_header(headers, "Content-MD5: %s", wb_buf_cstr(&text));
    }
}

/* Bytes of files have a checksum of their own; everything else is signed with its hash. */
static void payload_of(const struct s3_ask *ask, char out[2 * WB_SHA256_SIZE + 1])
{
    struct wb_sha256 sum = wb_sha256_of(ask->body);
    wb_hex_format(wb_span_of(sum.bytes, WB_SHA256_SIZE), out);
}

static enum wb_rc sign(const struct s3_store *store, const struct s3_ask *ask, const char *path,
                       struct s3_headers *headers, struct wb_err *err)
{
    char date[WB_SIGV4_DATE];
    char payload[2 * WB_SHA256_SIZE + 1] = WB_SIGV4_UNSIGNED;
    struct wb_buf line WB_AUTO(wb_buf_free) = wb_buf_make(SIGNATURE_MOST);
    const struct wb_sigv4_key key = {store->key_id, store->key_secret, store->region, "s3"};
    struct wb_sigv4_request request = {.method = ask->method,
                                       .path = path,
                                       .query = ask->query,
                                       .payload = payload,
                                       .time_ms = wb_clock_wall_ms()};
    if (!*store->key_id)
        return WB_OK;
    if (!ask->checksum)
        payload_of(ask, payload);
    wb_sigv4_date(request.time_ms, date);
    wb_s3_header(headers, "x-amz-date: %s", date);
    wb_s3_header(headers, "x-amz-content-sha256: %s", payload);
    if (*store->token)
        wb_s3_header(headers, "x-amz-security-token: %s", store->token);
    request.headers = headers->lines;
    if (wb_sigv4_sign(&key, &request, &line, err) != WB_OK)
        return WB_ERROR;
    wb_s3_header(headers, "%s", wb_buf_cstr(&line));
    return WB_OK;
}

enum wb_rc wb_s3_prepare(const struct s3_store *store, const struct s3_ask *ask,
                         struct wb_arena *arena, struct wb_http_request *ret, struct wb_err *err)
{
    const char *path;
    struct s3_headers *headers = wb_arena_alloc(arena, sizeof(*headers));
    headers->arena = arena;
    wb_s3_header(headers, "Host: %s", store->host);
    for (const char *const *line = ask->headers; line && *line; line++)
        wb_s3_header(headers, "%s", *line);
    sum_add(store, ask, headers, ask->checksum ? store->traits.checksum : S3_SUM_NONE);
    if (ask->md5)
        sum_add(store, ask, headers, S3_SUM_MD5);
    if (path_make(store, ask, arena, &path, err) != WB_OK ||
        sign(store, ask, path, headers, err) != WB_OK)
        return WB_ERROR;
    *ret = (struct wb_http_request){
        .method = ask->method,
        .path = ask->query ? wb_arena_printf(arena, "%s?%s", path, ask->query) : path,
        .headers = headers->lines,
        .body = ask->body,
        .reply_most = ask->reply_most,
        .patience_ms = ask->patience_ms,
    };
    return WB_OK;
}

/* ---- errors ---- */

struct code_row {
    const char *code;
    enum wb_category category;
    int retryable; /* -1: as the category has it */
};

/* Of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and what others add. */
static const struct code_row codes[] = {
    {"AccessDenied", WB_CAT_DENIED, -1},
    {"AccountProblem", WB_CAT_DENIED, -1},
    {"AllAccessDisabled", WB_CAT_DENIED, -1},
    {"BadDigest", WB_CAT_CORRUPT, 1},
    {"ConditionalRequestConflict", WB_CAT_CONFLICT, 1},
    {"EntityTooLarge", WB_CAT_LIMIT, -1},
    {"EntityTooSmall", WB_CAT_INVALID, -1},
    {"ExpiredToken", WB_CAT_DENIED, -1},
    {"IncompleteBody", WB_CAT_IO, 1},
    {"InternalError", WB_CAT_IO, 1},
    {"InvalidAccessKeyId", WB_CAT_DENIED, -1},
    {"InvalidDigest", WB_CAT_CORRUPT, 1},
    {"InvalidObjectState", WB_CAT_UNSUPPORTED, -1},
    {"InvalidPart", WB_CAT_CORRUPT, 1},
    {"InvalidToken", WB_CAT_DENIED, -1},
    {"KeyTooLongError", WB_CAT_INVALID, -1},
    {"MethodNotAllowed", WB_CAT_UNSUPPORTED, -1},
    {"NoSuchBucket", WB_CAT_UNREACHABLE, 1},
    {"NoSuchKey", WB_CAT_NOT_FOUND, -1},
    {"NoSuchUpload", WB_CAT_NOT_FOUND, -1},
    {"NotImplemented", WB_CAT_UNSUPPORTED, -1},
    {"OperationAborted", WB_CAT_CONFLICT, 1},
    {"PreconditionFailed", WB_CAT_CHANGED, -1},
    {"QuotaExceeded", WB_CAT_NO_SPACE, -1},
    {"RequestTimeTooSkewed", WB_CAT_DENIED, -1},
    {"RequestTimeout", WB_CAT_TIMEOUT, -1},
    {"ServiceUnavailable", WB_CAT_THROTTLED, -1},
    {"SignatureDoesNotMatch", WB_CAT_DENIED, -1},
    {"SlowDown", WB_CAT_THROTTLED, -1},
    {"Throttling", WB_CAT_THROTTLED, -1},
    {"TooManyRequests", WB_CAT_THROTTLED, -1},
    {"XAmzContentChecksumMismatch", WB_CAT_CORRUPT, 1},
    {"XAmzContentSHA256Mismatch", WB_CAT_CORRUPT, 1},
    {"XMinioStorageFull", WB_CAT_NO_SPACE, -1},
};

static void classify(struct wb_err *err, const char *code)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct wb_err fresh;
        if (strcmp(codes[i].code, code) != 0)
            continue;
        (void)wb_err_set(&fresh, codes[i].category, "%s", err->text);
        if (codes[i].retryable >= 0)
            fresh.retryable = codes[i].retryable;
        fresh.retry_after_ms = err->retry_after_ms;
        *err = fresh;
    }
    (void)snprintf(err->code, sizeof(err->code), "%.*s", WB_ERR_CODE_MAX - 1, code);
}

static enum wb_rc clock_error(const struct wb_http_reply *reply, const char *what,
                              struct wb_err *err)
{
    const char *date = wb_http_header(reply, "date");
    int64_t theirs = date ? wb_http_date_parse(date) : -1;
    long long off = theirs < 0 ? 0 : (long long)(wb_clock_wall_ms() / 1000 - theirs);
    (void)wb_err_set(err, WB_CAT_DENIED,
                     "%s: this machine's clock is %lld s %s the server's, set it right", what,
                     off < 0 ? -off : off, off < 0 ? "behind" : "ahead of");
    (void)snprintf(err->code, sizeof(err->code), "RequestTimeTooSkewed");
    return WB_ERROR;
}

/* S3 tells where a bucket is by 301, 307 or 400, HEAD included. */
static bool is_elsewhere(const struct s3_store *store, const struct wb_http_reply *reply,
                         const struct s3_fault *fault, const char **ret)
{
    *ret = wb_http_header(reply, "x-amz-bucket-region");
    if (!*ret && *fault->region)
        *ret = fault->region;
    bool moved = reply->status == 301 || reply->status == 307 || reply->status == 400;
    return moved && *ret && strcmp(*ret, store->region) != 0;
}

static enum wb_rc region_error(const struct s3_store *store, const char *region, const char *what,
                               struct wb_err *err)
{
    (void)wb_err_set(err, WB_CAT_UNREACHABLE,
                     "%s: bucket \"%s\" is in region \"%.40s\", not \"%s\": set the option region",
                     what, store->bucket, region, store->region);
    (void)snprintf(err->code, sizeof(err->code), "PermanentRedirect");
    return WB_ERROR;
}

bool wb_s3_is_error(const struct wb_http_reply *reply)
{
    struct s3_fault fault;
    return wb_s3_parse_error(wb_buf_span(&reply->body), &fault);
}

bool wb_s3_is_missing(const struct wb_err *err)
{
    return err->category == WB_CAT_NOT_FOUND;
}

enum wb_rc wb_s3_error(const struct s3_store *store, const struct wb_http_reply *reply,
                       const char *what, struct wb_err *err)
{
    const char *region;
    struct s3_fault fault;
    bool said = wb_s3_parse_error(wb_buf_span(&reply->body), &fault);
    if (is_elsewhere(store, reply, &fault, &region))
        return region_error(store, region, what, err);
    if (said && strcmp(fault.code, "RequestTimeTooSkewed") == 0)
        return clock_error(reply, what, err);
    if (!said)
        return wb_http_error(reply, err, "%s", what);
    (void)wb_http_error(reply, err, "%s", what);
    (void)snprintf(err->text, sizeof(err->text), "%.200s: %s%s%s", what, fault.code,
                   *fault.message ? ": " : "", fault.message);
    classify(err, fault.code);
    if (strcmp(fault.code, "NoSuchBucket") == 0)
        (void)wb_err_prefix(err, "the root is not there");
    return WB_ERROR;
}

/* ---- sending ---- */

static enum wb_rc check_place(const struct wb_http_reply *reply, struct wb_err *err)
{
    if (!reply->is_elsewhere)
        return WB_OK;
    return wb_http_bad_reply(err, "the server sends readers of the bucket to another host");
}

enum wb_rc wb_s3_send(struct s3_store *store, const struct s3_ask *ask, struct wb_http_reply *reply,
                      struct wb_err *err)
{
    struct wb_http_request request;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    if (wb_s3_prepare(store, ask, arena, &request, err) != WB_OK ||
        wb_http_send(store->http, &request, reply, err) != WB_OK)
        return WB_ERROR;
    return check_place(reply, err);
}

enum wb_rc wb_s3_do(struct s3_store *store, const struct s3_ask *ask, const char *what,
                    struct wb_http_reply *reply, struct wb_err *err)
{
    if (wb_s3_send(store, ask, reply, err) != WB_OK)
        return wb_err_prefix(err, "%s", what);
    return wb_http_is_ok(reply) ? WB_OK : wb_s3_error(store, reply, what, err);
}

enum wb_rc wb_s3_open_stream(struct s3_store *store, const struct s3_ask *ask,
                             struct wb_http_stream **ret, struct wb_http_reply *reply,
                             struct wb_err *err)
{
    struct wb_http_request request;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    if (wb_s3_prepare(store, ask, arena, &request, err) != WB_OK ||
        wb_http_open(store->http, &request, ret, reply, err) != WB_OK)
        return WB_ERROR;
    if (check_place(reply, err) == WB_OK)
        return WB_OK;
    wb_http_close(ret);
    return WB_ERROR;
}

void wb_s3_send_group(struct s3_store *store, const struct s3_ask *asks, struct wb_http_call *calls,
                      size_t count)
{
    struct wb_http_call *ready[S3_GROUP];
    struct wb_http_call *packed = wb_xcalloc(S3_GROUP, sizeof(*packed));
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new((size_t)S3_GROUP * S3_ARENA_BYTES);
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        calls[i].rc = wb_s3_prepare(store, &asks[i], arena, &calls[i].request, &calls[i].err);
        if (calls[i].rc != WB_OK)
            continue;
        ready[filled] = &calls[i];
        packed[filled++] = calls[i];
    }
    if (filled)
        wb_http_send_all(store->http, packed, filled);
    for (size_t i = 0; i < filled; i++) {
        *ready[i] = packed[i];
        if (ready[i]->rc == WB_OK)
            ready[i]->rc = check_place(&ready[i]->reply, &ready[i]->err);
    }
    free(packed);
}

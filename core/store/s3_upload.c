/* Uploads in parts. A server may answer the end of one with 200 and an error in the body. */
#include <stdio.h>

#include "core/base/url.h"
#include "core/store/s3_parts.h"

enum { COMPLETE_MOST = S3_PARTS_MOST * (S3_ETAG_MAX + 80), QUERY_MOST = 4 * S3_UPLOAD_MAX };
enum { ABORTS_MOST = 5 };

enum wb_rc wb_s3_upload_begin(struct s3_store *store, const char *key, const char *const *headers,
                              char ret_upload[S3_UPLOAD_MAX + 1], struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    const struct s3_ask ask = {
        .method = "POST", .key = key, .query = "uploads=", .headers = headers};
    if (wb_s3_do(store, &ask, "an upload cannot begin", &reply, err) != WB_OK)
        return WB_ERROR;
    if (wb_s3_is_error(&reply))
        return wb_s3_error(store, &reply, "an upload cannot begin", err);
    return wb_s3_parse_field(wb_buf_span(&reply.body), NULL, "UploadId", ret_upload,
                             S3_UPLOAD_MAX + 1, err);
}

static enum wb_rc query_of(const char *upload, struct wb_buf *ret, struct wb_err *err)
{
    if (wb_buf_printf(ret, err, "uploadId=") != WB_OK ||
        wb_url_escape(ret, wb_span_str(upload), false, err) != WB_OK)
        return WB_ERROR;
    (void)wb_buf_cstr(ret);
    return WB_OK;
}

static enum wb_rc parts_format(char (*etags)[S3_ETAG_MAX + 1], size_t count, struct wb_buf *ret,
                               struct wb_err *err)
{
    if (wb_buf_printf(ret, err, "<CompleteMultipartUpload>") != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++) {
        if (strpbrk(etags[i], "<>&"))
            return wb_http_bad_reply(err, "a part has an etag that cannot be said in xml");
        if (wb_buf_printf(ret, err,
                          "<Part><PartNumber>%zu</PartNumber><ETag>&quot;%s&quot;</ETag></Part>",
                          i + 1, etags[i]) != WB_OK)
            return WB_ERROR;
    }
    return wb_buf_printf(ret, err, "</CompleteMultipartUpload>");
}

enum wb_rc wb_s3_upload_end(struct s3_store *store, const char *key, const char *upload,
                            char (*etags)[S3_ETAG_MAX + 1], size_t count,
                            const char *const *headers, char ret_etag[S3_ETAG_MAX + 1],
                            struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_buf query WB_AUTO(wb_buf_free) = wb_buf_make(QUERY_MOST);
    struct wb_buf body WB_AUTO(wb_buf_free) = wb_buf_make(COMPLETE_MOST);
    struct s3_ask ask = {
        .method = "POST", .key = key, .headers = headers, .patience_ms = S3_COPY_PATIENCE_MS};
    if (query_of(upload, &query, err) != WB_OK || parts_format(etags, count, &body, err) != WB_OK)
        return WB_ERROR;
    ask.query = wb_buf_cstr(&query);
    ask.body = wb_buf_span(&body);
    if (wb_s3_do(store, &ask, "an upload cannot end", &reply, err) != WB_OK)
        return WB_ERROR;
    return wb_s3_parse_copied(store, &reply, "CompleteMultipartUploadResult",
                              "an upload cannot end", ret_etag, err);
}

/* Parts that were on their way may come in after an abort: it is repeated until the server says
 * that it does not know the upload. */
enum wb_rc wb_s3_upload_abort(struct s3_store *store, const char *key, const char *upload,
                              struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_buf query WB_AUTO(wb_buf_free) = wb_buf_make(QUERY_MOST);
    struct s3_ask ask = {.method = "DELETE", .key = key};
    if (query_of(upload, &query, err) != WB_OK)
        return WB_ERROR;
    ask.query = wb_buf_cstr(&query);
    for (int i = 0; i < ABORTS_MOST; i++) {
        if (wb_s3_do(store, &ask, "an upload cannot be aborted", &reply, err) == WB_OK)
            continue;
        return wb_s3_is_missing(err) ? WB_OK : WB_ERROR;
    }
    return WB_OK; /* the server has no objection to aborting what is not there */
}

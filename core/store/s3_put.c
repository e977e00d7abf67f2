/* One object that is written from its beginning to its end: in one request while it is small, in
 * parts beyond. At most one part is in memory. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/url.h"
#include "core/store/s3_parts.h"

enum { QUERY_MOST = 4 * S3_UPLOAD_MAX };

struct s3_put {
    struct s3_store *store;
    char *key;
    struct wb_buf bytes; /* not sent yet */
    int64_t size_bytes;
    char upload[S3_UPLOAD_MAX + 1]; /* "" while it is small */
    char (*etags)[S3_ETAG_MAX + 1];
    size_t count;
};

struct s3_put *wb_s3_put_new(struct s3_store *store, const char *key)
{
    struct s3_put *put = wb_xcalloc(1, sizeof(*put));
    put->store = store;
    put->key = wb_xstrdup(key);
    put->bytes = wb_buf_make(S3_PART_BYTES);
    return put;
}

void wb_s3_put_free(struct s3_put **where)
{
    struct wb_err ignored;
    struct s3_put *put = *where;
    *where = NULL;
    if (!put)
        return;
    if (put->upload[0])
        (void)!wb_s3_upload_abort(put->store, put->key, put->upload, &ignored);
    wb_buf_free(&put->bytes);
    free(put->etags);
    free(put->key);
    free(put);
}

int64_t wb_s3_put_size(const struct s3_put *put)
{
    return put->size_bytes;
}

bool wb_s3_put_is_small(const struct s3_put *put)
{
    return put->upload[0] == 0;
}

struct wb_span wb_s3_put_bytes(const struct s3_put *put)
{
    return wb_buf_span(&put->bytes);
}

static enum wb_rc send_part(struct s3_put *put, struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_buf query WB_AUTO(wb_buf_free) = wb_buf_make(QUERY_MOST);
    struct s3_ask ask = {
        .method = "PUT", .key = put->key, .body = wb_buf_span(&put->bytes), .checksum = true};
    if (put->count == S3_PARTS_MOST)
        return wb_err_set(err, WB_CAT_LIMIT, "an upload has no more than %d parts", S3_PARTS_MOST);
    if (wb_buf_printf(&query, err, "partNumber=%zu&uploadId=", put->count + 1) != WB_OK ||
        wb_url_escape(&query, wb_span_str(put->upload), false, err) != WB_OK)
        return WB_ERROR;
    ask.query = wb_buf_cstr(&query);
    if (wb_s3_do(put->store, &ask, "a part cannot be sent", &reply, err) != WB_OK ||
        wb_s3_etag(&reply, put->etags[put->count], err) != WB_OK)
        return WB_ERROR;
    put->count++;
    wb_buf_clear(&put->bytes);
    return WB_OK;
}

static enum wb_rc send_full(struct s3_put *put, struct wb_err *err)
{
    if (!put->upload[0]) {
        if (wb_s3_upload_begin(put->store, put->key, NULL, put->upload, err) != WB_OK) {
            put->upload[0] = 0;
            return WB_ERROR;
        }
        put->etags = wb_xcalloc(S3_PARTS_MOST, sizeof(*put->etags));
    }
    return send_part(put, err);
}

enum wb_rc wb_s3_put_write(struct s3_put *put, struct wb_span bytes, struct wb_err *err)
{
    while (bytes.len) {
        size_t room = S3_PART_BYTES - put->bytes.len;
        if (room == 0) {
            if (send_full(put, err) != WB_OK)
                return WB_ERROR;
            continue;
        }
        size_t len = bytes.len < room ? bytes.len : room;
        if (wb_buf_append(&put->bytes, wb_span_of(bytes.data, len), err) != WB_OK)
            return WB_ERROR;
        put->size_bytes += (int64_t)len;
        bytes = wb_span_of(bytes.data + len, bytes.len - len);
    }
    return WB_OK;
}

static enum wb_rc finish_small(struct s3_put *put, const char *const *headers, char *ret_etag,
                               struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    const struct s3_ask ask = {.method = "PUT",
                               .key = put->key,
                               .headers = headers,
                               .body = wb_buf_span(&put->bytes),
                               .checksum = true};
    if (wb_s3_do(put->store, &ask, "the object cannot be written", &reply, err) != WB_OK)
        return WB_ERROR;
    return wb_s3_etag(&reply, ret_etag, err);
}

enum wb_rc wb_s3_put_finish(struct s3_put *put, const char *const *headers,
                            char ret_etag[S3_ETAG_MAX + 1], struct wb_err *err)
{
    if (!put->upload[0])
        return finish_small(put, headers, ret_etag, err);
    if (put->bytes.len && send_part(put, err) != WB_OK)
        return WB_ERROR;
    if (wb_s3_upload_end(put->store, put->key, put->upload, put->etags, put->count, NULL, ret_etag,
                         err) != WB_OK)
        return WB_ERROR;
    put->upload[0] = 0;
    return WB_OK;
}

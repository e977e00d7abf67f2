/* Bodies piece by piece. */
#include "core/store/http_parts.h"

static enum wb_rc stream_new(struct wb_http *http, const struct wb_http_request *request,
                             struct wb_http_reply *reply, struct wb_http_stream **ret,
                             struct wb_err *err)
{
    struct http_lane *lane = wb_http_lane_take(http, err);
    if (!lane)
        return WB_ERROR;
    *ret = wb_http_exchange_new(http, lane, request, reply, err);
    if (*ret)
        return WB_OK;
    wb_http_lane_give(http, lane);
    return WB_ERROR;
}

static bool nothing(const struct wb_http_stream *stream)
{
    (void)stream;
    return true;
}

/* A body that is all there already lets its connection be used again. */
void wb_http_close(struct wb_http_stream **where)
{
    struct wb_err ignored;
    struct wb_http_stream *stream = *where;
    if (!stream)
        return;
    struct wb_http *http = stream->http;
    struct http_lane *lane = stream->lane;
    if (stream->streams_in && stream->easy && !stream->is_done && !stream->is_paused)
        stream->is_done = wb_http_drive(stream, nothing, &ignored) != WB_OK || stream->is_done;
    wb_http_exchange_free(where);
    wb_http_lane_give(http, lane);
}

/* ---- reading ---- */

static bool has_head(const struct wb_http_stream *stream)
{
    return stream->has_head && wb_http_is_ok(stream->reply);
}

static bool is_full(const struct wb_http_stream *stream)
{
    return stream->room == 0;
}

enum wb_rc wb_http_open(struct wb_http *http, const struct wb_http_request *request,
                        struct wb_http_stream **ret, struct wb_http_reply *reply,
                        struct wb_err *err)
{
    struct wb_http_stream *stream WB_AUTO(wb_http_close) = NULL;
    if (stream_new(http, request, reply, &stream, err) != WB_OK)
        return WB_ERROR;
    stream->streams_in = true;
    if (wb_http_exchange_start(stream, err) != WB_OK ||
        wb_http_drive(stream, has_head, err) != WB_OK)
        return WB_ERROR;
    *ret = NULL;
    if (!wb_http_is_ok(reply))
        return WB_OK;
    /* The caller's reply may go before the stream does. */
    stream->own_reply.status = reply->status;
    stream->reply = &stream->own_reply;
    *ret = stream;
    stream = NULL;
    return WB_OK;
}

/* What is left of a piece that did not fit the buffer of the call before. */
static void take_spill(struct wb_http_stream *stream)
{
    size_t kept = stream->spill_len - stream->spill_at;
    size_t taken = kept < stream->room ? kept : stream->room;
    memcpy(stream->into, stream->spill + stream->spill_at, taken);
    stream->spill_at += taken;
    stream->into += taken;
    stream->room -= taken;
}

enum wb_rc wb_http_read(struct wb_http_stream *stream, void *buffer, size_t len, size_t *ret_len,
                        struct wb_err *err)
{
    stream->into = buffer;
    stream->room = len;
    take_spill(stream);
    enum wb_rc rc = WB_OK;
    if (stream->room && !stream->is_done)
        rc = wb_http_drive(stream, is_full, err);
    if (rc == WB_OK)
        *ret_len = len - stream->room;
    stream->room = 0;
    return rc;
}

/* ---- writing ---- */

static bool is_taken(const struct wb_http_stream *stream)
{
    return stream->out.len == 0;
}

enum wb_rc wb_http_begin(struct wb_http *http, const struct wb_http_request *request,
                         struct wb_http_stream **ret, struct wb_err *err)
{
    struct wb_http_stream *stream WB_AUTO(wb_http_close) = NULL;
    if (stream_new(http, request, NULL, &stream, err) != WB_OK)
        return WB_ERROR;
    stream->streams_out = true;
    if (wb_http_exchange_start(stream, err) != WB_OK)
        return WB_ERROR;
    *ret = stream;
    stream = NULL;
    return WB_OK;
}

enum wb_rc wb_http_write(struct wb_http_stream *stream, struct wb_span bytes, struct wb_err *err)
{
    stream->out = bytes;
    if (!stream->is_done && wb_http_drive(stream, is_taken, err) != WB_OK)
        return WB_ERROR;
    if (stream->out.len == 0 && !stream->is_done)
        return WB_OK;
    if (stream->out.len == 0 && wb_http_is_ok(stream->reply))
        return WB_OK;
    stream->out.len = 0;
    return wb_http_error(stream->reply, err, "the server answered before it had everything");
}

static bool never(const struct wb_http_stream *stream)
{
    (void)stream;
    return false;
}

enum wb_rc wb_http_finish(struct wb_http_stream *stream, struct wb_http_reply *reply,
                          struct wb_err *err)
{
    int64_t wanted = stream->request.body_bytes;
    if (!stream->is_done && wanted >= 0 && stream->out_bytes != wanted)
        return wb_err_set(err, WB_CAT_INTERNAL, "a body has %lld bytes instead of %lld",
                          (long long)stream->out_bytes, (long long)wanted);
    stream->out_ended = true;
    if (!stream->is_done && wb_http_drive(stream, never, err) != WB_OK)
        return WB_ERROR;
    wb_http_reply_free(reply);
    *reply = stream->own_reply;
    stream->own_reply = (struct wb_http_reply){0};
    return WB_OK;
}

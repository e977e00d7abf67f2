#include "core/base/buf.h"

#include <stdio.h>
#include <stdlib.h>

int wb_span_cmp(struct wb_span a, struct wb_span b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    if (order)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

void wb_buf_free(struct wb_buf *buf)
{
    free(buf->data);
    buf->data = NULL;
    buf->len = buf->size = 0;
}

/* One byte more than `need`, so that wb_buf_cstr never fails for a buf at its cap. */
static enum wb_rc grow(struct wb_buf *buf, size_t need, struct wb_err *err)
{
    size_t size = buf->size ? buf->size : 64;
    while (size < need + 1)
        size *= 2;
    if (size > buf->cap + 1)
        size = buf->cap + 1;
    uint8_t *data = realloc(buf->data, size);
    if (!data) {
        (void)wb_err_set(err, WB_CAT_LIMIT, "out of memory for %zu bytes", size);
        err->retryable = true;
        return WB_ERROR;
    }
    buf->data = data;
    buf->size = size;
    return WB_OK;
}

enum wb_rc wb_buf_reserve(struct wb_buf *buf, size_t extra, struct wb_err *err)
{
    if (extra > buf->cap || buf->len > buf->cap - extra)
        return wb_err_set(err, WB_CAT_LIMIT, "buffer limit of %zu bytes reached", buf->cap);
    if (buf->len + extra + 1 <= buf->size)
        return WB_OK;
    return grow(buf, buf->len + extra, err);
}

enum wb_rc wb_buf_append(struct wb_buf *buf, struct wb_span bytes, struct wb_err *err)
{
    if (wb_buf_reserve(buf, bytes.len, err) != WB_OK)
        return WB_ERROR;
    if (bytes.len)
        memcpy(buf->data + buf->len, bytes.data, bytes.len);
    buf->len += bytes.len;
    return WB_OK;
}

enum wb_rc wb_buf_printf(struct wb_buf *buf, struct wb_err *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int need = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (need < 0)
        return wb_err_set(err, WB_CAT_INTERNAL, "bad format");
    if (wb_buf_reserve(buf, (size_t)need, err) != WB_OK)
        return WB_ERROR;
    va_start(args, fmt);
    (void)vsnprintf((char *)buf->data + buf->len, (size_t)need + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)need;
    return WB_OK;
}

const char *wb_buf_cstr(struct wb_buf *buf)
{
    struct wb_err err;
    if (buf->size <= buf->len && grow(buf, buf->len, &err) != WB_OK)
        return NULL;
    buf->data[buf->len] = 0;
    return (const char *)buf->data;
}

static void *or_die(void *memory)
{
    if (!memory) {
        (void)fputs("waybill: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *wb_xcalloc(size_t count, size_t size)
{
    return or_die(calloc(count ? count : 1, size ? size : 1));
}

char *wb_xstrdup(const char *text)
{
    return or_die(strdup(text));
}

void wb_free_ptr(void *pointer_to_pointer)
{
    void *pointer;
    memcpy(&pointer, pointer_to_pointer, sizeof(pointer));
    free(pointer);
}

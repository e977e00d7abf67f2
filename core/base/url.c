#include "core/base/url.h"

static bool is_unreserved(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

enum wb_rc wb_url_escape(struct wb_buf *buf, struct wb_span bytes, bool keep_slashes,
                         struct wb_err *err)
{
    static const char digits[] = "0123456789ABCDEF";
    if (bytes.len > buf->cap / 3)
        return wb_err_set(err, WB_CAT_LIMIT, "a name of %zu bytes is too long for a URL",
                          bytes.len);
    if (wb_buf_reserve(buf, 3 * bytes.len, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = bytes.data[i];
        if (is_unreserved(byte) || (keep_slashes && byte == '/')) {
            buf->data[buf->len++] = byte;
            continue;
        }
        buf->data[buf->len++] = '%';
        buf->data[buf->len++] = (uint8_t)digits[byte >> 4];
        buf->data[buf->len++] = (uint8_t)digits[byte & 15];
    }
    return WB_OK;
}

static int digit_of(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    uint8_t lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* -1 where there is no escape of a byte that a name may hold. */
static int byte_of(struct wb_span text, size_t at)
{
    if (text.data[at] != '%' || text.len - at < 3)
        return -1;
    int high = digit_of(text.data[at + 1]);
    int low = digit_of(text.data[at + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0))
        return -1;
    return high << 4 | low;
}

enum wb_rc wb_url_unescape(struct wb_buf *buf, struct wb_span text, struct wb_err *err)
{
    size_t before = buf->len;
    if (wb_buf_reserve(buf, text.len, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '%' && text.data[i]) {
            buf->data[buf->len++] = text.data[i];
            continue;
        }
        int byte = byte_of(text, i);
        if (byte < 0) {
            buf->len = before;
            return wb_err_set(err, WB_CAT_INVALID, "bad escape at byte %zu of a URL", i);
        }
        buf->data[buf->len++] = (uint8_t)byte;
        i += 2;
    }
    return WB_OK;
}

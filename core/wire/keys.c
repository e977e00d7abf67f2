#include "core/base/path.h"
#include "core/wire/records.h"

enum wb_rc wb_file_key(const char *node, struct wb_span path, struct wb_buf *out,
                       struct wb_err *err)
{
    if (wb_buf_reserve(out, strlen(node) + 1 + path.len, err) != WB_OK ||
        wb_buf_append(out, wb_span_str(node), err) != WB_OK ||
        wb_buf_append(out, wb_span_str(":"), err) != WB_OK)
        return WB_ERROR;
    return wb_buf_append(out, path, err);
}

enum wb_rc wb_replica_key(const char *target, const char *source, struct wb_span path,
                          struct wb_buf *out, struct wb_err *err)
{
    if (wb_buf_reserve(out, strlen(target) + strlen(source) + 2 + path.len, err) != WB_OK ||
        wb_buf_append(out, wb_span_str(target), err) != WB_OK ||
        wb_buf_append(out, wb_span_str("/"), err) != WB_OK)
        return WB_ERROR;
    return wb_file_key(source, path, out, err);
}

/* Takes the name before `end` off the front of `rest`. */
static bool take_name(struct wb_span *rest, char end, char name[64])
{
    const uint8_t *at = rest->len ? memchr(rest->data, end, rest->len) : NULL;
    size_t len = at ? (size_t)(at - rest->data) : 0;
    struct wb_err ignored;
    if (!at || len > 63)
        return false;
    memcpy(name, rest->data, len);
    name[len] = 0;
    *rest = wb_span_of(at + 1, rest->len - len - 1);
    return wb_name_check(name, &ignored) == WB_OK;
}

enum wb_rc wb_replica_key_parse(struct wb_span key, char target[64], char source[64],
                                struct wb_span *ret_path, struct wb_err *err)
{
    struct wb_span rest = key;
    if (!take_name(&rest, '/', target) || !take_name(&rest, ':', source))
        return wb_err_set(err, WB_CAT_INVALID, "key is not target/source:path");
    *ret_path = rest;
    return WB_OK;
}

#include "core/base/path.h"

#include <stdio.h>

static enum wb_rc part_check(struct wb_span part, bool first, struct wb_err *err)
{
    if (part.len == 0)
        return wb_err_set(err, WB_CAT_INVALID, "path has an empty part");
    if (wb_span_eq(part, wb_span_str(".")) || wb_span_eq(part, wb_span_str("..")))
        return wb_err_set(err, WB_CAT_INVALID, "path has a part \"%.*s\"", (int)part.len,
                          part.data);
    if (part.len > WB_PATH_PART_MAX)
        return wb_err_set(err, WB_CAT_INVALID, "path has a part of %zu bytes, more than %d",
                          part.len, WB_PATH_PART_MAX);
    if (first && wb_span_eq(part, wb_span_str(WB_STAGING_DIR)))
        return wb_err_set(err, WB_CAT_INVALID, "path is below \"%s\", which is not replicated",
                          WB_STAGING_DIR);
    return WB_OK;
}

static size_t part_end(struct wb_span path, size_t start)
{
    const uint8_t *slash = memchr(path.data + start, '/', path.len - start);
    return slash ? (size_t)(slash - path.data) : path.len;
}

enum wb_rc wb_path_check(struct wb_span path, struct wb_err *err)
{
    if (path.len == 0)
        return wb_err_set(err, WB_CAT_INVALID, "path is empty");
    if (path.len > WB_PATH_MAX)
        return wb_err_set(err, WB_CAT_INVALID, "path has %zu bytes, more than %d", path.len,
                          WB_PATH_MAX);
    if (path.data[0] == '/')
        return wb_err_set(err, WB_CAT_INVALID, "path is absolute");
    if (memchr(path.data, 0, path.len))
        return wb_err_set(err, WB_CAT_INVALID, "path holds a NUL byte");
    for (size_t start = 0; start <= path.len;) {
        size_t end = part_end(path, start);
        if (part_check(wb_span_of(path.data + start, end - start), start == 0, err) != WB_OK)
            return WB_ERROR;
        start = end + 1;
    }
    return WB_OK;
}

static bool name_char(char c, bool first)
{
    bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    return plain || (!first && (c == '.' || c == '_' || c == '-'));
}

enum wb_rc wb_name_check(const char *name, struct wb_err *err)
{
    size_t len = strlen(name);
    if (len == 0 || len > 63)
        return wb_err_set(err, WB_CAT_INVALID, "name has %zu bytes, must have 1 to 63", len);
    for (size_t i = 0; i < len; i++)
        if (!name_char(name[i], i == 0))
            return wb_err_set(err, WB_CAT_INVALID,
                              "name \"%s\" may hold only a-z 0-9 . _ - and begin with a letter or "
                              "digit",
                              name);
    return WB_OK;
}

enum wb_rc wb_path_split(const char *text, char node[64], struct wb_span *ret_path,
                         struct wb_err *err)
{
    const char *colon = strchr(text, ':');
    if (!colon || colon == text || colon - text > 63)
        return wb_err_set(err, WB_CAT_USAGE, "\"%s\" is not NODE:PATH", text);
    memcpy(node, text, (size_t)(colon - text));
    node[colon - text] = 0;
    if (wb_name_check(node, err) != WB_OK) {
        err->category = WB_CAT_USAGE;
        return WB_ERROR;
    }
    struct wb_span path = wb_span_str(colon + 1);
    if (path.len && path.data[path.len - 1] == '/')
        path.len--;
    *ret_path = path;
    return WB_OK;
}

/* Length of the UTF-8 sequence at `at` (RFC 3629), or 0 when there is none. */
static size_t utf8_length(const uint8_t *at, size_t left)
{
    static const struct {
        uint8_t mask, lead;
        size_t len;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 1, 0},
                 {0xe0, 0xc0, 2, 0x80},
                 {0xf0, 0xe0, 3, 0x800},
                 {0xf8, 0xf0, 4, 0x10000}};
    for (size_t form = 0; form < 4; form++) {
        if ((at[0] & forms[form].mask) != forms[form].lead)
            continue;
        if (forms[form].len > left)
            return 0;
        uint32_t code = at[0] & (uint8_t)~forms[form].mask;
        for (size_t i = 1; i < forms[form].len; i++) {
            if ((at[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (at[i] & 0x3f);
        }
        bool fine =
            code >= forms[form].least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        return fine ? forms[form].len : 0;
    }
    return 0;
}

bool wb_utf8_valid(struct wb_span bytes)
{
    for (size_t at = 0; at < bytes.len;) {
        if (bytes.data[at] < 0x80) {
            at++;
            continue;
        }
        size_t len = utf8_length(bytes.data + at, bytes.len - at);
        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

/* What one character looks like: as it is, or escaped. At most 4 bytes. */
static size_t show_one(const uint8_t *at, size_t left, char piece[8], size_t *ret_taken)
{
    size_t len = utf8_length(at, left);
    *ret_taken = len ? len : 1;
    bool c1 = len == 2 && at[0] == 0xc2 && at[1] < 0xa0;
    if (len == 0 || at[0] < 0x20 || at[0] == 0x7f || c1) {
        *ret_taken = 1;
        return (size_t)snprintf(piece, 8, "\\x%02x", at[0]);
    }
    if (at[0] == '\\')
        return (size_t)snprintf(piece, 8, "\\\\");
    memcpy(piece, at, len);
    return len;
}

const char *wb_path_show(struct wb_span path, char *out, size_t size)
{
    static const char dots[] = "…";
    size_t used = 0;
    for (size_t at = 0; at < path.len;) {
        char piece[8];
        size_t taken;
        size_t len = show_one(path.data + at, path.len - at, piece, &taken);
        if (used + len + sizeof(dots) > size) {
            memcpy(out + used, dots, sizeof(dots));
            return out;
        }
        memcpy(out + used, piece, len);
        used += len;
        at += taken;
    }
    out[used] = 0;
    return out;
}

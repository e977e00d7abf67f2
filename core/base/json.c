#include "core/base/json.h"

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/path.h"

enum { NAME_MAX_BYTES = 64, BYTES_MAX = 1024 * 1024 };

void wb_json_free(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

void wb_json_set_bytes(json_t *object, const char *name, struct wb_span bytes)
{
    struct wb_err err;
    char other[NAME_MAX_BYTES];
    if (wb_utf8_valid(bytes) && !memchr(bytes.data ? (const void *)bytes.data : "", 0, bytes.len)) {
        (void)json_object_set_new(object, name, json_stringn((const char *)bytes.data, bytes.len));
        return;
    }
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(2 * BYTES_MAX);
    (void)snprintf(other, sizeof(other), "%s_b64", name);
    if (wb_base64_append(&text, bytes, &err) == WB_OK)
        (void)json_object_set_new(object, other, json_stringn((const char *)text.data, text.len));
}

enum wb_rc wb_json_get_bytes(const json_t *object, const char *name, struct wb_buf *ret,
                             struct wb_err *err)
{
    char other[NAME_MAX_BYTES];
    (void)snprintf(other, sizeof(other), "%s_b64", name);
    const json_t *plain = json_object_get(object, name);
    const json_t *encoded = json_object_get(object, other);
    if (!plain && !encoded)
        return wb_err_set(err, WB_CAT_NOT_FOUND, "field \"%s\" is missing", name);
    const json_t *value = plain ? plain : encoded;
    if (!json_is_string(value))
        return wb_err_set(err, WB_CAT_INVALID, "field \"%s\" is not a string", name);
    struct wb_span text = wb_span_of(json_string_value(value), json_string_length(value));
    return plain ? wb_buf_append(ret, text, err) : wb_base64_parse(text, ret, err);
}

void wb_json_set_int(json_t *object, const char *name, int64_t value)
{
    (void)json_object_set_new(object, name, json_integer(value));
}

void wb_json_set_str(json_t *object, const char *name, const char *value)
{
    (void)json_object_set_new(object, name, value ? json_string(value) : json_null());
}

void wb_json_set_hex(json_t *object, const char *name, struct wb_span bytes)
{
    char text[129];
    if (bytes.len == 0 || bytes.len > 64)
        return;
    wb_hex_format(bytes, text);
    wb_json_set_str(object, name, text);
}

void wb_json_set_time(json_t *object, const char *name, int64_t wall_ms)
{
    char text[32];
    if (wall_ms == 0)
        return;
    wb_clock_format(wall_ms, text);
    wb_json_set_str(object, name, text);
}

bool wb_json_write(FILE *out, const json_t *json, int indent)
{
    size_t flags = indent > 0 ? JSON_INDENT((size_t)indent) : JSON_COMPACT;
    flags |= JSON_REAL_PRECISION(6); /* what is measured: 0.020358, not 0.020358000000000001 */
    return json_dumpf(json, out, flags) == 0 && fputc('\n', out) != EOF;
}

enum wb_rc wb_json_parse(struct wb_span text, size_t cap, json_t **ret, struct wb_err *err)
{
    json_error_t why;
    if (text.len > cap)
        return wb_err_set(err, WB_CAT_INVALID, "json of %zu bytes, more than %zu", text.len, cap);
    size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
    json_t *json = json_loadb((const char *)text.data, text.len, flags, &why);
    if (!json)
        return wb_err_set(err, WB_CAT_INVALID, "not json at line %d column %d: %s", why.line,
                          why.column, why.text);
    *ret = json;
    return WB_OK;
}

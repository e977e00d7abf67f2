/* Writing follows our own tables, whose order is that of the schemas: no lookups, no allocation. */
#include "core/wire/fields.h"

static enum wb_rc put_long(struct wb_buf *out, int64_t value, struct wb_err *err)
{
    uint64_t bits = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    size_t len = (size_t)(70 - __builtin_clzll(bits | 1)) / 7; /* seven bits a byte */
    if (wb_buf_reserve(out, len, err) != WB_OK)
        return WB_ERROR;
    for (; bits >= 0x80; bits >>= 7)
        out->data[out->len++] = (uint8_t)(bits | 0x80);
    out->data[out->len++] = (uint8_t)bits;
    return WB_OK;
}

static enum wb_rc put_bytes(struct wb_buf *out, struct wb_span bytes, struct wb_err *err)
{
    if (put_long(out, (int64_t)bytes.len, err) != WB_OK)
        return WB_ERROR;
    return wb_buf_append(out, bytes, err);
}

/* Index of a union of null and one other type. */
static enum wb_rc put_branch(struct wb_buf *out, bool present, struct wb_err *err)
{
    return put_long(out, present ? 1 : 0, err);
}

static enum wb_rc put_optional(struct wb_buf *out, struct wb_span bytes, struct wb_err *err)
{
    if (put_branch(out, bytes.len > 0, err) != WB_OK)
        return WB_ERROR;
    return bytes.len ? put_bytes(out, bytes, err) : WB_OK;
}

static enum wb_rc put_optional_long(struct wb_buf *out, int64_t value, struct wb_err *err)
{
    if (put_branch(out, value >= 0, err) != WB_OK)
        return WB_ERROR;
    return value >= 0 ? put_long(out, value, err) : WB_OK;
}

static enum wb_rc put_records(const struct wb_field *field, const char *items, size_t count,
                              struct wb_buf *out, struct wb_err *err)
{
    if (count && put_long(out, (int64_t)count, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++)
        if (wb_avro_write(field->fields, items + i * field->size, out, err) != WB_OK)
            return WB_ERROR;
    return put_long(out, 0, err);
}

static enum wb_rc put_texts(const char *const *items, size_t count, struct wb_buf *out,
                            struct wb_err *err)
{
    if (count && put_long(out, (int64_t)count, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++)
        if (put_bytes(out, wb_span_str(items[i]), err) != WB_OK)
            return WB_ERROR;
    return put_long(out, 0, err);
}

static enum wb_rc put_pairs(const struct wb_pair *pairs, size_t count, struct wb_buf *out,
                            struct wb_err *err)
{
    if (count && put_long(out, (int64_t)count, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++)
        if (put_bytes(out, wb_span_str(pairs[i].key), err) != WB_OK ||
            put_bytes(out, wb_span_str(pairs[i].value), err) != WB_OK)
            return WB_ERROR;
    return put_long(out, 0, err);
}

static enum wb_rc put_nested(const struct wb_field *field, const void *nested, struct wb_buf *out,
                             struct wb_err *err)
{
    if (put_branch(out, nested != NULL, err) != WB_OK)
        return WB_ERROR;
    return nested ? wb_avro_write(field->fields, nested, out, err) : WB_OK;
}

static size_t count_of(const struct wb_field *field, const void *base)
{
    return *(const size_t *)(const void *)((const char *)base + field->count_offset);
}

static enum wb_rc put_number(const struct wb_field *field, const void *at, struct wb_buf *out,
                             struct wb_err *err)
{
    uint8_t byte;
    switch (field->kind) {
    case WB_FIELD_INT:
        return put_long(out, *(const int32_t *)at, err);
    case WB_FIELD_LONG:
        return put_long(out, *(const int64_t *)at, err);
    case WB_FIELD_LONG_OR_NULL:
        return put_optional_long(out, *(const int64_t *)at, err);
    case WB_FIELD_BOOL:
        byte = *(const bool *)at;
        return wb_buf_append(out, wb_span_of(&byte, 1), err);
    default:
        return put_long(out, *(const int *)at, err); /* WB_FIELD_ENUM */
    }
}

static enum wb_rc put_field(const struct wb_field *field, const void *base, struct wb_buf *out,
                            struct wb_err *err)
{
    const void *at = (const char *)base + field->offset;
    switch (field->kind) {
    case WB_FIELD_TEXT:
        return put_bytes(out, wb_span_str(*(const char *const *)at), err);
    case WB_FIELD_TEXT_OR_NULL:
        return put_optional(out, wb_span_str(*(const char *const *)at), err);
    case WB_FIELD_CHARS:
        return put_bytes(out, wb_span_str(at), err);
    case WB_FIELD_BYTES:
        return put_bytes(out, *(const struct wb_span *)at, err);
    case WB_FIELD_BYTES_OR_NULL:
        return put_optional(out, *(const struct wb_span *)at, err);
    case WB_FIELD_RECORD:
        return wb_avro_write(field->fields, at, out, err);
    case WB_FIELD_RECORD_OR_NULL:
        return put_nested(field, *(void *const *)at, out, err);
    case WB_FIELD_RECORDS:
        return put_records(field, *(const char *const *)at, count_of(field, base), out, err);
    case WB_FIELD_TEXTS:
        return put_texts(*(const char *const *const *)at, count_of(field, base), out, err);
    case WB_FIELD_MAP:
        return put_pairs(*(struct wb_pair *const *)at, count_of(field, base), out, err);
    default:
        return put_number(field, at, out, err);
    }
}

enum wb_rc wb_avro_write(const struct wb_field *fields, const void *base, struct wb_buf *out,
                         struct wb_err *err)
{
    for (const struct wb_field *field = fields; field->name; field++)
        if (put_field(field, base, out, err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

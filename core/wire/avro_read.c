/* The bounded walk of a writer's schema over bytes that nobody vouches for. Each length is checked
 * against what is left before it is used; the depth is that of the schema, which is bounded; the
 * memory is counted, so that a record takes a bounded multiple of its bytes. */
#include <avro.h>

#include "core/base/path.h"
#include "core/wire/avro_plan.h"
#include "core/wire/codec.h"

struct reader {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    struct wb_arena *arena;
    struct wb_err *err;
    size_t items;  /* of all arrays and maps of the record */
    size_t budget; /* bytes that may still be taken from the arena */
};

void wb_fields_init(const struct wb_field *fields, size_t size, void *base)
{
    memset(base, 0, size);
    for (const struct wb_field *field = fields; field->name; field++) {
        void *at = wb_field_at(field, base);
        if (field->kind == WB_FIELD_TEXT || field->kind == WB_FIELD_TEXT_OR_NULL)
            *(const char **)at = "";
        else if (field->kind == WB_FIELD_LONG_OR_NULL)
            *(int64_t *)at = -1;
        else if (field->kind == WB_FIELD_RECORD)
            wb_fields_init(field->fields, field->size, at);
    }
}

const char *wb_symbol_name(const char *const *symbols, int index)
{
    for (int i = 0; symbols[i]; i++)
        if (i == index)
            return symbols[i];
    return symbols[0];
}

int wb_symbol_index(const char *const *symbols, const char *name)
{
    for (int i = 0; symbols[i]; i++)
        if (strcmp(symbols[i], name) == 0)
            return i;
    return 0;
}

static enum wb_rc broken(struct reader *reader, const char *what)
{
    return wb_err_set(reader->err, WB_CAT_INVALID, "record broken at byte %zu: %s",
                      (size_t)(reader->at - reader->start), what);
}

static enum wb_rc get_long(struct reader *reader, int64_t *ret)
{
    uint64_t bits = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (reader->at == reader->end)
            return broken(reader, "ends within a number");
        uint8_t byte = *reader->at++;
        bits |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return WB_OK;
        }
    }
    return broken(reader, "number too long");
}

static enum wb_rc get_span(struct reader *reader, int64_t len, struct wb_span *ret)
{
    if (len < 0 || len > reader->end - reader->at)
        return broken(reader, "length runs past the end");
    *ret = wb_span_of(reader->at, (size_t)len);
    reader->at += len;
    return WB_OK;
}

static enum wb_rc get_bytes(struct reader *reader, struct wb_span *ret)
{
    int64_t len;
    return get_long(reader, &len) == WB_OK ? get_span(reader, len, ret) : WB_ERROR;
}

/* NULL, with the error set, when the record has had its share. */
static void *take(struct reader *reader, size_t size)
{
    size_t rounded = wb_arena_rounded(size);
    if (rounded > reader->budget) {
        (void)broken(reader, "takes too much memory");
        return NULL;
    }
    reader->budget -= rounded;
    return wb_arena_alloc(reader->arena, size);
}

static enum wb_rc get_text(struct reader *reader, const char **ret)
{
    struct wb_span bytes;
    if (get_bytes(reader, &bytes) != WB_OK)
        return WB_ERROR;
    if (bytes.len && memchr(bytes.data, 0, bytes.len))
        return broken(reader, "text holds a NUL byte");
    if (!wb_utf8_valid(bytes))
        return broken(reader, "text is not UTF-8");
    *ret = "";
    if (bytes.len == 0)
        return WB_OK;
    char *copy = take(reader, bytes.len + 1);
    if (!copy)
        return WB_ERROR;
    *ret = memcpy(copy, bytes.data, bytes.len);
    return WB_OK;
}

static enum wb_rc store_bytes(struct reader *reader, const struct wb_field *field, void *base,
                              bool text)
{
    struct wb_span bytes;
    const uint8_t *before = reader->at;
    if (get_bytes(reader, &bytes) != WB_OK)
        return WB_ERROR;
    void *at = field ? wb_field_at(field, base) : NULL;
    if (!field)
        return WB_OK;
    switch (field->kind) {
    case WB_FIELD_BYTES:
    case WB_FIELD_BYTES_OR_NULL:
        *(struct wb_span *)at = bytes;
        return WB_OK;
    case WB_FIELD_TEXT:
    case WB_FIELD_TEXT_OR_NULL:
        reader->at = before;
        return text ? get_text(reader, at) : broken(reader, "bytes where text belongs");
    case WB_FIELD_CHARS:
        if (bytes.len >= field->size)
            bytes.len = field->size - 1;
        memcpy(at, bytes.data, bytes.len);
        return WB_OK;
    default:
        return broken(reader, "text where something else belongs");
    }
}

static enum wb_rc store_long(struct reader *reader, const struct wb_field *field, void *base)
{
    int64_t value;
    if (get_long(reader, &value) != WB_OK)
        return WB_ERROR;
    if (!field)
        return WB_OK;
    void *at = wb_field_at(field, base);
    if (field->kind == WB_FIELD_LONG || field->kind == WB_FIELD_LONG_OR_NULL)
        *(int64_t *)at = value;
    else if (field->kind == WB_FIELD_INT && value >= INT32_MIN && value <= INT32_MAX)
        *(int32_t *)at = (int32_t)value;
    else
        return broken(reader, "number where something else belongs");
    return WB_OK;
}

static enum wb_rc store_bool(struct reader *reader, const struct wb_field *field, void *base)
{
    struct wb_span byte = {0};
    if (get_span(reader, 1, &byte) != WB_OK)
        return WB_ERROR;
    if (byte.data[0] > 1)
        return broken(reader, "boolean is neither 0 nor 1");
    if (field && field->kind != WB_FIELD_BOOL)
        return broken(reader, "boolean where something else belongs");
    if (field)
        *(bool *)wb_field_at(field, base) = byte.data[0];
    return WB_OK;
}

static enum wb_rc store_enum(struct reader *reader, const struct wb_plan_node *node, void *base)
{
    int64_t index;
    if (get_long(reader, &index) != WB_OK)
        return WB_ERROR;
    if (index < 0 || index >= node->symbol_count)
        return broken(reader, "enum index out of range");
    if (node->field && node->field->kind == WB_FIELD_ENUM)
        *(int *)wb_field_at(node->field, base) = node->symbol_values[index];
    return WB_OK;
}

static enum wb_rc read_node(struct reader *reader, const struct wb_plan_node *node, void *base);

static enum wb_rc read_fields(struct reader *reader, const struct wb_plan_node *node, void *base)
{
    for (size_t i = 0; i < node->count; i++)
        if (read_node(reader, node->children[i], base) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

static enum wb_rc store_record(struct reader *reader, const struct wb_plan_node *node, void *base)
{
    const struct wb_field *field = node->field;
    if (!field)
        return read_fields(reader, node, NULL);
    void *at = wb_field_at(field, base);
    if (field->kind == WB_FIELD_RECORD)
        return read_fields(reader, node, at);
    if (field->kind != WB_FIELD_RECORD_OR_NULL)
        return broken(reader, "record where something else belongs");
    void *nested = take(reader, field->size);
    if (!nested)
        return WB_ERROR;
    wb_fields_init(field->fields, field->size, nested);
    *(void **)at = nested;
    return read_fields(reader, node, nested);
}

/* Number of items of the next block; 0 ends. An item takes at least one byte in every schema of
 * ours; for those skipped the total is bounded all the same, so that nothing spins. */
static enum wb_rc get_block(struct reader *reader, int64_t *ret_count)
{
    int64_t count;
    int64_t size;
    if (get_long(reader, &count) != WB_OK)
        return WB_ERROR;
    if (count < 0) {
        if (count == INT64_MIN || get_long(reader, &size) != WB_OK)
            return broken(reader, "bad block");
        count = -count;
    }
    if (count > WB_RECORD_ITEMS_MAX - (int64_t)reader->items)
        return broken(reader, "too many items");
    if (count > reader->end - reader->at)
        return broken(reader, "more items than bytes");
    reader->items += (size_t)count;
    *ret_count = count;
    return WB_OK;
}

/* Passes over the items of all blocks and counts them. */
static enum wb_rc skip_items(struct reader *reader, const struct wb_plan_node *node,
                             size_t *ret_total)
{
    int64_t count;
    struct wb_span key;
    bool keyed = node->type == AVRO_MAP;
    *ret_total = 0;
    do {
        if (get_block(reader, &count) != WB_OK)
            return WB_ERROR;
        *ret_total += (size_t)count;
        for (int64_t i = 0; i < count; i++)
            if ((keyed && get_bytes(reader, &key) != WB_OK) ||
                read_node(reader, node->children[0], NULL) != WB_OK)
                return WB_ERROR;
    } while (count > 0);
    return WB_OK;
}

static enum wb_rc read_item(struct reader *reader, const struct wb_plan_node *node, void *item)
{
    const struct wb_field *field = node->field;
    struct wb_pair *pair = item;
    const struct wb_plan_node *type = node->children[0];
    switch (field->kind) {
    case WB_FIELD_RECORDS:
        if (type->type != AVRO_RECORD)
            return broken(reader, "items are no records");
        wb_fields_init(field->fields, field->size, item);
        return read_fields(reader, type, item);
    case WB_FIELD_TEXTS:
        return type->type == AVRO_STRING ? get_text(reader, item)
                                         : broken(reader, "items are no texts");
    default:
        if (type->type != AVRO_STRING || get_text(reader, &pair->key) != WB_OK)
            return broken(reader, "bad pair");
        return get_text(reader, &pair->value);
    }
}

static size_t item_size(const struct wb_field *field)
{
    if (field->kind == WB_FIELD_RECORDS)
        return field->size;
    return field->kind == WB_FIELD_TEXTS ? sizeof(char *) : sizeof(struct wb_pair);
}

/* Where items come in many blocks their number is known only behind the last one: they are counted
 * first, so that they take what they need and no more. */
static enum wb_rc store_items(struct reader *reader, const struct wb_plan_node *node, void *base)
{
    const struct wb_field *field = node->field;
    size_t *total = (void *)((char *)base + field->count_offset);
    size_t size = item_size(field);
    struct reader ahead = *reader;
    int64_t count;
    size_t whole;
    if (skip_items(&ahead, node, &whole) != WB_OK)
        return WB_ERROR;
    char *items = take(reader, whole * size);
    if (!items)
        return WB_ERROR;
    *(void **)wb_field_at(field, base) = items;
    *total = 0;
    do {
        if (get_block(reader, &count) != WB_OK)
            return WB_ERROR;
        for (int64_t i = 0; i < count; i++, (*total)++)
            if (read_item(reader, node, items + *total * size) != WB_OK)
                return WB_ERROR;
    } while (count > 0);
    return WB_OK;
}

static enum wb_rc read_items(struct reader *reader, const struct wb_plan_node *node, void *base)
{
    const struct wb_field *field = node->field;
    size_t ignored;
    if (!field || !base)
        return skip_items(reader, node, &ignored);
    bool fits = node->type == AVRO_MAP
                    ? field->kind == WB_FIELD_MAP
                    : field->kind == WB_FIELD_RECORDS || field->kind == WB_FIELD_TEXTS;
    return fits ? store_items(reader, node, base) : broken(reader, "items where a value belongs");
}

static enum wb_rc read_union(struct reader *reader, const struct wb_plan_node *node, void *base)
{
    int64_t branch;
    if (get_long(reader, &branch) != WB_OK)
        return WB_ERROR;
    if (branch < 0 || branch >= (int64_t)node->count)
        return broken(reader, "union branch out of range");
    return read_node(reader, node->children[branch], base);
}

static enum wb_rc read_node(struct reader *reader, const struct wb_plan_node *node, void *base)
{
    struct wb_span skipped;
    const struct wb_field *field = base ? node->field : NULL;
    switch (node->type) {
    case AVRO_STRING:
    case AVRO_BYTES:
        return store_bytes(reader, field, base, node->type == AVRO_STRING);
    case AVRO_INT32:
    case AVRO_INT64:
        return store_long(reader, field, base);
    case AVRO_BOOLEAN:
        return store_bool(reader, field, base);
    case AVRO_NULL:
        return WB_OK;
    case AVRO_FLOAT:
        return get_span(reader, 4, &skipped);
    case AVRO_DOUBLE:
        return get_span(reader, 8, &skipped);
    case AVRO_FIXED:
        return get_span(reader, node->fixed_size, &skipped);
    case AVRO_ENUM:
        return base ? store_enum(reader, node, base) : store_long(reader, NULL, NULL);
    case AVRO_ARRAY:
    case AVRO_MAP:
        return read_items(reader, node, base);
    case AVRO_UNION:
        return read_union(reader, node, base);
    case AVRO_RECORD:
        return base ? store_record(reader, node, base) : read_fields(reader, node, NULL);
    default:
        return broken(reader, "type not known");
    }
}

enum wb_rc wb_avro_read(const struct wb_plan_node *plan, const struct wb_record_row *row,
                        struct wb_span bytes, struct wb_arena *arena, void **ret_record,
                        struct wb_err *err)
{
    struct reader reader = {.start = bytes.data,
                            .at = bytes.data,
                            .end = bytes.data + bytes.len,
                            .arena = arena,
                            .err = err,
                            .budget = wb_decoded_most(bytes.len)};
    void *record = take(&reader, row->size);
    if (!record)
        return WB_ERROR;
    wb_fields_init(row->fields, row->size, record);
    if (read_fields(&reader, plan, record) != WB_OK)
        return WB_ERROR;
    if (reader.at != reader.end)
        return broken(&reader, "bytes left over");
    *ret_record = record;
    return WB_OK;
}

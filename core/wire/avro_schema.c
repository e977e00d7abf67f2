/* Parsing Canonical Form and CRC-64-AVRO (Avro 1.11 spec, "Parsing Canonical Form for Schemas" and
 * "Schema Fingerprints"), which avro-c lacks. */
#include <stdio.h>

#include "core/base/json.h"
#include "core/wire/codec.h"

enum { CANONICAL_MAX = 1024 * 1024, DEPTH_MAX = 32, NAME_MAX_BYTES = 512 };

struct canon {
    struct wb_buf out;
    struct wb_err *err;
};

static enum wb_rc put_schema(struct canon *canon, const json_t *schema, const char *space,
                             int depth);

static bool is_primitive(const char *name)
{
    static const char *const names[] = {"null",  "boolean", "int",   "long",
                                        "float", "double",  "bytes", "string"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static enum wb_rc put(struct canon *canon, const char *text)
{
    return wb_buf_append(&canon->out, wb_span_str(text), canon->err);
}

static enum wb_rc put_quoted(struct canon *canon, const char *text)
{
    return wb_buf_printf(&canon->out, canon->err, "\"%s\"", text);
}

static enum wb_rc put_name(struct canon *canon, const char *name, const char *space)
{
    if (is_primitive(name) || strchr(name, '.') || !*space)
        return put_quoted(canon, name);
    return wb_buf_printf(&canon->out, canon->err, "\"%s.%s\"", space, name);
}

static enum wb_rc put_fields(struct canon *canon, const json_t *fields, const char *space,
                             int depth)
{
    size_t index;
    const json_t *field;
    if (put(canon, ",\"fields\":[") != WB_OK)
        return WB_ERROR;
    json_array_foreach(fields, index, field)
    {
        const char *name = json_string_value(json_object_get(field, "name"));
        if (!name)
            return wb_err_set(canon->err, WB_CAT_INVALID, "schema has a field without a name");
        if (wb_buf_printf(&canon->out, canon->err, "%s{\"name\":\"%s\",\"type\":", index ? "," : "",
                          name) != WB_OK ||
            put_schema(canon, json_object_get(field, "type"), space, depth + 1) != WB_OK ||
            put(canon, "}") != WB_OK)
            return WB_ERROR;
    }
    return put(canon, "]");
}

static enum wb_rc put_symbols(struct canon *canon, const json_t *symbols)
{
    size_t index;
    const json_t *symbol;
    if (put(canon, ",\"symbols\":[") != WB_OK)
        return WB_ERROR;
    json_array_foreach(symbols, index, symbol)
    {
        const char *text = json_string_value(symbol);
        if (!text || put(canon, index ? "," : "") != WB_OK || put_quoted(canon, text) != WB_OK)
            return wb_err_set(canon->err, WB_CAT_INVALID, "schema has a symbol that is no text");
    }
    return put(canon, "]");
}

/* record, enum, fixed: `name` (full), `type`, then what belongs to each. */
static enum wb_rc put_named(struct canon *canon, const json_t *schema, const char *type,
                            const char *space, int depth)
{
    const char *name = json_string_value(json_object_get(schema, "name"));
    const char *own = json_string_value(json_object_get(schema, "namespace"));
    char inner[NAME_MAX_BYTES];
    if (!name)
        return wb_err_set(canon->err, WB_CAT_INVALID, "schema has a type without a name");
    const char *dot = strrchr(name, '.');
    int len = dot ? (int)(dot - name) : (int)strlen(own ? own : space);
    (void)snprintf(inner, sizeof(inner), "%.*s", len, dot ? name : own ? own : space);
    if (put(canon, "{\"name\":") != WB_OK || put_name(canon, name, inner) != WB_OK ||
        wb_buf_printf(&canon->out, canon->err, ",\"type\":\"%s\"", type) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = WB_OK;
    if (strcmp(type, "record") == 0)
        rc = put_fields(canon, json_object_get(schema, "fields"), inner, depth);
    else if (strcmp(type, "enum") == 0)
        rc = put_symbols(canon, json_object_get(schema, "symbols"));
    else
        rc = wb_buf_printf(&canon->out, canon->err, ",\"size\":%lld",
                           (long long)json_integer_value(json_object_get(schema, "size")));
    return rc == WB_OK ? put(canon, "}") : WB_ERROR;
}

static enum wb_rc put_container(struct canon *canon, const json_t *schema, const char *type,
                                const char *member, const char *space, int depth)
{
    if (wb_buf_printf(&canon->out, canon->err, "{\"type\":\"%s\",\"%s\":", type, member) != WB_OK ||
        put_schema(canon, json_object_get(schema, member), space, depth + 1) != WB_OK)
        return WB_ERROR;
    return put(canon, "}");
}

static enum wb_rc put_object(struct canon *canon, const json_t *schema, const char *space,
                             int depth)
{
    const json_t *type = json_object_get(schema, "type");
    const char *name = json_string_value(type);
    if (!name)
        return put_schema(canon, type, space, depth + 1);
    if (strcmp(name, "record") == 0 || strcmp(name, "enum") == 0 || strcmp(name, "fixed") == 0)
        return put_named(canon, schema, name, space, depth);
    if (strcmp(name, "array") == 0)
        return put_container(canon, schema, name, "items", space, depth);
    if (strcmp(name, "map") == 0)
        return put_container(canon, schema, name, "values", space, depth);
    return put_name(canon, name, space);
}

static enum wb_rc put_union(struct canon *canon, const json_t *schema, const char *space, int depth)
{
    size_t index;
    const json_t *branch;
    if (put(canon, "[") != WB_OK)
        return WB_ERROR;
    json_array_foreach(schema, index, branch)
    {
        if (put(canon, index ? "," : "") != WB_OK ||
            put_schema(canon, branch, space, depth + 1) != WB_OK)
            return WB_ERROR;
    }
    return put(canon, "]");
}

static enum wb_rc put_schema(struct canon *canon, const json_t *schema, const char *space,
                             int depth)
{
    if (depth > DEPTH_MAX)
        return wb_err_set(canon->err, WB_CAT_INVALID, "schema nests deeper than %d", DEPTH_MAX);
    if (json_is_string(schema))
        return put_name(canon, json_string_value(schema), space);
    if (json_is_array(schema))
        return put_union(canon, schema, space, depth);
    if (json_is_object(schema))
        return put_object(canon, schema, space, depth);
    return wb_err_set(canon->err, WB_CAT_INVALID, "schema has a type that is none");
}

/* The table of the spec, one entry computed at a time: schemas are fingerprinted once. */
static uint64_t crc64_avro(struct wb_span bytes)
{
    const uint64_t empty = 0xc15d213aa4d7a795ULL;
    uint64_t crc = empty;
    for (size_t i = 0; i < bytes.len; i++) {
        uint64_t entry = (crc ^ bytes.data[i]) & 0xff;
        for (int bit = 0; bit < 8; bit++)
            entry = (entry >> 1) ^ (empty & (0 - (entry & 1)));
        crc = (crc >> 8) ^ entry;
    }
    return crc;
}

static void canon_free(struct canon *canon)
{
    wb_buf_free(&canon->out);
}

enum wb_rc wb_schema_fingerprint(struct wb_span json, uint64_t *ret, struct wb_err *err)
{
    json_t *schema WB_AUTO(wb_json_free) = NULL;
    struct canon canon WB_AUTO(canon_free) = {.out = wb_buf_make(CANONICAL_MAX), .err = err};
    if (wb_json_parse(json, CANONICAL_MAX, &schema, err) != WB_OK ||
        put_schema(&canon, schema, "", 0) != WB_OK)
        return WB_ERROR;
    *ret = crc64_avro(wb_buf_span(&canon.out));
    return WB_OK;
}

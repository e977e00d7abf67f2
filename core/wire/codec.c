/* Framing and the store of writers' schemas. */
#include "core/wire/codec.h"

#include <stdlib.h>

#include "core/wire/fields.h"
#include "wb_schemas_data.h"

enum { SCHEMAS_MAX = 128, MAGIC_CONFLUENT = 0x00, HEAD_CONFLUENT = 5, HEAD_SINGLE = 10 };

static const uint8_t magic_single[2] = {0xc3, 0x01};

struct schema {
    enum wb_record_type type;
    int32_t id; /* Confluent; -1: none */
    uint64_t fingerprint;
    struct wb_plan_node *plan;
};

struct wb_codec {
    struct schema schemas[SCHEMAS_MAX];
    size_t count;
    uint64_t own[WB_RECORD_TYPE_COUNT]; /* fingerprints that we write */
};

struct embedded {
    enum wb_record_type type;
    const char *json;
};

static const struct embedded embedded[] = {
    {WB_RECORD_FILE_EVENT, wb_schema_file_event},
    {WB_RECORD_TASK, wb_schema_task},
    {WB_RECORD_TRANSFER, wb_schema_transfer},
    {WB_RECORD_VERDICT, wb_schema_verdict},
    {WB_RECORD_JOB, wb_schema_job},
    {WB_RECORD_REPLICA, wb_schema_replica},
    {WB_RECORD_DEAD_LETTER, wb_schema_dead_letter},
    {WB_RECORD_NODE, wb_schema_node},
    {WB_RECORD_RULE, wb_schema_rule},
    {WB_RECORD_SETTING, wb_schema_setting},
    {WB_RECORD_NODE_HEALTH, wb_schema_node_health},
};

enum wb_rc wb_codec_add_schema(struct wb_codec *codec, int32_t id, struct wb_span json,
                               struct wb_err *err)
{
    if (codec->count == SCHEMAS_MAX)
        return wb_err_set(err, WB_CAT_LIMIT, "more than %d schemas", SCHEMAS_MAX);
    struct schema *schema = &codec->schemas[codec->count];
    if (wb_schema_fingerprint(json, &schema->fingerprint, err) != WB_OK ||
        wb_avro_compile(json, &schema->plan, &schema->type, err) != WB_OK)
        return WB_ERROR;
    schema->id = id;
    codec->count++;
    return WB_OK;
}

enum wb_rc wb_codec_new(struct wb_codec **ret, struct wb_err *err)
{
    struct wb_codec *codec WB_AUTO(wb_codec_free) = wb_xcalloc(1, sizeof(*codec));
    for (size_t i = 0; i < sizeof(embedded) / sizeof(embedded[0]); i++) {
        if (wb_codec_add_schema(codec, -1, wb_span_str(embedded[i].json), err) != WB_OK)
            return wb_err_prefix(err, "schema of %s", wb_record_row(embedded[i].type)->name);
        codec->own[embedded[i].type] = codec->schemas[codec->count - 1].fingerprint;
    }
    *ret = codec;
    codec = NULL;
    return WB_OK;
}

void wb_codec_free(struct wb_codec **codec)
{
    if (!*codec)
        return;
    for (size_t i = 0; i < (*codec)->count; i++)
        wb_avro_plan_free(&(*codec)->schemas[i].plan);
    free(*codec);
    *codec = NULL;
}

enum wb_rc wb_codec_encode(struct wb_codec *codec, enum wb_record_type type, const void *record,
                           struct wb_buf *out, struct wb_err *err)
{
    uint8_t head[HEAD_SINGLE] = {magic_single[0], magic_single[1]};
    size_t before = out->len;
    for (unsigned i = 0; i < 8; i++)
        head[2 + i] = (uint8_t)(codec->own[type] >> (8 * i));
    if (wb_buf_append(out, wb_span_of(head, sizeof(head)), err) != WB_OK ||
        wb_avro_write(wb_record_row(type)->fields, record, out, err) != WB_OK) {
        out->len = before;
        return WB_ERROR;
    }
    if (out->len - before > WB_RECORD_MAX) {
        out->len = before;
        return wb_err_set(err, WB_CAT_LIMIT, "record larger than %d bytes", WB_RECORD_MAX);
    }
    return WB_OK;
}

static const struct schema *by_id(const struct wb_codec *codec, int32_t id)
{
    for (size_t i = 0; i < codec->count; i++)
        if (codec->schemas[i].id == id && id >= 0)
            return &codec->schemas[i];
    return NULL;
}

static const struct schema *by_fingerprint(const struct wb_codec *codec, uint64_t fingerprint)
{
    for (size_t i = 0; i < codec->count; i++)
        if (codec->schemas[i].fingerprint == fingerprint)
            return &codec->schemas[i];
    return NULL;
}

/* Finds the writer's schema; `ret_head` is the length of the frame's head. */
static enum wb_rc schema_of(const struct wb_codec *codec, struct wb_span bytes,
                            const struct schema **ret, size_t *ret_head, struct wb_err *err)
{
    if (bytes.len >= HEAD_CONFLUENT && bytes.data[0] == MAGIC_CONFLUENT) {
        uint32_t id = (uint32_t)bytes.data[1] << 24 | (uint32_t)bytes.data[2] << 16 |
                      (uint32_t)bytes.data[3] << 8 | bytes.data[4];
        *ret = by_id(codec, (int32_t)id);
        *ret_head = HEAD_CONFLUENT;
        return *ret ? WB_OK : wb_err_set(err, WB_CAT_INVALID, "schema id %u is not known", id);
    }
    if (bytes.len >= HEAD_SINGLE && memcmp(bytes.data, magic_single, sizeof(magic_single)) == 0) {
        uint64_t fingerprint = 0;
        for (unsigned i = 0; i < 8; i++)
            fingerprint |= (uint64_t)bytes.data[2 + i] << (8 * i);
        *ret = by_fingerprint(codec, fingerprint);
        *ret_head = HEAD_SINGLE;
        return *ret ? WB_OK
                    : wb_err_set(err, WB_CAT_INVALID, "schema fingerprint %016llx is not known",
                                 (unsigned long long)fingerprint);
    }
    return wb_err_set(err, WB_CAT_INVALID, "not a framed record (%zu bytes, first 0x%02x)",
                      bytes.len, bytes.len ? bytes.data[0] : 0);
}

enum wb_rc wb_codec_decode(struct wb_codec *codec, struct wb_span bytes, struct wb_arena *arena,
                           enum wb_record_type *ret_type, void **ret_record, struct wb_err *err)
{
    const struct schema *schema;
    size_t head;
    if (bytes.len > WB_RECORD_MAX)
        return wb_err_set(err, WB_CAT_INVALID, "record larger than %d bytes", WB_RECORD_MAX);
    if (wb_arena_left(arena) < wb_decoded_most(bytes.len))
        return wb_err_set(err, WB_CAT_LIMIT, "no memory left for a record of %zu bytes", bytes.len);
    if (bytes.len && bytes.data[0] == '{') {
        struct wb_file_event *event;
        if (wb_event_from_json(bytes, arena, &event, err) != WB_OK)
            return WB_ERROR;
        *ret_type = WB_RECORD_FILE_EVENT;
        *ret_record = event;
        return WB_OK;
    }
    if (schema_of(codec, bytes, &schema, &head, err) != WB_OK)
        return WB_ERROR;
    *ret_type = schema->type;
    return wb_avro_read(schema->plan, wb_record_row(schema->type),
                        wb_span_of(bytes.data + head, bytes.len - head), arena, ret_record, err);
}

enum wb_rc wb_codec_decode_as(struct wb_codec *codec, enum wb_record_type type,
                              struct wb_span bytes, struct wb_arena *arena, void **ret_record,
                              struct wb_err *err)
{
    enum wb_record_type found;
    if (wb_codec_decode(codec, bytes, arena, &found, ret_record, err) != WB_OK)
        return WB_ERROR;
    if (found != type)
        return wb_err_set(err, WB_CAT_INVALID, "a record of \"%s\" where one of \"%s\" belongs",
                          wb_record_row(found)->name, wb_record_row(type)->name);
    return WB_OK;
}

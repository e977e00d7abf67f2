/* Every record goes both ways; bytes from strangers do no harm. */
#include "tests/check.h"

#include "core/base/hash.h"
#include "core/wire/codec.h"
#include "core/wire/fields.h"

enum { ARENA_CAP = 8 * 1024 * 1024 };

/* Fills every field of a struct with a value that is not its default, by the field tables. */
static void fill(struct wb_arena *arena, const struct wb_field *fields, void *base, int seed);

static void fill_items(struct wb_arena *arena, const struct wb_field *field, void *base, int seed)
{
    size_t *count = (void *)((char *)base + field->count_offset);
    *count = 3;
    if (field->kind == WB_FIELD_RECORDS) {
        char *items = wb_arena_alloc(arena, 3 * field->size);
        for (int i = 0; i < 3; i++)
            fill(arena, field->fields, items + (size_t)i * field->size, seed + i);
        *(void **)wb_field_at(field, base) = items;
    } else if (field->kind == WB_FIELD_TEXTS) {
        const char **items = wb_arena_alloc(arena, 3 * sizeof(*items));
        for (int i = 0; i < 3; i++)
            items[i] = wb_arena_printf(arena, "item %d", seed + i);
        *(const char ***)wb_field_at(field, base) = items;
    } else {
        struct wb_pair *items = wb_arena_alloc(arena, 3 * sizeof(*items));
        for (int i = 0; i < 3; i++) {
            items[i].key = wb_arena_printf(arena, "key %d", seed + i);
            items[i].value = wb_arena_printf(arena, "välue %d", seed + i);
        }
        *(struct wb_pair **)wb_field_at(field, base) = items;
    }
}

static void fill_one(struct wb_arena *arena, const struct wb_field *field, void *base, int seed)
{
    void *at = wb_field_at(field, base);
    switch (field->kind) {
    case WB_FIELD_TEXT:
    case WB_FIELD_TEXT_OR_NULL:
        *(const char **)at = wb_arena_printf(arena, "%s %d", field->name, seed);
        break;
    case WB_FIELD_CHARS:
        (void)snprintf(at, field->size, "c%d", seed);
        break;
    case WB_FIELD_BYTES:
    case WB_FIELD_BYTES_OR_NULL:
        *(struct wb_span *)at = wb_span_of("\x00\xff\x80 bytes", 9);
        break;
    case WB_FIELD_INT:
        *(int32_t *)at = -1000000 + seed;
        break;
    case WB_FIELD_LONG:
    case WB_FIELD_LONG_OR_NULL:
        *(int64_t *)at = 1LL << 53 | seed;
        break;
    case WB_FIELD_BOOL:
        *(bool *)at = true;
        break;
    case WB_FIELD_ENUM:
        *(int *)at = 1 + seed % 2;
        break;
    case WB_FIELD_RECORD:
        fill(arena, field->fields, at, seed);
        break;
    case WB_FIELD_RECORD_OR_NULL:
        *(void **)at = wb_arena_alloc(arena, field->size);
        fill(arena, field->fields, *(void **)at, seed);
        break;
    default:
        fill_items(arena, field, base, seed);
        break;
    }
}

static void fill(struct wb_arena *arena, const struct wb_field *fields, void *base, int seed)
{
    for (const struct wb_field *field = fields; field->name; field++)
        fill_one(arena, field, base, seed++);
}

struct fixture {
    struct wb_codec *codec;
    struct wb_arena *arena;
};

static int set_up(void **state)
{
    struct wb_err err;
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    check_ok(wb_codec_new(&fixture->codec, &err));
    fixture->arena = wb_arena_new(ARENA_CAP);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    wb_codec_free(&fixture->codec);
    wb_arena_free(&fixture->arena);
    free(fixture);
    return 0;
}

static void encode_full(struct fixture *fixture, enum wb_record_type type, struct wb_buf *out)
{
    struct wb_err err;
    const struct wb_record_row *row = wb_record_row(type);
    void *record = wb_arena_alloc(fixture->arena, row->size);
    wb_fields_init(row->fields, row->size, record);
    fill(fixture->arena, row->fields, record, 1);
    check_ok(wb_codec_encode(fixture->codec, type, record, out, &err));
}

/* What was decoded is encoded again: the same bytes mean that no field was lost or mixed up. */
static void every_record_survives_the_wire(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    for (int i = WB_RECORD_NONE + 1; i < WB_RECORD_TYPE_COUNT; i++) {
        enum wb_record_type type = (enum wb_record_type)i;
        struct wb_buf first WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
        struct wb_buf second WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
        void *record;
        wb_arena_reset(fixture->arena);
        encode_full(fixture, type, &first);
        check_ok(wb_codec_decode_as(fixture->codec, type, wb_buf_span(&first), fixture->arena,
                                    &record, &err));
        check_ok(wb_codec_encode(fixture->codec, type, record, &second, &err));
        assert_true(wb_span_eq(wb_buf_span(&first), wb_buf_span(&second)));
    }
}

static void an_empty_record_has_its_defaults(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_buf bytes WB_AUTO(wb_buf_free) = wb_buf_make(1000);
    struct wb_file_event event = {.size_bytes = -1, .mtime_ns = -1};
    struct wb_file_event *got;
    check_ok(wb_codec_encode(fixture->codec, WB_RECORD_FILE_EVENT, &event, &bytes, &err));
    check_ok(wb_codec_decode_as(fixture->codec, WB_RECORD_FILE_EVENT, wb_buf_span(&bytes),
                                fixture->arena, (void **)&got, &err));
    assert_int_equal(got->size_bytes, -1);
    assert_string_equal(got->etag, "");
    assert_int_equal(got->attribute_count, 0);
}

/* Neither a cut nor a flipped bit may crash, leak or be taken for a longer record. */
static void damaged_records_do_no_harm(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    enum wb_record_type type;
    void *record;
    for (int i = WB_RECORD_NONE + 1; i < WB_RECORD_TYPE_COUNT; i++) {
        struct wb_buf whole WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
        wb_arena_reset(fixture->arena);
        encode_full(fixture, (enum wb_record_type)i, &whole);
        for (size_t len = 0; len < whole.len; len++) {
            char *cut WB_AUTO(wb_free_ptr) = wb_xcalloc(1, len + 1);
            memcpy(cut, whole.data, len);
            wb_arena_reset(fixture->arena);
            assert_int_equal(wb_codec_decode(fixture->codec, wb_span_of(cut, len), fixture->arena,
                                             &type, &record, &err),
                             WB_ERROR);
        }
        for (size_t at = 0; at < whole.len; at++)
            for (int bit = 0; bit < 8; bit++) {
                whole.data[at] ^= (uint8_t)(1 << bit);
                wb_arena_reset(fixture->arena);
                (void)!wb_codec_decode(fixture->codec, wb_buf_span(&whole), fixture->arena, &type,
                                       &record, &err);
                whole.data[at] ^= (uint8_t)(1 << bit);
            }
    }
}

static const char older[] =
    "{\"type\":\"record\",\"name\":\"FileEvent\",\"namespace\":\"waybill.v1\",\"fields\":["
    "{\"name\":\"path\",\"type\":\"string\"},"
    "{\"name\":\"extra\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"X\",\"fields\":["
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"long\"}}"
    "},"
    "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}},"
    "{\"name\":\"d\",\"type\":\"double\"}]}]},"
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"K\",\"symbols\":"
    "[\"deleted\",\"renamed\",\"written\"]}},"
    "{\"name\":\"node\",\"type\":\"string\"}]}";

/* Fields of another writer are found by name, symbols too; extra ones are skipped whatever they
 * are. */
static void another_writers_schema_is_followed(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    static const uint8_t bytes[] = "\x00\x00\x00\x00\x07"
                                   "\x02p"
                                   "\x02\x02\x02k\x04\x02\x04\x00\x00"
                                   "zz"
                                   "\x00\x00\x00\x00\x00\x00\x00\x00"
                                   "\x04"
                                   "\x02n";
    struct wb_file_event *event;
    check_ok(wb_codec_add_schema(fixture->codec, 7, wb_span_str(older), &err));
    check_ok(wb_codec_decode_as(fixture->codec, WB_RECORD_FILE_EVENT,
                                wb_span_of(bytes, sizeof(bytes) - 1), fixture->arena,
                                (void **)&event, &err));
    check_span(event->path, "p");
    assert_string_equal(event->node, "n");
    assert_int_equal(event->kind, WB_EVENT_WRITTEN);
    assert_int_equal(event->size_bytes, -1);
}

static void append_long(struct wb_buf *out, uint64_t value)
{
    struct wb_err err;
    for (value *= 2; value >= 0x80; value >>= 7)
        check_ok(wb_buf_append(out, wb_span_of(&(uint8_t){(uint8_t)(value | 0x80)}, 1), &err));
    check_ok(wb_buf_append(out, wb_span_of(&(uint8_t){(uint8_t)value}, 1), &err));
}

/* An event whose attributes, pairs of empty texts, come in blocks of `block`. */
static void event_in_blocks(struct fixture *fixture, size_t count, size_t block, struct wb_buf *out)
{
    struct wb_err err;
    const struct wb_file_event event = {.kind = WB_EVENT_WRITTEN, .node = "a"};
    check_ok(wb_codec_encode(fixture->codec, WB_RECORD_FILE_EVENT, &event, out, &err));
    out->len--; /* the end of the attributes, the last field */
    for (size_t i = 0; i < count; i += block) {
        append_long(out, block);
        for (size_t n = 0; n < 2 * block; n++)
            append_long(out, 0);
    }
    append_long(out, 0);
}

static void items_in_many_blocks_take_no_more_than_in_one(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    size_t taken[2];
    for (size_t i = 0; i < 2; i++) {
        struct wb_file_event *event;
        struct wb_buf bytes WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
        event_in_blocks(fixture, 13000, i == 0 ? 1 : 6500, &bytes);
        wb_arena_reset(fixture->arena);
        taken[i] = wb_arena_left(fixture->arena);
        check_ok(wb_codec_decode_as(fixture->codec, WB_RECORD_FILE_EVENT, wb_buf_span(&bytes),
                                    fixture->arena, (void **)&event, &err));
        assert_int_equal(event->attribute_count, 13000);
        assert_string_equal(event->attributes[12999].value, "");
        taken[i] -= wb_arena_left(fixture->arena);
    }
    assert_int_equal(taken[0], taken[1]);
}

/* Small on the wire and large in memory: as only a schema can make it that none of us writes. */
static const char hollow[] =
    "{\"type\":\"record\",\"name\":\"Transfer\",\"namespace\":\"waybill.v1\",\"fields\":["
    "{\"name\":\"results\",\"type\":{\"type\":\"array\",\"items\":"
    "{\"type\":\"record\",\"name\":\"Result\",\"fields\":[]}}},"
    "{\"name\":\"padding\",\"type\":\"bytes\"}]}";

static void what_a_record_takes_is_bounded_by_its_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    void *record;
    enum { COUNT = 60000 };
    char *padding WB_AUTO(wb_free_ptr) = wb_xcalloc(1, COUNT);
    struct wb_buf bytes WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    check_ok(wb_codec_add_schema(fixture->codec, 7, wb_span_str(hollow), &err));
    check_ok(wb_buf_append(&bytes, wb_span_of("\0\0\0\0\7", 5), &err));
    append_long(&bytes, COUNT);
    append_long(&bytes, 0);
    append_long(&bytes, COUNT);
    check_ok(wb_buf_append(&bytes, wb_span_of(padding, COUNT), &err));
    check_fails(wb_codec_decode_as(fixture->codec, WB_RECORD_TRANSFER, wb_buf_span(&bytes),
                                   fixture->arena, &record, &err),
                WB_CAT_INVALID, "takes too much memory");
}

/* The largest record of the kind that takes the most memory for its bytes. */
static void every_record_of_ours_keeps_within_the_bound(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    void *record;
    struct wb_err cause = {.category = WB_CAT_IO};
    struct wb_report report = {.task = ""};
    struct wb_buf bytes WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(wb_decoded_most(WB_RECORD_MAX));
    report.result_count = 43000;
    report.results = wb_xcalloc(report.result_count, sizeof(*report.results));
    for (size_t i = 0; i < report.result_count; i++)
        report.results[i].error = &cause;
    check_ok(wb_codec_encode(fixture->codec, WB_RECORD_TRANSFER, &report, &bytes, &err));
    assert_true(bytes.len > WB_RECORD_MAX * 9 / 10);
    check_ok(wb_codec_decode_as(fixture->codec, WB_RECORD_TRANSFER, wb_buf_span(&bytes), arena,
                                &record, &err));
    free(report.results);
}

static void a_full_arena_is_not_the_records_fault(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    void *record;
    struct wb_buf bytes WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    event_in_blocks(fixture, 1, 1, &bytes);
    (void)wb_arena_alloc(fixture->arena, wb_arena_left(fixture->arena) - 1024);
    check_fails(wb_codec_decode_as(fixture->codec, WB_RECORD_FILE_EVENT, wb_buf_span(&bytes),
                                   fixture->arena, &record, &err),
                WB_CAT_LIMIT, "no memory left for a record");
}

static void hostile_frames_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    enum wb_record_type type;
    void *record;
    static const uint8_t unknown[] = "\xc3\x01xxxxxxxxabc";
    check_fails(wb_codec_decode(fixture->codec, wb_span_str("hello world, no frame"),
                                fixture->arena, &type, &record, &err),
                WB_CAT_INVALID, "not a framed record");
    check_fails(wb_codec_decode(fixture->codec, wb_span_of(unknown, 13), fixture->arena, &type,
                                &record, &err),
                WB_CAT_INVALID, "fingerprint");
    check_fails(wb_codec_decode(fixture->codec, wb_span_of("\0\0\0\0\x09xx", 7), fixture->arena,
                                &type, &record, &err),
                WB_CAT_INVALID, "schema id 9");
    check_fails(wb_codec_add_schema(fixture->codec, 1, wb_span_str("{\"type\":\"record\"}"), &err),
                WB_CAT_INVALID, "");
}

/* The spec's own example of a fingerprint, and one of a record with namespace and doc stripped. */
static void fingerprints_are_those_of_the_spec(void **state)
{
    struct wb_err err;
    uint64_t plain;
    uint64_t dressed;
    (void)state;
    check_ok(wb_schema_fingerprint(wb_span_str("\"null\""), &plain, &err));
    assert_true(plain == 0x63dd24e7cc258f8aULL);
    check_ok(wb_schema_fingerprint(wb_span_str("{\"name\":\"a.R\",\"type\":\"record\",\"fields\":["
                                               "{\"name\":\"f\",\"type\":\"long\"}]}"),
                                   &plain, &err));
    check_ok(wb_schema_fingerprint(
        wb_span_str("{\"doc\":\"d\",\"type\":\"record\",\"namespace\":\"a\",\"name\":\"R\","
                    "\"fields\":[{\"default\":0,\"type\":{\"type\":\"long\",\"logicalType\":"
                    "\"timestamp-millis\"},\"name\":\"f\"}]}"),
        &dressed, &err));
    assert_true(plain == dressed);
}

static void json_events_are_taken_and_checked(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_file_event *event;
    const char *good = "{\"id\":\"1\",\"kind\":\"deleted\",\"node\":\"a\",\"path_b64\":\"/w==\","
                       "\"time\":\"2026-01-01T00:00:00Z\",\"size\":5,\"new\":[1]}";
    check_ok(wb_codec_decode_as(fixture->codec, WB_RECORD_FILE_EVENT, wb_span_str(good),
                                fixture->arena, (void **)&event, &err));
    check_fails(wb_event_json_check(wb_span_str(good), &err), WB_CAT_INVALID,
                "unknown field \"new\"");
    check_fails(wb_event_json_check(wb_span_str("{\"nod\":1}"), &err), WB_CAT_INVALID,
                "unknown field \"nod\", did you mean \"node\"");
    check_ok(wb_event_json_check(wb_span_str("{\"path_b64\":1,\"attributes\":{\"x\":1}}"), &err));
    check_span(event->path, "\xff");
    assert_int_equal(event->kind, WB_EVENT_DELETED);
    assert_int_equal(event->time_ms, 1767225600000);
    static const char *const bad[][2] = {
        {"{}", "\"kind\" is missing"},
        {"{\"id\":\"1\",\"kind\":\"x\",\"node\":\"a\",\"path\":\"p\"}", "\"kind\""},
        {"{\"id\":\"1\",\"kind\":\"written\",\"node\":\"a\"}", "\"path\" is missing"},
        {"{\"id\":\"1\",\"kind\":\"written\",\"node\":\"a\",\"path\":5}", "\"path\""},
        {"{\"id\":\"1\",\"kind\":\"written\",\"node\":\"a\",\"path\":\"p\",\"size\":\"5\"}",
         "\"size\""},
        {"{\"id\":", "not json"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_fails(wb_event_from_json(wb_span_str(bad[i][0]), fixture->arena, &event, &err),
                    WB_CAT_INVALID, bad[i][1]);
}

static void keys_name_target_source_and_path(void **state)
{
    struct wb_err err;
    char target[64];
    char source[64];
    struct wb_span path;
    struct wb_buf key WB_AUTO(wb_buf_free) = wb_buf_make(1000);
    (void)state;
    check_ok(wb_replica_key("b", "a", wb_span_str("x:y/z"), &key, &err));
    check_span(wb_buf_span(&key), "b/a:x:y/z");
    check_ok(wb_replica_key_parse(wb_buf_span(&key), target, source, &path, &err));
    assert_string_equal(target, "b");
    assert_string_equal(source, "a");
    check_span(path, "x:y/z");
    check_fails(wb_replica_key_parse(wb_span_str("nothing"), target, source, &path, &err),
                WB_CAT_INVALID, "target/source:path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_record_survives_the_wire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_record_has_its_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_records_do_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_writers_schema_is_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(items_in_many_blocks_take_no_more_than_in_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_a_record_takes_is_bounded_by_its_bytes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_record_of_ours_keeps_within_the_bound, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_arena_is_not_the_records_fault, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_frames_are_refused, set_up, tear_down),
        cmocka_unit_test(fingerprints_are_those_of_the_spec),
        cmocka_unit_test_setup_teardown(json_events_are_taken_and_checked, set_up, tear_down),
        cmocka_unit_test(keys_name_target_source_and_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

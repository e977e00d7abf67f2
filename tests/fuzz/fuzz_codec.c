/* Records from strangers. Whatever decodes can be encoded, and what was encoded decodes to the same
 * again. The first byte chooses: a raw frame, or a body under the right fingerprint of one type. */
#include "core/wire/codec.h"
#include "core/wire/fields.h"
#include "tests/fuzz/fuzz.h"

enum { ARENA_MAX = 64 * 1024 * 1024, FINGERPRINT_FRAME = 10, BUF_MAX = 8 * WB_RECORD_MAX };

/* The frame of an empty record, up to its body. */
static void frame_begin(struct wb_codec *codec, enum wb_record_type type, struct wb_arena *arena,
                        struct wb_buf *out)
{
    struct wb_err err;
    const struct wb_record_row *row = wb_record_row(type);
    void *empty = wb_arena_alloc(arena, row->size);
    wb_fields_init(row->fields, row->size, empty);
    must_hold(wb_codec_encode(codec, type, empty, out, &err) == WB_OK);
    must_hold(out->len > FINGERPRINT_FRAME);
    out->len = FINGERPRINT_FRAME;
}

static void check_again(struct wb_codec *codec, struct wb_arena *arena, enum wb_record_type type,
                        const void *record)
{
    void *second;
    struct wb_err err;
    struct wb_buf one WB_AUTO(wb_buf_free) = wb_buf_make(BUF_MAX);
    struct wb_buf two WB_AUTO(wb_buf_free) = wb_buf_make(BUF_MAX);
    if (wb_codec_encode(codec, type, record, &one, &err) != WB_OK) {
        /* A record of another writer may be smaller on the wire than in our form. */
        must_hold(err.category == WB_CAT_LIMIT);
        return;
    }
    must_hold(one.len <= WB_RECORD_MAX);
    must_hold(wb_codec_decode_as(codec, type, wb_buf_span(&one), arena, &second, &err) == WB_OK);
    must_hold(wb_codec_encode(codec, type, second, &two, &err) == WB_OK);
    must_hold(wb_span_eq(wb_buf_span(&one), wb_buf_span(&two)));
}

static struct wb_codec *codec_of_process(void)
{
    static struct wb_codec *codec;
    struct wb_err err;
    must_hold(codec || wb_codec_new(&codec, &err) == WB_OK);
    return codec;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *record;
    struct wb_err err = {0};
    enum wb_record_type type;
    struct wb_codec *codec = codec_of_process();
    if (size == 0)
        return 0;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(ARENA_MAX);
    struct wb_buf frame WB_AUTO(wb_buf_free) = wb_buf_make(BUF_MAX);
    enum wb_record_type chosen = (enum wb_record_type)(data[0] % WB_RECORD_TYPE_COUNT);
    if (chosen != WB_RECORD_NONE)
        frame_begin(codec, chosen, arena, &frame);
    if (wb_buf_append(&frame, wb_span_of(data + 1, size - 1), &err) != WB_OK)
        return 0;
    if (wb_codec_decode(codec, wb_buf_span(&frame), arena, &type, &record, &err) != WB_OK) {
        must_be_error(&err);
        return 0;
    }
    must_hold(type > WB_RECORD_NONE && type < WB_RECORD_TYPE_COUNT);
    must_hold(chosen == WB_RECORD_NONE || type == chosen);
    check_again(codec, arena, type, record);
    return 0;
}

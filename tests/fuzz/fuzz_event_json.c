/* JSON events from strangers. What is taken has sane fields, and survives the wire. */
#include "core/base/path.h"
#include "core/wire/codec.h"
#include "tests/fuzz/fuzz.h"

enum { ARENA_MAX = 64 * 1024 * 1024 };

static void check_fields(const struct wb_file_event *event)
{
    must_hold(event->kind == WB_EVENT_WRITTEN || event->kind == WB_EVENT_DELETED);
    must_hold(event->id && event->node && event->etag && event->digest && event->mime);
    must_hold(event->path.len <= 2 * WB_PATH_MAX);
    must_hold(event->size_bytes >= -1 && event->mtime_ns >= -1);
    for (size_t i = 0; i < event->attribute_count; i++)
        must_hold(event->attributes[i].key && event->attributes[i].value);
}

static void check_wire(struct wb_codec *codec, struct wb_arena *arena,
                       const struct wb_file_event *event)
{
    void *record;
    struct wb_err err;
    struct wb_buf bytes WB_AUTO(wb_buf_free) = wb_buf_make(2 * WB_RECORD_MAX);
    if (wb_codec_encode(codec, WB_RECORD_FILE_EVENT, event, &bytes, &err) != WB_OK) {
        must_hold(err.category == WB_CAT_LIMIT);
        return;
    }
    must_hold(wb_codec_decode_as(codec, WB_RECORD_FILE_EVENT, wb_buf_span(&bytes), arena, &record,
                                 &err) == WB_OK);
    const struct wb_file_event *again = record;
    must_hold(again->kind == event->kind && again->time_ms == event->time_ms);
    must_hold(again->size_bytes == event->size_bytes && again->mtime_ns == event->mtime_ns);
    must_hold(wb_span_eq(again->path, event->path));
    must_hold(strcmp(again->node, event->node) == 0 && strcmp(again->id, event->id) == 0);
    must_hold(again->attribute_count == event->attribute_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wb_codec *codec;
    struct wb_err err = {0};
    struct wb_file_event *event;
    must_hold(codec || wb_codec_new(&codec, &err) == WB_OK);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(ARENA_MAX);
    if (wb_event_from_json(wb_span_of(data, size), arena, &event, &err) != WB_OK) {
        must_be_error(&err);
        return 0;
    }
    check_fields(event);
    check_wire(codec, arena, event);
    return 0;
}

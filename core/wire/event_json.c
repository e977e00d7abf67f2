/* The JSON form of a FileEvent: the same field names; `path_b64` for a path that is not UTF-8. */
#include "core/base/clock.h"
#include "core/base/config.h"
#include "core/base/json.h"
#include "core/base/path.h"
#include "core/wire/codec.h"

static enum wb_rc wrong(const char *name, const char *what, struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_INVALID, "field \"%s\" is not %s", name, what);
}

static enum wb_rc take_text(const json_t *json, const char *name, bool needed,
                            struct wb_arena *arena, const char **ret, struct wb_err *err)
{
    const json_t *value = json_object_get(json, name);
    *ret = "";
    if (!value || json_is_null(value))
        return needed ? wb_err_set(err, WB_CAT_INVALID, "field \"%s\" is missing", name) : WB_OK;
    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
        return wrong(name, "a text", err);
    *ret = wb_arena_strdup(arena, json_string_value(value));
    return WB_OK;
}

static enum wb_rc take_long(const json_t *json, const char *name, int64_t *ret, struct wb_err *err)
{
    const json_t *value = json_object_get(json, name);
    *ret = -1;
    if (!value || json_is_null(value))
        return WB_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return wrong(name, "a whole number", err);
    *ret = json_integer_value(value);
    return WB_OK;
}

static enum wb_rc take_time(const json_t *json, int64_t *ret, struct wb_err *err)
{
    const json_t *value = json_object_get(json, "time");
    *ret = 0;
    if (!value || json_is_null(value))
        return WB_OK;
    if (json_is_integer(value)) {
        *ret = json_integer_value(value);
        return WB_OK;
    }
    if (!json_is_string(value))
        return wrong("time", "a time", err);
    return wb_clock_parse(json_string_value(value), 0, ret, err) == WB_OK
               ? WB_OK
               : wrong("time", "a time as in RFC 3339", err);
}

static enum wb_rc take_path(const json_t *json, struct wb_arena *arena, struct wb_span *ret,
                            struct wb_err *err)
{
    struct wb_buf bytes WB_AUTO(wb_buf_free) = wb_buf_make(2 * WB_PATH_MAX);
    if (wb_json_get_bytes(json, "path", &bytes, err) != WB_OK) {
        err->category = WB_CAT_INVALID;
        return WB_ERROR;
    }
    *ret = wb_arena_span(arena, wb_buf_span(&bytes));
    return WB_OK;
}

static enum wb_rc take_attributes(const json_t *json, struct wb_arena *arena,
                                  struct wb_file_event *event, struct wb_err *err)
{
    json_t *map = json_object_get(json, "attributes");
    const char *key;
    json_t *value;
    if (!map || json_is_null(map))
        return WB_OK;
    if (!json_is_object(map))
        return wrong("attributes", "an object", err);
    event->attributes = wb_arena_alloc(arena, json_object_size(map) * sizeof(struct wb_pair));
    json_object_foreach(map, key, value)
    {
        if (!json_is_string(value))
            return wrong("attributes", "an object of texts", err);
        event->attributes[event->attribute_count].key = wb_arena_strdup(arena, key);
        event->attributes[event->attribute_count++].value =
            wb_arena_strdup(arena, json_string_value(value));
    }
    return WB_OK;
}

static enum wb_rc take_all(const json_t *json, struct wb_arena *arena, struct wb_file_event *event,
                           struct wb_err *err)
{
    const char *kind;
    if (!json_is_object(json))
        return wb_err_set(err, WB_CAT_INVALID, "an event must be a json object");
    if (take_text(json, "id", false, arena, &event->id, err) != WB_OK ||
        take_time(json, &event->time_ms, err) != WB_OK ||
        take_text(json, "kind", true, arena, &kind, err) != WB_OK ||
        take_text(json, "node", true, arena, &event->node, err) != WB_OK ||
        take_path(json, arena, &event->path, err) != WB_OK ||
        take_long(json, "size", &event->size_bytes, err) != WB_OK ||
        take_long(json, "mtime", &event->mtime_ns, err) != WB_OK ||
        take_text(json, "etag", false, arena, &event->etag, err) != WB_OK ||
        take_text(json, "digest", false, arena, &event->digest, err) != WB_OK ||
        take_text(json, "mime", false, arena, &event->mime, err) != WB_OK ||
        take_attributes(json, arena, event, err) != WB_OK)
        return WB_ERROR;
    event->kind = wb_event_kind_parse(kind);
    return event->kind == WB_EVENT_UNKNOWN ? wrong("kind", "\"written\" or \"deleted\"", err)
                                           : WB_OK;
}

static enum wb_rc check_fields(const json_t *json, struct wb_err *err)
{
    static const char *const names[] = {"id",       "time",       "kind",  "node", "path",
                                        "path_b64", "size",       "mtime", "etag", "digest",
                                        "mime",     "attributes", NULL};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        size_t at = 0;
        while (names[at] && strcmp(names[at], key) != 0)
            at++;
        if (names[at])
            continue;
        const char *nearest = wb_nearest_name(key, names);
        return wb_err_set(err, WB_CAT_INVALID, "unknown field \"%s\"%s%s%s", key,
                          nearest ? ", did you mean \"" : "", nearest ? nearest : "",
                          nearest ? "\"" : "");
    }
    return WB_OK;
}

enum wb_rc wb_event_json_check(struct wb_span json, struct wb_err *err)
{
    json_t *parsed WB_AUTO(wb_json_free) = NULL;
    if (wb_json_parse(json, WB_RECORD_MAX, &parsed, err) != WB_OK)
        return WB_ERROR;
    return json_is_object(parsed) ? check_fields(parsed, err) : WB_OK;
}

enum wb_rc wb_event_from_json(struct wb_span json, struct wb_arena *arena,
                              struct wb_file_event **ret, struct wb_err *err)
{
    json_t *parsed WB_AUTO(wb_json_free) = NULL;
    if (wb_json_parse(json, WB_RECORD_MAX, &parsed, err) != WB_OK)
        return WB_ERROR;
    struct wb_file_event *event = wb_arena_alloc(arena, sizeof(*event));
    if (take_all(parsed, arena, event, err) != WB_OK)
        return WB_ERROR;
    *ret = event;
    return WB_OK;
}

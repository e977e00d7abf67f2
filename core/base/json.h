/* JSON in and out over jansson; this header is the only door to jansson.h. */
#ifndef WB_BASE_JSON_H
#define WB_BASE_JSON_H

#include <jansson.h>
#include <stdio.h>

#include "core/base/buf.h"

/* json_decref for WB_AUTO. */
void wb_json_free(json_t **json);

/* Sets `name` to the bytes as a string where they are UTF-8, else `<name>_b64` to their base64. */
void wb_json_set_bytes(json_t *object, const char *name, struct wb_span bytes);
/* The reverse; a missing name is NOT_FOUND, anything else wrong INVALID. Appends to `ret`. */
enum wb_rc wb_json_get_bytes(const json_t *object, const char *name, struct wb_buf *ret,
                             struct wb_err *err) WB_MUST_USE;

/* Integers as numbers, whatever their size. */
void wb_json_set_int(json_t *object, const char *name, int64_t value);
void wb_json_set_str(json_t *object, const char *name, const char *value); /* NULL: null */
/* Lower-case hex; nothing set when empty. */
void wb_json_set_hex(json_t *object, const char *name, struct wb_span bytes);
/* RFC 3339 with ms; nothing set when 0. */
void wb_json_set_time(json_t *object, const char *name, int64_t wall_ms);

/* One line (`indent` 0) or indented, and a newline. False when the stream failed. */
bool wb_json_write(FILE *out, const json_t *json, int indent);

/* Bounded parse: at most `cap` bytes, depth as jansson's own limit; INVALID with line and column.
 */
enum wb_rc wb_json_parse(struct wb_span text, size_t cap, json_t **ret,
                         struct wb_err *err) WB_MUST_USE;

#endif

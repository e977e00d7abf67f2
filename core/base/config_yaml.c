/* The strict YAML file: scalars in nested maps whose dotted names are keys of the table. */
#include <errno.h>
#include <stdio.h>
#include <yaml.h>

#include "core/base/config.h"
#include "core/base/map.h"

enum { FILE_MAX_BYTES = 1024 * 1024, KEY_MAX_BYTES = 256, DEPTH_MAX = 4 };

struct reader {
    struct wb_config *config;
    const char *name;
    yaml_parser_t parser;
    yaml_mark_t key;     /* the place of the key at hand */
    struct wb_map *seen; /* whole names of all keys so far */
    struct wb_err *err;
};

static enum wb_rc fail_at(struct reader *reader, const yaml_mark_t *mark, const char *text)
{
    return wb_err_set(reader->err, WB_CAT_USAGE, "%s:%zu:%zu: %s", reader->name, mark->line + 1,
                      mark->column + 1, text);
}

static enum wb_rc next_event(struct reader *reader, yaml_event_t *event)
{
    if (yaml_parser_parse(&reader->parser, event))
        return WB_OK;
    const char *problem = reader->parser.problem ? reader->parser.problem : "not yaml";
    return fail_at(reader, &reader->parser.problem_mark, problem);
}

static bool is_section(const char *key)
{
    size_t len = strlen(key);
    for (int id = 0; id < WB_OPT_COUNT; id++) {
        const char *whole = wb_config_table()[id].key;
        if (strncmp(whole, key, len) == 0 && whole[len] == '.')
            return true;
    }
    return false;
}

/* Names that could stand where `key` stands: the part behind the same prefix. */
static enum wb_rc unknown_key(struct reader *reader, const yaml_mark_t *mark, const char *prefix,
                              const char *word)
{
    char parts[WB_OPT_COUNT][KEY_MAX_BYTES];
    const char *names[WB_OPT_COUNT + 1];
    size_t count = 0;
    size_t len = strlen(prefix);
    for (int id = 0; id < WB_OPT_COUNT; id++) {
        const char *key = wb_config_table()[id].key;
        if (strncmp(key, prefix, len) != 0)
            continue;
        (void)snprintf(parts[count], KEY_MAX_BYTES, "%s", key + len);
        parts[count][strcspn(parts[count], ".")] = 0;
        names[count] = parts[count];
        count++;
    }
    names[count] = NULL;
    const char *nearest = wb_nearest_name(word, names);
    char text[2 * KEY_MAX_BYTES + 64];
    (void)snprintf(text, sizeof(text), "unknown key \"%s%s\"%s%s%s", prefix, word,
                   nearest ? ", did you mean \"" : "", nearest ? nearest : "", nearest ? "\"" : "");
    return fail_at(reader, mark, text);
}

static enum wb_rc take_pair(struct reader *reader, enum wb_opt map, const char *word,
                            const char *value)
{
    struct wb_buf pair WB_AUTO(wb_buf_free) = wb_buf_make(2 * FILE_MAX_BYTES);
    struct wb_buf origin WB_AUTO(wb_buf_free) = wb_buf_make(FILE_MAX_BYTES);
    if (wb_buf_printf(&pair, reader->err, "%s=%s", word, value) != WB_OK ||
        wb_buf_printf(&origin, reader->err, "%s:%zu:%zu", reader->name, reader->key.line + 1,
                      reader->key.column + 1) != WB_OK)
        return WB_ERROR;
    return wb_config_set(reader->config, map, wb_buf_cstr(&pair), wb_buf_cstr(&origin),
                         reader->err);
}

static enum wb_rc take_scalar(struct reader *reader, const yaml_event_t *event, const char *prefix,
                              const char *word, enum wb_opt map)
{
    char key[2 * KEY_MAX_BYTES];
    const char *value = (const char *)event->data.scalar.value;
    if (map != WB_OPT_COUNT)
        return take_pair(reader, map, word, value);
    (void)snprintf(key, sizeof(key), "%s%s", prefix, word);
    const struct wb_opt_row *row = wb_config_row_by_key(key);
    if (!row || row->type == WB_OPT_MAP)
        return row || is_section(key)
                   ? fail_at(reader, &event->start_mark, "a mapping belongs here")
                   : unknown_key(reader, &event->start_mark, prefix, word);
    if (wb_config_set(reader->config, row->id, value, key, reader->err) == WB_OK)
        return WB_OK;
    char text[WB_ERR_TEXT_MAX];
    memcpy(text, reader->err->text, sizeof(text));
    return fail_at(reader, &event->start_mark, text);
}

static enum wb_rc read_mapping(struct reader *reader, const char *prefix, int depth);

static enum wb_rc take_mapping(struct reader *reader, const yaml_event_t *event, const char *prefix,
                               const char *word, int depth)
{
    char key[2 * KEY_MAX_BYTES + 2];
    (void)snprintf(key, sizeof(key), "%s%s", prefix, word);
    const struct wb_opt_row *row = wb_config_row_by_key(key);
    bool known = is_section(key) || (row && row->type == WB_OPT_MAP);
    if (!known && row)
        return fail_at(reader, &event->start_mark, "a single value belongs here");
    if (!known || depth >= DEPTH_MAX || strlen(key) >= KEY_MAX_BYTES)
        return unknown_key(reader, &event->start_mark, prefix, word);
    (void)strncat(key, ".", 2);
    return read_mapping(reader, key, depth + 1);
}

/* The map option whose section `prefix` (with its dot) is, or WB_OPT_COUNT. */
static enum wb_opt map_of(const char *prefix)
{
    char key[2 * KEY_MAX_BYTES + 2];
    (void)snprintf(key, sizeof(key), "%s", prefix);
    if (*key)
        key[strlen(key) - 1] = 0;
    const struct wb_opt_row *row = wb_config_row_by_key(key);
    return row && row->type == WB_OPT_MAP ? row->id : WB_OPT_COUNT;
}

static enum wb_rc take_value(struct reader *reader, const char *prefix, const char *word, int depth)
{
    yaml_event_t event;
    enum wb_rc rc;
    if (next_event(reader, &event) != WB_OK)
        return WB_ERROR;
    if (event.type == YAML_SCALAR_EVENT)
        rc = take_scalar(reader, &event, prefix, word, map_of(prefix));
    else if (event.type == YAML_MAPPING_START_EVENT)
        rc = take_mapping(reader, &event, prefix, word, depth);
    else
        rc = fail_at(reader, &event.start_mark, "lists, anchors and aliases have no place here");
    yaml_event_delete(&event);
    return rc;
}

/* Whether the key may stand where it does. */
static enum wb_rc check_key(struct reader *reader, const char *prefix, const char *word)
{
    char whole[2 * KEY_MAX_BYTES];
    char text[2 * KEY_MAX_BYTES + 32];
    (void)snprintf(whole, sizeof(whole), "%s%s", prefix, word);
    if (map_of(prefix) == WB_OPT_COUNT && !wb_config_row_by_key(whole) && !is_section(whole))
        return unknown_key(reader, &reader->key, prefix, word);
    if (wb_map_get(reader->seen, wb_span_str(whole))) {
        (void)snprintf(text, sizeof(text), "\"%s\" is there twice", whole);
        return fail_at(reader, &reader->key, text);
    }
    wb_map_put(reader->seen, wb_span_str(whole), reader);
    return WB_OK;
}

static enum wb_rc read_mapping(struct reader *reader, const char *prefix, int depth)
{
    for (;;) {
        yaml_event_t event;
        char word[KEY_MAX_BYTES] = "";
        if (next_event(reader, &event) != WB_OK)
            return WB_ERROR;
        bool end = event.type == YAML_MAPPING_END_EVENT;
        bool scalar = event.type == YAML_SCALAR_EVENT;
        if (scalar)
            (void)snprintf(word, sizeof(word), "%s", (const char *)event.data.scalar.value);
        reader->key = event.start_mark;
        yaml_event_delete(&event);
        if (end)
            return WB_OK;
        if (!scalar)
            return fail_at(reader, &reader->key, "a key must be a plain name");
        if (check_key(reader, prefix, word) != WB_OK ||
            take_value(reader, prefix, word, depth) != WB_OK)
            return WB_ERROR;
    }
}

static enum wb_rc read_document(struct reader *reader)
{
    for (;;) {
        yaml_event_t event;
        if (next_event(reader, &event) != WB_OK)
            return WB_ERROR;
        yaml_event_type_t type = event.type;
        yaml_mark_t mark = event.start_mark;
        bool empty = type == YAML_SCALAR_EVENT && event.data.scalar.length == 0;
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT)
            return WB_OK;
        if (type == YAML_MAPPING_START_EVENT) {
            if (read_mapping(reader, "", 0) != WB_OK)
                return WB_ERROR;
        } else if ((type == YAML_SCALAR_EVENT && !empty) || type == YAML_SEQUENCE_START_EVENT) {
            return fail_at(reader, &mark, "the file must be a mapping");
        }
    }
}

enum wb_rc wb_config_load_text(struct wb_config *config, const char *name, struct wb_span yaml,
                               struct wb_err *err)
{
    struct reader reader = {.config = config, .name = name, .err = err};
    if (!yaml_parser_initialize(&reader.parser))
        return wb_err_set(err, WB_CAT_INTERNAL, "out of memory");
    reader.seen = wb_map_new(NULL);
    yaml_parser_set_input_string(&reader.parser, yaml.data, yaml.len);
    enum wb_rc rc = read_document(&reader);
    wb_map_free(&reader.seen);
    yaml_parser_delete(&reader.parser);
    return rc;
}

static void close_file(FILE **file)
{
    if (*file)
        (void)fclose(*file);
}

enum wb_rc wb_config_load_file(struct wb_config *config, const char *path, struct wb_err *err)
{
    FILE *file WB_AUTO(close_file) = fopen(path, "re");
    if (!file) {
        (void)wb_err_errno(err, errno, "cannot open \"%s\"", path);
        err->category = WB_CAT_USAGE;
        return WB_ERROR;
    }
    char *text WB_AUTO(wb_free_ptr) = wb_xcalloc(1, FILE_MAX_BYTES + 1);
    size_t len = fread(text, 1, FILE_MAX_BYTES + 1, file);
    if (ferror(file)) {
        (void)wb_err_errno(err, errno, "cannot read \"%s\"", path);
        err->category = WB_CAT_USAGE;
        return WB_ERROR;
    }
    if (len > FILE_MAX_BYTES)
        return wb_err_set(err, WB_CAT_USAGE, "\"%s\" is larger than 1 MiB", path);
    return wb_config_load_text(config, path, wb_span_of(text, len), err);
}

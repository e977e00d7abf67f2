#include "planner/mime.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/map.h"

enum { EXTENSION_MAX = 32, TYPES_MOST = 20000 };

struct wb_mime {
    struct wb_map *types; /* extension -> type */
};

static void add_line(struct wb_mime *mime, char *line)
{
    char *rest = NULL;
    const char *type = strtok_r(line, " \t\r\n", &rest);
    if (!type || *type == '#')
        return;
    for (const char *word; (word = strtok_r(NULL, " \t\r\n", &rest));)
        if (wb_map_count(mime->types) < TYPES_MOST)
            wb_map_put(mime->types, wb_span_str(word), wb_xstrdup(type));
}

struct wb_mime *wb_mime_new(const char *table)
{
    struct wb_mime *mime = wb_xcalloc(1, sizeof(*mime));
    char *line = NULL;
    size_t size = 0;
    mime->types = wb_map_new(free);
    FILE *file = fopen(table, "re");
    while (file && getline(&line, &size, file) >= 0)
        add_line(mime, line);
    free(line);
    if (file)
        (void)fclose(file);
    return mime;
}

void wb_mime_free(struct wb_mime **mime)
{
    if (!*mime)
        return;
    wb_map_free(&(*mime)->types);
    free(*mime);
    *mime = NULL;
}

const char *wb_mime_of(const struct wb_mime *mime, struct wb_span path)
{
    uint8_t extension[EXTENSION_MAX];
    size_t len = 0;
    while (len < path.len && path.data[path.len - 1 - len] != '.' &&
           path.data[path.len - 1 - len] != '/')
        len++;
    bool has_dot = len + 1 < path.len && path.data[path.len - 1 - len] == '.';
    if (!has_dot || len == 0 || len > sizeof(extension))
        return "";
    for (size_t i = 0; i < len; i++)
        extension[i] = (uint8_t)tolower(path.data[path.len - len + i]);
    const char *type = wb_map_get(mime->types, wb_span_of(extension, len));
    return type ? type : "";
}

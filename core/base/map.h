/* Hash table from bytes to a pointer, over uthash (the only place that includes it). */
#ifndef WB_BASE_MAP_H
#define WB_BASE_MAP_H

#include "core/base/buf.h"

struct wb_map;

/* `free_value` is called for values that are replaced, deleted or left at the end; NULL: never. */
struct wb_map *wb_map_new(void (*free_value)(void *));
void wb_map_free(struct wb_map **map); /* fits WB_AUTO */

/* Keys are copied. _put replaces; _get gives NULL when absent; _del says whether it was there;
 * _take removes without freeing the value. */
void wb_map_put(struct wb_map *map, struct wb_span key, void *value);
void *wb_map_get(const struct wb_map *map, struct wb_span key);
bool wb_map_del(struct wb_map *map, struct wb_span key);
void *wb_map_take(struct wb_map *map, struct wb_span key);
size_t wb_map_count(const struct wb_map *map);
void wb_map_clear(struct wb_map *map);

/* Visits in order of insertion until `visit` gives false. The visitor may not change the map. */
void wb_map_each(const struct wb_map *map,
                 bool (*visit)(struct wb_span key, void *value, void *arg), void *arg);

#endif

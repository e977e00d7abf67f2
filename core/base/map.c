#include "core/base/map.h"

#include <stdlib.h>

#include "core/base/hash.h"

/* The library's own takes several times as long for keys as long as paths. */
#define HASH_FUNCTION(key, len, ret) (ret) = (unsigned)wb_hash64_of(wb_span_of(key, len))
#include <uthash.h>

struct entry {
    UT_hash_handle hh;
    void *value;
    size_t len;
    uint8_t key[];
};

struct wb_map {
    struct entry *head;
    void (*free_value)(void *);
};

struct wb_map *wb_map_new(void (*free_value)(void *))
{
    struct wb_map *map = wb_xcalloc(1, sizeof(*map));
    map->free_value = free_value;
    return map;
}

static struct entry *find(const struct wb_map *map, struct wb_span key)
{
    struct entry *entry = NULL;
    HASH_FIND(hh, map->head, key.data, key.len, entry);
    return entry;
}

static void drop_value(const struct wb_map *map, struct entry *entry)
{
    if (map->free_value && entry->value)
        map->free_value(entry->value);
}

static void *unlink_entry(struct wb_map *map, struct entry *entry)
{
    void *value = entry->value;
    HASH_DEL(map->head, entry);
    free(entry);
    return value;
}

void wb_map_put(struct wb_map *map, struct wb_span key, void *value)
{
    struct entry *entry = NULL;
    unsigned hash;
    HASH_VALUE(key.data, key.len, hash);
    HASH_FIND_BYHASHVALUE(hh, map->head, key.data, key.len, hash, entry);
    if (entry) {
        drop_value(map, entry);
        entry->value = value;
        return;
    }
    entry = wb_xcalloc(1, sizeof(*entry) + key.len);
    entry->value = value;
    entry->len = key.len;
    if (key.len)
        memcpy(entry->key, key.data, key.len);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, map->head, entry->key, entry->len, hash, entry);
}

void *wb_map_get(const struct wb_map *map, struct wb_span key)
{
    struct entry *entry = find(map, key);
    return entry ? entry->value : NULL;
}

bool wb_map_del(struct wb_map *map, struct wb_span key)
{
    struct entry *entry = find(map, key);
    if (!entry)
        return false;
    drop_value(map, entry);
    (void)unlink_entry(map, entry);
    return true;
}

void *wb_map_take(struct wb_map *map, struct wb_span key)
{
    struct entry *entry = find(map, key);
    return entry ? unlink_entry(map, entry) : NULL;
}

size_t wb_map_count(const struct wb_map *map)
{
    return HASH_COUNT(map->head);
}

void wb_map_clear(struct wb_map *map)
{
    struct entry *entry = map->head;
    HASH_CLEAR(hh, map->head);
    while (entry) {
        struct entry *next = entry->hh.next;
        drop_value(map, entry);
        free(entry);
        entry = next;
    }
}

void wb_map_free(struct wb_map **map)
{
    if (!*map)
        return;
    wb_map_clear(*map);
    free(*map);
    *map = NULL;
}

void wb_map_each(const struct wb_map *map,
                 bool (*visit)(struct wb_span key, void *value, void *arg), void *arg)
{
    for (struct entry *entry = map->head; entry; entry = entry->hh.next)
        if (!visit(wb_span_of(entry->key, entry->len), entry->value, arg))
            return;
}

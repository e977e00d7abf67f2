/* Each node has an entry with a lock of its own, so that a node that hangs holds up nobody who
 * works with others. An opened store lives as long as somebody holds it, even when its node was
 * defined anew meanwhile. */
#include "core/stage/stores.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/map.h"

enum { CHECK_EVERY_MS = 1000, HANG_MS = 10000 };

struct held {
    struct wb_store *store;
    int references; /* one is the entry's */
    struct held *next;
};

struct entry {
    pthread_mutex_t lock;
    atomic_llong busy_ms; /* since when somebody holds the lock; 0: nobody does */
    struct held *held;    /* NULL: not open */
    uint64_t definition;  /* digest of URL and options */
    uint64_t generation;  /* of the registry, when the definition was read */
    int64_t checked_ms;
    enum wb_rc checked_rc;
    struct wb_err checked_err;
    char marker[WB_MARKER_MAX]; /* that the root must have; "": none is known */
    enum wb_rc marker_rc;
    struct wb_err marker_err;
};

struct wb_stores {
    const struct wb_config *config;
    struct wb_registry *registry;
    pthread_mutex_t lock; /* of the map and of all references */
    struct wb_map *entries;
    struct held *all;
};

static void entry_free(void *value)
{
    struct entry *entry = value;
    pthread_mutex_destroy(&entry->lock);
    free(entry);
}

struct wb_stores *wb_stores_new(const struct wb_config *config, struct wb_registry *registry)
{
    struct wb_stores *stores = wb_xcalloc(1, sizeof(*stores));
    stores->config = config;
    stores->registry = registry;
    stores->entries = wb_map_new(entry_free);
    pthread_mutex_init(&stores->lock, NULL);
    return stores;
}

void wb_stores_free(struct wb_stores **stores)
{
    if (!*stores)
        return;
    while ((*stores)->all) {
        struct held *held = (*stores)->all;
        (*stores)->all = held->next;
        wb_store_close(&held->store);
        free(held);
    }
    wb_map_free(&(*stores)->entries);
    pthread_mutex_destroy(&(*stores)->lock);
    free(*stores);
    *stores = NULL;
}

static struct entry *entry_of(struct wb_stores *stores, const char *node)
{
    pthread_mutex_lock(&stores->lock);
    struct entry *entry = wb_map_get(stores->entries, wb_span_str(node));
    if (!entry) {
        entry = wb_xcalloc(1, sizeof(*entry));
        pthread_mutex_init(&entry->lock, NULL);
        wb_map_put(stores->entries, wb_span_str(node), entry);
    }
    pthread_mutex_unlock(&stores->lock);
    return entry;
}

static struct wb_store *reference(struct wb_stores *stores, struct held *held)
{
    pthread_mutex_lock(&stores->lock);
    held->references++;
    pthread_mutex_unlock(&stores->lock);
    return held->store;
}

/* Gives one reference back; the last one closes, outside the lock. */
static void release(struct wb_stores *stores, const struct wb_store *store)
{
    struct held *last = NULL;
    pthread_mutex_lock(&stores->lock);
    for (struct held **at = &stores->all; *at; at = &(*at)->next) {
        if ((*at)->store != store)
            continue;
        if (--(*at)->references == 0) {
            last = *at;
            *at = last->next;
        }
        break;
    }
    pthread_mutex_unlock(&stores->lock);
    if (last)
        wb_store_close(&last->store);
    free(last);
}

static void forget(struct wb_stores *stores, struct entry *entry)
{
    if (entry->held)
        release(stores, entry->held->store);
    entry->held = NULL;
}

static uint64_t definition_of(const struct wb_node *node)
{
    uint64_t digest = wb_hash64_of(wb_span_str(node->url));
    for (size_t i = 0; i < node->option_count; i++) {
        digest = digest * 31 + wb_hash64_of(wb_span_str(node->options[i].key));
        digest = digest * 31 + wb_hash64_of(wb_span_str(node->options[i].value));
    }
    return digest * 31 + wb_hash64_of(wb_span_str(node->secret));
}

static enum wb_rc open_defined(const struct wb_config *config, const struct wb_node *node,
                               struct wb_arena *arena, struct wb_store **ret, struct wb_err *err)
{
    size_t count = node->option_count;
    const char **options = wb_arena_alloc(arena, (2 * count + 1) * sizeof(*options));
    for (size_t i = 0; i < count; i++) {
        options[2 * i] = node->options[i].key;
        options[2 * i + 1] = node->options[i].value;
    }
    return wb_store_open(node->name, node->url, options, node->secret, config, ret, err);
}

enum wb_rc wb_stores_open_node(const struct wb_config *config, struct wb_registry *registry,
                               const char *name, struct wb_store **ret, struct wb_err *err)
{
    struct wb_node *node;
    int64_t free_bytes;
    struct wb_store *store WB_AUTO(wb_store_close) = NULL;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    if (wb_registry_node(registry, name, arena, &node, err) != WB_OK)
        return WB_ERROR;
    if (open_defined(config, node, arena, &store, err) != WB_OK ||
        wb_store_check(store, &free_bytes, err) != WB_OK)
        return wb_err_prefix(err, "node \"%s\"", name);
    *ret = store;
    store = NULL;
    return WB_OK;
}

static enum wb_rc open_node(struct wb_stores *stores, struct entry *entry,
                            const struct wb_node *node, struct wb_arena *arena, struct wb_err *err)
{
    struct wb_store *store;
    if (open_defined(stores->config, node, arena, &store, err) != WB_OK)
        return WB_ERROR;
    struct held *held = wb_xcalloc(1, sizeof(*held));
    held->store = store;
    held->references = 1;
    pthread_mutex_lock(&stores->lock);
    held->next = stores->all;
    stores->all = held;
    pthread_mutex_unlock(&stores->lock);
    entry->held = held;
    return WB_OK;
}

/* True when the marker that the root must have is another one than before. */
static bool learn_marker(struct wb_stores *stores, struct entry *entry, const char *name,
                         struct wb_arena *arena)
{
    char before[WB_MARKER_MAX];
    memcpy(before, entry->marker, sizeof(before));
    const struct wb_node_health *health = wb_registry_health(stores->registry, name, arena);
    (void)snprintf(entry->marker, sizeof(entry->marker), "%s", health ? health->marker : "");
    return strcmp(before, entry->marker) != 0;
}

static void check_marker(struct entry *entry)
{
    char have[WB_MARKER_MAX];
    struct wb_err *err = &entry->marker_err;
    entry->marker_rc = WB_OK;
    if (!*entry->marker)
        return;
    entry->marker_rc = wb_store_marker(entry->held->store, false, have, err);
    if (entry->marker_rc == WB_OK && strcmp(have, entry->marker) != 0)
        entry->marker_rc = wb_err_set(err, WB_CAT_UNREACHABLE,
                                      "the root has another marker; is the right one mounted?");
    else if (entry->marker_rc != WB_OK && err->category == WB_CAT_NOT_FOUND)
        (void)wb_err_set(err, WB_CAT_UNREACHABLE, "the root lacks its marker; is it mounted?");
    err->retryable = true;
}

/* A worker may hear of a task before it hears of the node: that passes, so it can be retried. */
static enum wb_rc define(struct wb_stores *stores, struct entry *entry, const char *name,
                         struct wb_err *err)
{
    struct wb_node *node;
    uint64_t generation = wb_registry_generation(stores->registry);
    if (entry->held && entry->generation == generation)
        return WB_OK;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    if (wb_registry_node(stores->registry, name, arena, &node, err) != WB_OK) {
        err->retryable = true;
        return WB_ERROR;
    }
    uint64_t definition = definition_of(node);
    if (learn_marker(stores, entry, name, arena))
        entry->checked_ms = 0;
    if (entry->held && entry->definition != definition) {
        forget(stores, entry);
        entry->checked_ms = 0;
    }
    entry->generation = generation;
    entry->definition = definition;
    return entry->held ? WB_OK : open_node(stores, entry, node, arena, err);
}

/* A root that is another one than was opened, or was away, is opened anew; who still works in the
 * one before goes on there. */
static enum wb_rc check(struct wb_stores *stores, struct entry *entry, const char *name,
                        struct wb_err *err)
{
    int64_t free_bytes;
    enum wb_rc rc = wb_store_check(entry->held->store, &free_bytes, err);
    if (rc != WB_OK && err->category == WB_CAT_UNREACHABLE) {
        forget(stores, entry);
        if (define(stores, entry, name, err) != WB_OK)
            return WB_ERROR;
        rc = wb_store_check(entry->held->store, &free_bytes, err);
    }
    if (rc == WB_OK)
        check_marker(entry);
    return rc;
}

static bool is_fresh(const struct entry *entry, int64_t now_ms)
{
    return entry->checked_ms && now_ms - entry->checked_ms < CHECK_EVERY_MS;
}

static enum wb_rc prepare(struct wb_stores *stores, struct entry *entry, const char *name,
                          struct wb_err *err)
{
    int64_t now_ms = wb_clock_mono_ms();
    if (is_fresh(entry, now_ms) && entry->checked_rc != WB_OK) {
        *err = entry->checked_err;
        return WB_ERROR;
    }
    enum wb_rc rc = define(stores, entry, name, err);
    bool fresh = is_fresh(entry, now_ms);
    if (rc == WB_OK && !fresh)
        rc = check(stores, entry, name, err);
    if (!fresh || rc != WB_OK)
        entry->checked_ms = now_ms;
    entry->checked_rc = rc;
    if (rc != WB_OK)
        entry->checked_err = *err;
    return rc;
}

static enum wb_rc has_marker(const struct entry *entry, enum wb_access access, struct wb_err *err)
{
    bool hidden = access == WB_ACCESS_READ && entry->marker_err.category == WB_CAT_DENIED;
    if (access == WB_ACCESS_LOOK || entry->marker_rc == WB_OK || hidden)
        return WB_OK;
    *err = entry->marker_err;
    return WB_ERROR;
}

/* Whoever looks at a node that hangs holds its lock: the others need not hang as well, and those
 * that come later need not even wait. */
static bool enter(struct entry *entry)
{
    struct timespec until;
    int64_t since_ms = atomic_load(&entry->busy_ms);
    int64_t now_ms = wb_clock_mono_ms();
    int64_t until_ms = since_ms && now_ms - since_ms > HANG_MS ? now_ms : now_ms + HANG_MS;
    until = (struct timespec){.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    if (pthread_mutex_clocklock(&entry->lock, CLOCK_MONOTONIC, &until) != 0)
        return false;
    atomic_store(&entry->busy_ms, wb_clock_mono_ms());
    return true;
}

static void leave(struct entry *entry)
{
    atomic_store(&entry->busy_ms, 0);
    pthread_mutex_unlock(&entry->lock);
}

enum wb_rc wb_stores_get(struct wb_stores *stores, const char *node, enum wb_access access,
                         struct wb_store **ret, struct wb_err *err)
{
    struct entry *entry = entry_of(stores, node);
    if (!enter(entry))
        return wb_err_set(err, WB_CAT_TIMEOUT, "the root does not answer for %d s or more",
                          HANG_MS / 1000);
    enum wb_rc rc = prepare(stores, entry, node, err);
    if (rc == WB_OK)
        rc = has_marker(entry, access, err);
    if (rc == WB_OK && access == WB_ACCESS_WRITE)
        rc = wb_store_prepare(entry->held->store, err);
    if (rc == WB_OK)
        *ret = reference(stores, entry->held);
    leave(entry);
    return rc;
}

void wb_stores_put(struct wb_stores *stores, struct wb_store *store)
{
    release(stores, store);
}

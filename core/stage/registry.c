/* A view of two compacted topics: the newest value of each key as bytes, decoded when asked for. */
#include "core/stage/registry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/path.h"
#include "core/wire/codec.h"
#include "core/wire/log.h"

enum {
    TOPIC_MAX = 256,
    NAMES_MOST = 65536,
    BYTES_MOST = 8 * 1024 * 1024, /* of all values and keys */
    SEND_TIMEOUT_MS = 20000,
    CATCH_UP_MS = 10000,
    CATCH_UP_POLL_MS = 50,
    SHOWN_MAX = 8192,
    KEY_MOST = 128 /* of a setting, with room for mistakes */
};

static const char setting_prefix[] = "setting/";

struct wb_registry {
    const struct wb_config *config;
    pthread_mutex_t lock;
    struct wb_codec *codec;
    struct wb_consumer *consumer;
    struct wb_map *nodes;    /* name, "health/<name>" -> struct wb_buf, encoded */
    struct wb_map *settings; /* "rule/<name>", "setting/<key>", "pause/<scope>", "cancel/<scope>" */
    char topics[2][TOPIC_MAX];
    int64_t next[2]; /* offsets to read */
    size_t bytes;    /* of values and keys */
    uint64_t generation;
};

static void value_free(void *value)
{
    wb_buf_free(value);
    free(value);
}

static bool begins(struct wb_span key, const char *prefix)
{
    size_t len = strlen(prefix);
    return key.len >= len && memcmp(key.data, prefix, len) == 0;
}

static enum wb_record_type type_of(bool is_node, struct wb_span key)
{
    if (is_node)
        return begins(key, "health/") ? WB_RECORD_NODE_HEALTH : WB_RECORD_NODE;
    return begins(key, "rule/") ? WB_RECORD_RULE : WB_RECORD_SETTING;
}

/* A setting is known by its key in the log, whatever the record says. */
static enum wb_rc check_setting(struct wb_span key, const struct wb_setting *setting,
                                struct wb_err *err)
{
    char name[KEY_MOST];
    const struct wb_opt_row *row;
    size_t skip = strlen(setting_prefix);
    (void)snprintf(name, sizeof(name), "%.*s", (int)(key.len - skip),
                   (const char *)key.data + skip);
    if (wb_config_live_row(name, &row, err) != WB_OK)
        return WB_ERROR;
    return wb_config_check(row, setting->value, err);
}

static enum wb_rc check(struct wb_registry *registry, bool is_node,
                        const struct wb_message *message, struct wb_err *err)
{
    void *record;
    enum wb_record_type type = type_of(is_node, message->key);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    if (wb_codec_decode_as(registry->codec, type, message->value, arena, &record, err) != WB_OK)
        return WB_ERROR;
    return !is_node && begins(message->key, setting_prefix)
               ? check_setting(message->key, record, err)
               : WB_OK;
}

static size_t bytes_of(const struct wb_map *map, struct wb_span key)
{
    const struct wb_buf *value = wb_map_get(map, key);
    return value ? key.len + value->len : 0;
}

static bool has_room(const struct wb_registry *registry, const struct wb_map *map,
                     const struct wb_message *message)
{
    size_t bytes = message->key.len + message->value.len;
    return wb_map_count(map) < NAMES_MOST &&
           registry->bytes - bytes_of(map, message->key) + bytes <= BYTES_MOST;
}

/* Takes one record in; one that can't be read, or says what can't be, leaves what was there. */
static enum wb_rc take(void *arg, const struct wb_message *message, struct wb_err *err)
{
    struct wb_registry *registry = arg;
    bool is_node = strcmp(message->topic, registry->topics[0]) == 0;
    struct wb_map *map = is_node ? registry->nodes : registry->settings;
    size_t former = bytes_of(map, message->key);
    if (!message->value.data) {
        (void)wb_map_del(map, message->key);
        registry->bytes -= former;
        registry->generation++;
        return WB_OK;
    }
    struct wb_err why = {.text = "there is too much of them"};
    if (!has_room(registry, map, message) || check(registry, is_node, message, &why) != WB_OK) {
        WB_LOG(WB_LOG_WARN, "record passed over, its former value stays",
               WB_LOG_STR("topic", message->topic), WB_LOG_INT("offset", message->offset),
               WB_LOG_STR("error", why.text));
        return WB_OK;
    }
    struct wb_buf *copy = wb_xcalloc(1, sizeof(*copy));
    *copy = wb_buf_make(WB_RECORD_MAX);
    if (wb_buf_append(copy, message->value, err) != WB_OK) {
        value_free(copy);
        return WB_ERROR;
    }
    wb_map_put(map, message->key, copy);
    registry->bytes += message->key.len + message->value.len - former;
    registry->generation++;
    return WB_OK;
}

static enum wb_rc read_now(struct wb_registry *registry, struct wb_err *err)
{
    struct wb_position positions[2];
    for (size_t i = 0; i < 2; i++) {
        int64_t next = -1;
        enum wb_topic topic = i == 0 ? WB_TOPIC_NODES : WB_TOPIC_SETTINGS;
        (void)wb_topic_name(registry->config, topic, NULL, registry->topics[i]);
        if (wb_log_scan(registry->config, registry->topics[i], &next, 1, take, registry, err) !=
            WB_OK)
            return WB_ERROR;
        positions[i] = (struct wb_position){registry->topics[i], 0, next};
        registry->next[i] = next;
    }
    if (wb_consumer_new(registry->config, NULL, NULL, &registry->consumer, err) != WB_OK)
        return WB_ERROR;
    return wb_consumer_assign(registry->consumer, positions, 2, err);
}

enum wb_rc wb_registry_new(const struct wb_config *config, struct wb_registry **ret,
                           struct wb_err *err)
{
    struct wb_registry *registry = wb_xcalloc(1, sizeof(*registry));
    registry->config = config;
    registry->nodes = wb_map_new(value_free);
    registry->settings = wb_map_new(value_free);
    pthread_mutex_init(&registry->lock, NULL);
    if (wb_codec_new(&registry->codec, err) != WB_OK || read_now(registry, err) != WB_OK) {
        wb_registry_free(&registry);
        return WB_ERROR;
    }
    *ret = registry;
    return WB_OK;
}

void wb_registry_free(struct wb_registry **registry)
{
    if (!*registry)
        return;
    wb_consumer_free(&(*registry)->consumer);
    wb_codec_free(&(*registry)->codec);
    wb_map_free(&(*registry)->nodes);
    wb_map_free(&(*registry)->settings);
    pthread_mutex_destroy(&(*registry)->lock);
    free(*registry);
    *registry = NULL;
}

static enum wb_rc poll_one(struct wb_registry *registry, int timeout_ms, bool *ret_any,
                           struct wb_err *err)
{
    struct wb_message *message WB_AUTO(wb_message_free) = NULL;
    if (wb_consumer_poll(registry->consumer, timeout_ms, &message, err) != WB_OK)
        return WB_ERROR;
    *ret_any = message != NULL;
    if (!message)
        return WB_OK;
    registry->next[strcmp(message->topic, registry->topics[0]) == 0 ? 0 : 1] = message->offset + 1;
    pthread_mutex_lock(&registry->lock);
    enum wb_rc rc = take(registry, message, err);
    pthread_mutex_unlock(&registry->lock);
    return rc;
}

enum wb_rc wb_registry_poll(struct wb_registry *registry, struct wb_err *err)
{
    for (bool any = true; any;)
        if (poll_one(registry, 0, &any, err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

enum wb_rc wb_registry_catch_up(struct wb_registry *registry, struct wb_producer *producer,
                                struct wb_err *err)
{
    int64_t end[2];
    int64_t until_ms = wb_clock_mono_ms() + CATCH_UP_MS;
    for (size_t i = 0; i < 2; i++)
        if (wb_producer_end_of(producer, registry->topics[i], 0, &end[i], err) != WB_OK)
            return WB_ERROR;
    while (registry->next[0] < end[0] || registry->next[1] < end[1]) {
        bool any;
        if (wb_clock_mono_ms() > until_ms)
            return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_TIMEOUT,
                             "nodes and settings can't be read to their ends");
        if (poll_one(registry, CATCH_UP_POLL_MS, &any, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

uint64_t wb_registry_generation(struct wb_registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    uint64_t generation = registry->generation;
    pthread_mutex_unlock(&registry->lock);
    return generation;
}

/* The bytes are copied first: the decoded record borrows from them and must outlive changes. NULL
 * when the arena has no room for it. */
static void *decode_copy(struct wb_registry *registry, const struct wb_buf *value,
                         enum wb_record_type type, struct wb_arena *arena)
{
    void *record = NULL;
    struct wb_err err;
    if (wb_arena_left(arena) < 2 * value->len + wb_decoded_most(value->len))
        return NULL;
    struct wb_span bytes = wb_arena_span(arena, wb_buf_span(value));
    if (wb_codec_decode_as(registry->codec, type, bytes, arena, &record, &err) != WB_OK)
        return NULL;
    return record;
}

static void *find(struct wb_registry *registry, const struct wb_map *map, const char *key,
                  enum wb_record_type type, struct wb_arena *arena)
{
    pthread_mutex_lock(&registry->lock);
    const struct wb_buf *value = wb_map_get(map, wb_span_str(key));
    void *record = value ? decode_copy(registry, value, type, arena) : NULL;
    pthread_mutex_unlock(&registry->lock);
    return record;
}

/* ---- all of a kind, by name ---- */

struct gather {
    struct wb_registry *registry;
    const struct wb_map *map;
    const char *prefix;
    enum wb_record_type type;
    struct wb_arena *arena;
    struct wb_span *keys; /* the map's: while the lock is held */
    void **records;
    size_t count;
};

/* Named by its key in the log: that of the record is text only. */
static bool name_setting(const struct gather *gather, struct wb_span key,
                         struct wb_setting *setting)
{
    size_t skip = strlen(gather->prefix);
    struct wb_span name = wb_span_of(key.data + skip, key.len - skip);
    if (name.len == 0 || memchr(name.data, 0, name.len) ||
        wb_arena_left(gather->arena) < 2 * name.len)
        return false;
    setting->key = (const char *)wb_arena_span(gather->arena, name).data;
    return true;
}

static bool gather_one(struct wb_span key, void *value, void *arg)
{
    struct gather *gather = arg;
    if (!begins(key, gather->prefix) ||
        type_of(gather->map == gather->registry->nodes, key) != gather->type)
        return true;
    void *record = decode_copy(gather->registry, value, gather->type, gather->arena);
    if (!record)
        return true;
    if (gather->type == WB_RECORD_SETTING && !name_setting(gather, key, record))
        return true;
    size_t at = gather->count++;
    for (; at > 0 && wb_span_cmp(key, gather->keys[at - 1]) < 0; at--) {
        gather->keys[at] = gather->keys[at - 1];
        gather->records[at] = gather->records[at - 1];
    }
    gather->keys[at] = key;
    gather->records[at] = record;
    return true;
}

static void **gather_all(struct wb_registry *registry, const struct wb_map *map, const char *prefix,
                         enum wb_record_type type, struct wb_arena *arena, size_t *ret_count)
{
    pthread_mutex_lock(&registry->lock);
    size_t most = wb_map_count(map) + 1;
    struct gather gather = {registry, map, prefix, type, arena, NULL, NULL, 0};
    gather.keys = wb_arena_alloc(arena, most * sizeof(*gather.keys));
    gather.records = wb_arena_alloc(arena, most * sizeof(*gather.records));
    wb_map_each(map, gather_one, &gather);
    pthread_mutex_unlock(&registry->lock);
    *ret_count = gather.count;
    return gather.records;
}

void wb_registry_nodes(struct wb_registry *registry, struct wb_arena *arena, struct wb_node ***ret,
                       size_t *ret_count)
{
    *ret = (struct wb_node **)gather_all(registry, registry->nodes, "", WB_RECORD_NODE, arena,
                                         ret_count);
}

void wb_registry_rules(struct wb_registry *registry, struct wb_arena *arena, struct wb_rule ***ret,
                       size_t *ret_count)
{
    *ret = (struct wb_rule **)gather_all(registry, registry->settings, "rule/", WB_RECORD_RULE,
                                         arena, ret_count);
}

void wb_registry_healths(struct wb_registry *registry, struct wb_arena *arena,
                         struct wb_node_health ***ret, size_t *ret_count)
{
    *ret = (struct wb_node_health **)gather_all(registry, registry->nodes, "health/",
                                                WB_RECORD_NODE_HEALTH, arena, ret_count);
}

void wb_registry_controls(struct wb_registry *registry, const char *prefix, struct wb_arena *arena,
                          struct wb_setting ***ret, size_t *ret_count)
{
    *ret = (struct wb_setting **)gather_all(registry, registry->settings, prefix, WB_RECORD_SETTING,
                                            arena, ret_count);
}

struct wb_config *wb_registry_overlay(struct wb_registry *registry, const struct wb_config *base)
{
    struct wb_err err;
    struct wb_setting **settings;
    size_t count = 0;
    const struct wb_opt_row *row;
    struct wb_config *config = wb_config_copy(base);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    wb_registry_controls(registry, setting_prefix, arena, &settings, &count);
    for (size_t i = 0; i < count; i++)
        if (wb_config_live_row(settings[i]->key, &row, &err) != WB_OK ||
            wb_config_set(config, row->id, settings[i]->value, row->key, &err) != WB_OK)
            wb_log_err(WB_LOG_WARN, "setting passed over", &err);
    return config;
}

/* ---- one by name ---- */

static enum wb_rc unknown(const char *what, const char *name, const char *const *names,
                          struct wb_err *err)
{
    const char *nearest = wb_nearest_name(name, names);
    if (nearest)
        return wb_err_set(err, WB_CAT_NOT_FOUND, "unknown %s \"%s\", did you mean \"%s\"", what,
                          name, nearest);
    return wb_err_set(err, WB_CAT_NOT_FOUND, "unknown %s \"%s\"", what, name);
}

enum wb_rc wb_registry_node(struct wb_registry *registry, const char *name, struct wb_arena *arena,
                            struct wb_node **ret, struct wb_err *err)
{
    struct wb_node *node = find(registry, registry->nodes, name, WB_RECORD_NODE, arena);
    if (node) {
        *ret = node;
        return WB_OK;
    }
    struct wb_node **all;
    size_t count;
    wb_registry_nodes(registry, arena, &all, &count);
    const char **names = wb_arena_alloc(arena, (count + 1) * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = all[i]->name;
    return unknown("node", name, names, err);
}

enum wb_rc wb_registry_rule(struct wb_registry *registry, const char *name, struct wb_arena *arena,
                            struct wb_rule **ret, struct wb_err *err)
{
    const char *key = wb_arena_printf(arena, "rule/%s", name);
    struct wb_rule *rule = find(registry, registry->settings, key, WB_RECORD_RULE, arena);
    if (rule) {
        *ret = rule;
        return WB_OK;
    }
    struct wb_rule **all;
    size_t count;
    wb_registry_rules(registry, arena, &all, &count);
    const char **names = wb_arena_alloc(arena, (count + 1) * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = all[i]->name;
    return unknown("rule", name, names, err);
}

struct wb_node_health *wb_registry_health(struct wb_registry *registry, const char *name,
                                          struct wb_arena *arena)
{
    const char *key = wb_arena_printf(arena, "health/%s", name);
    return find(registry, registry->nodes, key, WB_RECORD_NODE_HEALTH, arena);
}

/* ---- writing ---- */

struct delivery {
    bool failed;
    struct wb_err err;
};

static void on_delivered(void *arg, uint64_t ticket, const char *topic, int32_t partition,
                         int64_t offset, const struct wb_err *err)
{
    struct delivery *delivery = arg;
    (void)ticket;
    (void)topic;
    (void)partition;
    (void)offset;
    if (!err)
        return;
    delivery->failed = true;
    delivery->err = *err;
}

static enum wb_rc send_one(const struct wb_config *config, enum wb_topic topic, struct wb_span key,
                           struct wb_span value, struct wb_err *err)
{
    char name[TOPIC_MAX];
    struct delivery delivery = {false, {0}};
    struct wb_producer *producer WB_AUTO(wb_producer_free) = NULL;
    if (wb_producer_new(config, NULL, on_delivered, &delivery, &producer, err) != WB_OK ||
        wb_producer_send(producer, wb_topic_name(config, topic, NULL, name), 0, key, value, 1,
                         err) != WB_OK ||
        wb_producer_flush(producer, SEND_TIMEOUT_MS, err) != WB_OK)
        return WB_ERROR;
    if (delivery.failed)
        *err = delivery.err;
    return delivery.failed ? WB_ERROR : WB_OK;
}

static enum wb_rc put(const struct wb_config *config, enum wb_topic topic, const char *prefix,
                      const char *name, enum wb_record_type type, const void *record,
                      struct wb_err *err)
{
    struct wb_codec *codec WB_AUTO(wb_codec_free) = NULL;
    struct wb_buf key WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    if (wb_buf_printf(&key, err, "%s%s", prefix, name) != WB_OK ||
        wb_codec_new(&codec, err) != WB_OK)
        return WB_ERROR;
    if (record && wb_codec_encode(codec, type, record, &value, err) != WB_OK)
        return WB_ERROR;
    struct wb_span bytes = record ? wb_buf_span(&value) : wb_span_of(NULL, 0);
    return send_one(config, topic, wb_buf_span(&key), bytes, err);
}

enum wb_rc wb_registry_put_node(const struct wb_config *config, const struct wb_node *node,
                                struct wb_err *err)
{
    return put(config, WB_TOPIC_NODES, "", node->name, WB_RECORD_NODE, node, err);
}

enum wb_rc wb_registry_put_rule(const struct wb_config *config, const struct wb_rule *rule,
                                struct wb_err *err)
{
    return put(config, WB_TOPIC_SETTINGS, "rule/", rule->name, WB_RECORD_RULE, rule, err);
}

enum wb_rc wb_registry_put_control(const struct wb_config *config, const char *prefix,
                                   const struct wb_setting *setting, struct wb_err *err)
{
    struct wb_setting record = *setting;
    char shown[SHOWN_MAX];
    /* The record's own key is for people: text, where the log's key may hold any bytes. */
    record.key = wb_path_show(wb_span_str(setting->key), shown, sizeof(shown));
    return put(config, WB_TOPIC_SETTINGS, prefix, setting->key, WB_RECORD_SETTING, &record, err);
}

enum wb_rc wb_registry_remove_control(const struct wb_config *config, const char *prefix,
                                      const char *key, struct wb_err *err)
{
    return put(config, WB_TOPIC_SETTINGS, prefix, key, WB_RECORD_SETTING, NULL, err);
}

enum wb_rc wb_registry_remove_node(const struct wb_config *config, const char *name,
                                   struct wb_err *err)
{
    return put(config, WB_TOPIC_NODES, "", name, WB_RECORD_NODE, NULL, err);
}

enum wb_rc wb_registry_remove_health(const struct wb_config *config, const char *name,
                                     struct wb_err *err)
{
    return put(config, WB_TOPIC_NODES, "health/", name, WB_RECORD_NODE_HEALTH, NULL, err);
}

enum wb_rc wb_registry_remove_rule(const struct wb_config *config, const char *name,
                                   struct wb_err *err)
{
    return put(config, WB_TOPIC_SETTINGS, "rule/", name, WB_RECORD_RULE, NULL, err);
}

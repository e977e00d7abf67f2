/* The nodes, rules and settings as the log has them now: a view of the compacted topics
 * waybill.nodes and waybill.settings. Thread-safe; what is handed out is copied into the caller's
 * arena. What it holds is bounded: a record beyond that is logged and passed over. */
#ifndef WB_STAGE_REGISTRY_H
#define WB_STAGE_REGISTRY_H

#include "core/base/config.h"
#include "core/wire/records.h"

/* Cap of an arena that has room for all that a registry holds, decoded, and half as much again. */
enum { WB_REGISTRY_ARENA = 256 * 1024 * 1024 };

struct wb_registry;
struct wb_producer;

/* Reads both topics to their ends. NOT_FOUND without topics, UNREACHABLE without a broker. */
enum wb_rc wb_registry_new(const struct wb_config *config, struct wb_registry **ret,
                           struct wb_err *err) WB_MUST_USE;
void wb_registry_free(struct wb_registry **registry); /* fits WB_AUTO */

/* Takes in what came since, without waiting; call it each turn, from one thread. A record that
 * can't be read is logged and passed over: the former value stays. */
enum wb_rc wb_registry_poll(struct wb_registry *registry, struct wb_err *err) WB_MUST_USE;

/* The same up to what the log holds now, so that a record written after a change is handled by that
 * change. `producer` asks for the ends. Waits some seconds at most: TIMEOUT. */
enum wb_rc wb_registry_catch_up(struct wb_registry *registry, struct wb_producer *producer,
                                struct wb_err *err) WB_MUST_USE;

/* Changes with every change; compare to know whether to look again. */
uint64_t wb_registry_generation(struct wb_registry *registry);

/* NOT_FOUND with the nearest name. */
enum wb_rc wb_registry_node(struct wb_registry *registry, const char *name, struct wb_arena *arena,
                            struct wb_node **ret, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_registry_rule(struct wb_registry *registry, const char *name, struct wb_arena *arena,
                            struct wb_rule **ret, struct wb_err *err) WB_MUST_USE;

/* All, in order of name. Arrays in the arena. */
void wb_registry_nodes(struct wb_registry *registry, struct wb_arena *arena, struct wb_node ***ret,
                       size_t *ret_count);
void wb_registry_rules(struct wb_registry *registry, struct wb_arena *arena, struct wb_rule ***ret,
                       size_t *ret_count);
/* What the planner thinks of a node's health; NULL: nothing yet. All are in order of name and may
 * hold nodes that are gone. */
struct wb_node_health *wb_registry_health(struct wb_registry *registry, const char *name,
                                          struct wb_arena *arena);
void wb_registry_healths(struct wb_registry *registry, struct wb_arena *arena,
                         struct wb_node_health ***ret, size_t *ret_count);

/* The setting records below a prefix ("setting/", "pause/", "cancel/") in order of their keys, each
 * with what follows the prefix as its `key`: the path of a file in it is bytes as they are, with no
 * NUL among them. */
void wb_registry_controls(struct wb_registry *registry, const char *prefix, struct wb_arena *arena,
                          struct wb_setting ***ret, size_t *ret_count);

/* A copy of `base` with the settings of the log over it. A record with an unknown key, a bad value,
 * or for an option that can't change while running was told when it came and counts for nothing:
 * the former one stays. Never NULL. */
struct wb_config *wb_registry_overlay(struct wb_registry *registry, const struct wb_config *base);

/* Writing (command line): sends one record and waits until it is durable. A tombstone removes. */
enum wb_rc wb_registry_put_node(const struct wb_config *config, const struct wb_node *node,
                                struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_registry_put_rule(const struct wb_config *config, const struct wb_rule *rule,
                                struct wb_err *err) WB_MUST_USE;
/* `setting->key` is what follows the prefix; for one of "setting/" check it first with
 * wb_config_live_row and wb_config_check. */
enum wb_rc wb_registry_put_control(const struct wb_config *config, const char *prefix,
                                   const struct wb_setting *setting,
                                   struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_registry_remove_control(const struct wb_config *config, const char *prefix,
                                      const char *key, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_registry_remove_node(const struct wb_config *config, const char *name,
                                   struct wb_err *err) WB_MUST_USE;
/* What was thought of a node's health, its marker too: for a name that leads elsewhere now. */
enum wb_rc wb_registry_remove_health(const struct wb_config *config, const char *name,
                                     struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_registry_remove_rule(const struct wb_config *config, const char *name,
                                   struct wb_err *err) WB_MUST_USE;

#endif

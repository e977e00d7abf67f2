/* The nodes, rules and settings as the log has them now: a view of the compacted topics
 * waybill.nodes and waybill.settings. Thread-safe; what is handed out is copied into the caller's
 * arena. */
#ifndef WB_STAGE_REGISTRY_H
#define WB_STAGE_REGISTRY_H

#include "core/base/config.h"
#include "core/wire/records.h"

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
/* NULL when not set. */
const char *wb_registry_setting(struct wb_registry *registry, const char *key,
                                struct wb_arena *arena);

/* Writing (command line): sends one record and waits until it is durable. A tombstone removes. */
enum wb_rc wb_registry_put_node(const struct wb_config *config, const struct wb_node *node,
                                struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_registry_put_rule(const struct wb_config *config, const struct wb_rule *rule,
                                struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_registry_put_setting(const struct wb_config *config, const struct wb_setting *setting,
                                   struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_registry_remove_node(const struct wb_config *config, const char *name,
                                   struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_registry_remove_rule(const struct wb_config *config, const char *name,
                                   struct wb_err *err) WB_MUST_USE;

#endif

/* Opened storage nodes by name, shared by the threads of a worker. */
#ifndef WB_STAGE_STORES_H
#define WB_STAGE_STORES_H

#include "core/stage/registry.h"
#include "core/store/store.h"

/* Opens a node by its name for the caller alone, who closes it. Errors: those of the registry and
 * of wb_store_open, which name the node. */
enum wb_rc wb_stores_open_node(const struct wb_config *config, struct wb_registry *registry,
                               const char *name, struct wb_store **ret,
                               struct wb_err *err) WB_MUST_USE;

struct wb_stores;

/* Borrows both. Never NULL. */
struct wb_stores *wb_stores_new(const struct wb_config *config, struct wb_registry *registry);
/* All references must have been given back. Fits WB_AUTO. */
void wb_stores_free(struct wb_stores **stores);

/* What the caller is about to do, and what is demanded of the root for it besides being there.
 * Where the node's health record names a marker, a root without it is not the node: nothing is
 * written there, and nothing there counts as missing. */
enum wb_access {
    WB_ACCESS_LOOK, /* nothing */
    WB_ACCESS_READ, /* the marker; one that must not be read is passed over */
    WB_ACCESS_WRITE /* the marker; the store is prepared, so its caps are those of a target */
};

/* The node's store, opened when it is not yet, opened anew when its definition changed or when the
 * check (at most once a second) says that the root went away. One reference: give it back. Errors:
 * those of the registry, of wb_store_open and of wb_store_check, UNREACHABLE without the marker,
 * TIMEOUT while somebody hangs who looks at the node; a failure is remembered for a second. */
enum wb_rc wb_stores_get(struct wb_stores *stores, const char *node, enum wb_access access,
                         struct wb_store **ret, struct wb_err *err) WB_MUST_USE;
void wb_stores_put(struct wb_stores *stores, struct wb_store *store);

#endif

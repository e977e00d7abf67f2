/* Admin HTTP of a service: /livez /readyz[?verbose] /metrics /version, over libmicrohttpd. */
#ifndef WB_STAGE_ADMIN_H
#define WB_STAGE_ADMIN_H

#include "core/base/metrics.h"
#include "core/stage/health.h"

struct wb_admin;

/* Listens on `address` ("127.0.0.1:9470", port 0: any free one; "": none, and `ret` is NULL) with a
 * thread of its own. Borrows the rest. USAGE for an address that is none, CONFLICT when it is
 * taken. The caller frees. */
enum wb_rc wb_admin_new(const char *address, struct wb_metrics *metrics,
                        struct wb_health *const *healths, size_t count, struct wb_admin **ret,
                        struct wb_err *err) WB_MUST_USE;
void wb_admin_free(struct wb_admin **admin); /* NULL is fine */

/* "127.0.0.1:43211": where it really listens. */
const char *wb_admin_address(const struct wb_admin *admin);

#endif

/* How the stages of a process are: set by each stage, read by /livez and /readyz and the watchdog.
 * Thread-safe. */
#ifndef WB_STAGE_HEALTH_H
#define WB_STAGE_HEALTH_H

#include "core/stage/service.h"

enum { WB_HEALTH_SILENT_MS = 60000, WB_HEALTH_REASON_MAX = 256 };

/* Not ready ("starting"), alive. `name` is borrowed. The caller frees. */
struct wb_health *wb_health_new(const char *name);
void wb_health_free(struct wb_health **health);

/* The stage's name, as given. */
const char *wb_health_name(const struct wb_health *health);
/* False after WB_HEALTH_SILENT_MS without a sign of life. */
bool wb_health_alive(struct wb_health *health);
/* `reason` holds WB_HEALTH_REASON_MAX and is "" when ready. */
bool wb_health_ready(struct wb_health *health, char *reason);

#endif

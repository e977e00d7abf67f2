/* Transfer: the only stage that writes to storage nodes. It decides nothing: it does what a task
 * says, each operation idempotent, and reports what came of it. */
#ifndef WB_TRANSFER_TRANSFER_H
#define WB_TRANSFER_TRANSFER_H

#include "core/stage/service.h"

extern const struct wb_stage_ops wb_transfer_stage;

#endif

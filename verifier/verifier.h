/* Verifier: the only stage that judges. It reads staged bytes back from the target and compares
 * digests; it never writes to storage, so it can run with credentials that only read. */
#ifndef WB_VERIFIER_VERIFIER_H
#define WB_VERIFIER_VERIFIER_H

#include "core/stage/service.h"

extern const struct wb_stage_ops wb_verifier_stage;

#endif

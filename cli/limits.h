/* What a node can't do, in words: for `node add` and `node test`. */
#ifndef WB_CLI_LIMITS_H
#define WB_CLI_LIMITS_H

#include "core/store/store.h"

enum { WB_LIMITS_MOST = 8 };

/* Sentences without a subject ("takes no ranges: …"), static. Returns how many. */
size_t wb_limits_of(const struct wb_store_caps *caps, const char *ret[WB_LIMITS_MOST]);

#endif

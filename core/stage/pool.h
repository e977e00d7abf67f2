/* Buffers of one size under one memory limit, for the threads that move or read bytes. */
#ifndef WB_STAGE_POOL_H
#define WB_STAGE_POOL_H

#include "core/base/buf.h"

enum { WB_POOL_BLOCK_BYTES = 1024 * 1024 };

struct wb_pool;

/* At most `limit_bytes` (at least one block) in blocks of WB_POOL_BLOCK_BYTES, aligned to 4096,
 * allocated as they are first needed. Never NULL. */
struct wb_pool *wb_pool_new(int64_t limit_bytes);
/* All blocks must have been given back. Fits WB_AUTO. */
void wb_pool_free(struct wb_pool **pool);

/* Waits until a block is free: a thread holds at most one while it waits for none. */
uint8_t *wb_pool_get(struct wb_pool *pool);
void wb_pool_put(struct wb_pool *pool, uint8_t *block);

#endif

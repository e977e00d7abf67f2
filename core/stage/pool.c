#include "core/stage/pool.h"

#include <pthread.h>
#include <stdlib.h>

enum { ALIGNMENT = 4096 };

struct wb_pool {
    pthread_mutex_t lock;
    pthread_cond_t given_back;
    uint8_t **free_blocks;
    size_t free_count;
    size_t made;
    size_t limit;
};

struct wb_pool *wb_pool_new(int64_t limit_bytes)
{
    struct wb_pool *pool = wb_xcalloc(1, sizeof(*pool));
    pool->limit = limit_bytes > WB_POOL_BLOCK_BYTES ? (size_t)limit_bytes / WB_POOL_BLOCK_BYTES : 1;
    pool->free_blocks = wb_xcalloc(pool->limit, sizeof(*pool->free_blocks));
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->given_back, NULL);
    return pool;
}

void wb_pool_free(struct wb_pool **pool)
{
    if (!*pool)
        return;
    for (size_t i = 0; i < (*pool)->free_count; i++)
        free((*pool)->free_blocks[i]);
    free((*pool)->free_blocks);
    pthread_mutex_destroy(&(*pool)->lock);
    pthread_cond_destroy(&(*pool)->given_back);
    free(*pool);
    *pool = NULL;
}

static uint8_t *block_new(void)
{
    uint8_t *block = aligned_alloc(ALIGNMENT, WB_POOL_BLOCK_BYTES);
    if (!block)
        abort();
    return block;
}

uint8_t *wb_pool_get(struct wb_pool *pool)
{
    uint8_t *block = NULL;
    pthread_mutex_lock(&pool->lock);
    while (pool->free_count == 0 && pool->made == pool->limit)
        pthread_cond_wait(&pool->given_back, &pool->lock);
    if (pool->free_count > 0)
        block = pool->free_blocks[--pool->free_count];
    else
        pool->made++;
    pthread_mutex_unlock(&pool->lock);
    return block ? block : block_new();
}

void wb_pool_put(struct wb_pool *pool, uint8_t *block)
{
    pthread_mutex_lock(&pool->lock);
    pool->free_blocks[pool->free_count++] = block;
    pthread_cond_signal(&pool->given_back);
    pthread_mutex_unlock(&pool->lock);
}

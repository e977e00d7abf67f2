#include <pthread.h>

#include "core/stage/pool.h"
#include "tests/check.h"

enum { THREADS = 4, ROUNDS = 2000, BLOCKS = 2 };

static void blocks_are_given_again(void **state)
{
    (void)state;
    struct wb_pool *pool = wb_pool_new(2 * WB_POOL_BLOCK_BYTES);
    uint8_t *first = wb_pool_get(pool);
    uint8_t *second = wb_pool_get(pool);
    assert_ptr_not_equal(first, second);
    assert_int_equal((uintptr_t)first % 4096, 0);
    wb_pool_put(pool, first);
    assert_ptr_equal(wb_pool_get(pool), first);
    wb_pool_put(pool, first);
    wb_pool_put(pool, second);
    wb_pool_free(&pool);
    assert_null(pool);
}

static void there_is_one_block_at_least(void **state)
{
    (void)state;
    struct wb_pool *pool = wb_pool_new(1);
    uint8_t *block = wb_pool_get(pool);
    assert_non_null(block);
    wb_pool_put(pool, block);
    wb_pool_free(&pool);
}

static void *use(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t *block = wb_pool_get(arg);
        block[0]++;
        block[WB_POOL_BLOCK_BYTES - 1] = block[0];
        wb_pool_put(arg, block);
    }
    return NULL;
}

/* More threads than blocks: all get through, and no block is two threads' at once (TSan sees). */
static void threads_wait_for_blocks(void **state)
{
    pthread_t threads[THREADS];
    (void)state;
    struct wb_pool *pool = wb_pool_new(BLOCKS * WB_POOL_BLOCK_BYTES);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, pool), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    wb_pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_given_again),
        cmocka_unit_test(there_is_one_block_at_least),
        cmocka_unit_test(threads_wait_for_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <pthread.h>

#include "core/stage/backlog.h"
#include "tests/check.h"

enum { THREADS = 3, RECORDS = 3000, QUEUED_MOST = 32 };

static struct wb_message *message(int32_t partition, int64_t offset)
{
    struct wb_message *message = wb_xcalloc(1, sizeof(*message));
    message->topic = "t";
    message->partition = partition;
    message->offset = offset;
    return message;
}

/* Messages of a test have no owner in a client: they are taken apart by hand. */
static void settle(struct wb_backlog *backlog, struct wb_item *item)
{
    free(item->message);
    item->message = NULL;
    wb_backlog_settle(backlog, item);
}

static void an_item_is_done_when_its_reports_are_durable(void **state)
{
    int32_t partition;
    int64_t offset;
    (void)state;
    struct wb_backlog *backlog = wb_backlog_new();
    assert_true(wb_backlog_add(backlog, message(1, 7)));
    struct wb_item *item = wb_backlog_next(backlog);
    assert_int_equal(item->offset, 7);
    uint64_t ticket = wb_backlog_ticket(backlog, item);
    settle(backlog, item);
    assert_false(wb_backlog_take_done(backlog, &partition, &offset));
    assert_int_equal(wb_backlog_present(backlog), 1);
    wb_backlog_settle(backlog, wb_backlog_item(ticket));
    assert_true(wb_backlog_take_done(backlog, &partition, &offset));
    assert_int_equal(partition, 1);
    assert_int_equal(offset, 7);
    assert_int_equal(wb_backlog_present(backlog), 0);
    wb_backlog_free(&backlog);
}

static void *work(void *arg)
{
    struct wb_item *item;
    while ((item = wb_backlog_next(arg)))
        settle(arg, item);
    return NULL;
}

static void every_record_is_done_once(void **state)
{
    pthread_t threads[THREADS];
    int32_t partition;
    int64_t offset;
    bool done[RECORDS] = {false};
    int64_t left = RECORDS;
    (void)state;
    struct wb_backlog *backlog = wb_backlog_new();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, backlog), 0);
    for (int64_t next = 0; left > 0;) {
        if (next < RECORDS && wb_backlog_queued(backlog) < QUEUED_MOST)
            assert_true(wb_backlog_add(backlog, message(0, next++)));
        while (wb_backlog_take_done(backlog, &partition, &offset)) {
            assert_false(done[offset]);
            done[offset] = true;
            left--;
        }
    }
    wb_backlog_end(backlog);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    wb_backlog_free(&backlog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_done_when_its_reports_are_durable),
        cmocka_unit_test(every_record_is_done_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

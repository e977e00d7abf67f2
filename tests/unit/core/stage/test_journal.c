/* A process that ends is played by a journal that is closed with its marks. */
#include "tests/check.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "core/stage/journal.h"

struct fixture {
    char folder[64];
    char path[96];
    struct wb_journal *journal;
};

static void end_and_begin(struct fixture *fixture)
{
    struct wb_err err;
    wb_journal_close(&fixture->journal);
    check_ok(wb_journal_open(fixture->folder, &fixture->journal, &err));
}

static int set_up(void **state)
{
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/wb-test-journal-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/journal", fixture->folder);
    end_and_begin(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    wb_journal_close(&fixture->journal);
    (void)unlink(fixture->path);
    (void)rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static int begin(struct fixture *fixture, int64_t offset, struct wb_journal_cell **cell)
{
    return wb_journal_begin(fixture->journal, 3, offset, 77, cell);
}

static void each_end_counts_until_it_is_done(void **state)
{
    struct fixture *fixture = *state;
    struct wb_journal_cell *cell;
    for (int ends = 0; ends < 4; ends++) {
        assert_int_equal(begin(fixture, 1, &cell), ends);
        end_and_begin(fixture);
    }
    assert_int_equal(begin(fixture, 1, &cell), 4);
    wb_journal_done(fixture->journal, cell);
    end_and_begin(fixture);
    assert_int_equal(begin(fixture, 1, &cell), 0);
    wb_journal_done(fixture->journal, cell);
}

static void what_was_done_before_the_end_is_innocent(void **state)
{
    struct fixture *fixture = *state;
    struct wb_journal_cell *done;
    struct wb_journal_cell *cell;
    (void)begin(fixture, 1, &done);
    (void)begin(fixture, 2, &cell);
    wb_journal_done(fixture->journal, done);
    end_and_begin(fixture);
    assert_int_equal(begin(fixture, 1, &cell), 0);
    assert_int_equal(begin(fixture, 2, &cell), 1);
}

static void a_record_is_known_by_its_bytes_too(void **state)
{
    struct fixture *fixture = *state;
    struct wb_journal_cell *cell;
    (void)begin(fixture, 1, &cell);
    end_and_begin(fixture);
    assert_int_equal(wb_journal_begin(fixture->journal, 3, 1, 78, &cell), 0);
    assert_int_equal(wb_journal_begin(fixture->journal, 4, 1, 77, &cell), 0);
    assert_int_equal(begin(fixture, 1, &cell), 1);
}

static void an_end_of_its_own_will_counts_against_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct wb_journal_cell *cell;
    (void)begin(fixture, 1, &cell);
    end_and_begin(fixture);
    assert_int_equal(begin(fixture, 1, &cell), 1);
    (void)begin(fixture, 2, &cell);
    wb_journal_leave(fixture->journal);
    end_and_begin(fixture);
    assert_int_equal(begin(fixture, 2, &cell), 0);
    assert_int_equal(begin(fixture, 1, &cell), 1);
}

static void *begin_second(void *arg)
{
    struct wb_journal_cell *cell;
    struct fixture *fixture = arg;
    assert_int_equal(begin(fixture, 2, &cell), 1);
    wb_journal_done(fixture->journal, cell);
    return NULL;
}

static void suspects_are_executed_one_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    struct wb_journal_cell *first;
    struct wb_journal_cell *other;
    pthread_t thread;
    (void)begin(fixture, 1, &first);
    (void)begin(fixture, 2, &other);
    end_and_begin(fixture);
    assert_int_equal(begin(fixture, 1, &first), 1);
    assert_int_equal(pthread_create(&thread, NULL, begin_second, fixture), 0);
    assert_int_equal(begin(fixture, 9, &other), 0); /* no suspect: does not wait */
    wb_journal_done(fixture->journal, other);
    wb_journal_done(fixture->journal, first);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void more_suspects_than_cells_are_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct wb_journal_cell *cell;
    for (int64_t i = 0; i < WB_JOURNAL_CELLS; i++)
        assert_int_equal(begin(fixture, i, &cell), 0);
    end_and_begin(fixture);
    for (int64_t i = 0; i < WB_JOURNAL_CELLS; i++) {
        assert_int_equal(begin(fixture, 5000 + i, &cell), 0);
        if (i % 2)
            wb_journal_done(fixture->journal, cell);
    }
}

static void a_broken_file_is_made_anew(void **state)
{
    struct fixture *fixture = *state;
    struct wb_journal_cell *cell;
    (void)begin(fixture, 1, &cell);
    wb_journal_close(&fixture->journal);
    int fd = open(fixture->path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "garbage", 7, 0), 7);
    assert_int_equal(ftruncate(fd, 100), 0);
    assert_int_equal(close(fd), 0);
    end_and_begin(fixture);
    assert_int_equal(begin(fixture, 1, &cell), 0);
}

#define JOURNAL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JOURNAL_TEST(each_end_counts_until_it_is_done),
        JOURNAL_TEST(what_was_done_before_the_end_is_innocent),
        JOURNAL_TEST(a_record_is_known_by_its_bytes_too),
        JOURNAL_TEST(an_end_of_its_own_will_counts_against_nobody),
        JOURNAL_TEST(suspects_are_executed_one_at_a_time),
        JOURNAL_TEST(more_suspects_than_cells_are_forgotten),
        JOURNAL_TEST(a_broken_file_is_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

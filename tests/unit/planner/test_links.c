/* Links in memory for one turn. */
#include "tests/check.h"

#include <unistd.h>

#include "planner/shell.h"

struct fixture {
    char folder[64];
    struct wb_part parts[1];
    struct wb_shell shell;
};

static int set_up(void **state)
{
    struct wb_err err;
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    struct wb_shell *shell = &fixture->shell;
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/wb-links-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    check_ok(wb_ledger_open(fixture->folder, 0, 1 << 20, &fixture->parts[0].ledger, &err));
    check_ok(wb_codec_new(&shell->codec, &err));
    shell->arena = wb_arena_new(1 << 20);
    shell->links = wb_map_new(NULL);
    shell->parts = fixture->parts;
    shell->partitions = 1;
    shell->defaults.rule = "";
    wb_turn_reset(shell);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct fixture *fixture = *state;
    wb_ledger_close(&fixture->parts[0].ledger);
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/ledger-0.db%s", fixture->folder, endings[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(fixture->folder), 0);
    wb_map_free(&fixture->shell.links);
    wb_arena_free(&fixture->shell.arena);
    wb_codec_free(&fixture->shell.codec);
    free(fixture);
    return 0;
}

/* A late report may have loaded the link before the turn read that there is a rule for it. */
static void an_event_goes_by_the_rules_as_they_are_when_it_is_taken(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_loaded *before;
    struct wb_loaded *now;
    const struct wb_policy policy = {.rule = "new"};
    check_ok(wb_link_load(&fixture->shell, &fixture->parts[0], "b", "a", wb_span_str("x"), NULL,
                          &before, &err));
    assert_string_equal(before->policy.rule, "");
    check_ok(wb_link_load(&fixture->shell, &fixture->parts[0], "b", "a", wb_span_str("x"), &policy,
                          &now, &err));
    assert_ptr_equal(now, before);
    assert_string_equal(now->policy.rule, "new");
    check_ok(wb_link_load(&fixture->shell, &fixture->parts[0], "b", "a", wb_span_str("x"), NULL,
                          &now, &err));
    assert_string_equal(now->policy.rule, "new");
}

/* Written by a stranger: it must not stop the planner at each event of the file. */
static void a_replica_that_cannot_be_read_is_none(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_loaded *loaded;
    const struct wb_replica *other;
    const struct wb_span key = wb_span_str("b/a:x");
    check_ok(
        wb_ledger_put_replica(fixture->parts[0].ledger, key, wb_span_str("no record"), NULL, &err));
    check_ok(wb_link_load(&fixture->shell, &fixture->parts[0], "c", "a", wb_span_str("x"), NULL,
                          &loaded, &err));
    check_ok(wb_link_other(&fixture->shell, loaded, "b", &other, &err));
    assert_null(other);
    check_ok(wb_link_load(&fixture->shell, &fixture->parts[0], "b", "a", wb_span_str("x"), NULL,
                          &loaded, &err));
    assert_null(loaded->link.replica);
    assert_true(loaded->known.replica > 0);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(an_event_goes_by_the_rules_as_they_are_when_it_is_taken,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_replica_that_cannot_be_read_is_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}

/* The moves that docs/ARCHITECTURE.md draws are those of the code, all of them and no others. */
#include "tests/check.h"

#include "planner/plan.h"

enum { STATES = WB_JOB_DEAD + 1, LINE_MAX_BYTES = 512 };

static int state_named(const char *name)
{
    if (strcmp(name, "…") == 0)
        return WB_JOB_UNKNOWN;
    for (int state = 1; state < STATES; state++)
        if (strcmp(wb_job_state_name((enum wb_job_state)state), name) == 0)
            return state;
    fail_msg("no state \"%s\"", name);
    return 0;
}

/* `state → state state`; a state of its own line each. */
static void take_line(char *line, bool drawn[STATES][STATES], bool named[STATES])
{
    char *rest = NULL;
    char *word = strtok_r(line, " \n", &rest);
    assert_non_null(word);
    int from = state_named(word);
    named[from] = true;
    word = strtok_r(NULL, " \n", &rest);
    assert_non_null(word);
    assert_string_equal(word, "→");
    while ((word = strtok_r(NULL, " \n", &rest)))
        drawn[from][state_named(word)] = true;
}

static void read_drawing(bool drawn[STATES][STATES], bool named[STATES])
{
    char line[LINE_MAX_BYTES];
    bool inside = false;
    FILE *file = fopen(WB_SOURCE_DIR "/docs/ARCHITECTURE.md", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        if (strcmp(line, "```moves\n") == 0)
            inside = true;
        else if (inside && strcmp(line, "```\n") == 0)
            break;
        else if (inside)
            take_line(line, drawn, named);
    }
    assert_int_equal(fclose(file), 0);
    assert_true(inside);
}

static void the_drawing_is_the_table(void **state)
{
    bool drawn[STATES][STATES] = {{false}};
    bool named[STATES] = {false};
    (void)state;
    read_drawing(drawn, named);
    for (int from = 0; from < STATES; from++) {
        assert_int_equal(named[from], from != WB_JOB_PARKED);
        for (int to = 0; to < STATES; to++)
            if (drawn[from][to] != wb_plan_may_move((enum wb_job_state)from, (enum wb_job_state)to))
                fail_msg("%s → %s is %s", wb_job_state_name((enum wb_job_state)from),
                         wb_job_state_name((enum wb_job_state)to),
                         drawn[from][to] ? "drawn, but is none" : "not drawn");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_drawing_is_the_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

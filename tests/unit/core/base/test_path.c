/* Which paths are taken, how they are shown, and globs. */
#include "tests/check.h"

#include "core/base/path.h"

static void paths_that_could_leave_the_root_are_refused(void **state)
{
    static const char *const bad[] = {"",   "/a",     "a//b",  "a/",         ".",
                                      "..", "a/../b", "a/./b", ".waybill/x", ".waybill"};
    static const char *const good[] = {"a", "a/b", "...", "a/..b", "a\nb", "x/.waybill", "\xff"};
    struct wb_err err;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(wb_path_check(wb_span_str(bad[i]), &err), WB_ERROR);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        check_ok(wb_path_check(wb_span_str(good[i]), &err));
    check_fails(wb_path_check(wb_span_of("a\0b", 3), &err), WB_CAT_INVALID, "NUL");
}

static void parts_and_paths_have_a_length(void **state)
{
    struct wb_err err;
    char part[300];
    char path[5000];
    (void)state;
    memset(part, 'x', sizeof(part));
    check_ok(wb_path_check(wb_span_of(part, 255), &err));
    check_fails(wb_path_check(wb_span_of(part, 256), &err), WB_CAT_INVALID, "256 bytes");
    for (size_t i = 0; i < sizeof(path); i++)
        path[i] = i % 2 ? '/' : 'a';
    check_ok(wb_path_check(wb_span_of(path, 4095), &err));
    check_fails(wb_path_check(wb_span_of(path, 4097), &err), WB_CAT_INVALID, "4097 bytes");
}

static void a_node_and_a_path_are_split_at_the_first_colon(void **state)
{
    struct wb_err err;
    char node[64];
    struct wb_span path;
    (void)state;
    check_ok(wb_path_split("a:x:y/", node, &path, &err));
    assert_string_equal(node, "a");
    check_span(path, "x:y");
    check_ok(wb_path_split("a:", node, &path, &err));
    assert_int_equal(path.len, 0);
    check_fails(wb_path_split("nothing", node, &path, &err), WB_CAT_USAGE, "NODE:PATH");
    check_fails(wb_path_split("A:x", node, &path, &err), WB_CAT_USAGE, "may hold only");
}

static void odd_bytes_are_shown_escaped(void **state)
{
    char out[64];
    char small[12];
    (void)state;
    assert_string_equal(wb_path_show(wb_span_str("ä\n\xff\\"), out, sizeof(out)),
                        "ä\\x0a\\xff\\\\");
    assert_string_equal(wb_path_show(wb_span_str("abcdefghijklmnop"), small, sizeof(small)),
                        "abcdefgh…");
}

struct glob_case {
    const char *pattern;
    const char *path;
    bool match;
};

static void globs_match_whole_paths(void **state)
{
    static const struct glob_case cases[] = {
        {"**", "a/b/c", true},
        {"**", "", true},
        {"*", "a", true},
        {"*", "a/b", false},
        {"a/*", "a/b", true},
        {"a/*", "a/b/c", false},
        {"a/**", "a/b/c", true},
        {"a/**", "ab", false},
        {"**/b", "b", true},
        {"**/b", "a/b", true},
        {"**/b", "a/xb", false},
        {"a/**/b", "a/b", true},
        {"a/**/b", "a/x/y/b", true},
        {"a/**/b", "a/xb", false},
        {"**/*.bin", "x/y.bin", true},
        {"**/*.bin", "y.bin", true},
        {"*.bin", "x/y.bin", false},
        {"raw/**/*.t?t", "raw/a/b.txt", true},
        {"[a-c]x", "bx", true},
        {"[!a-c]x", "bx", false},
        {"[", "[", true},
        {"a\\*", "a*", true},
        {"a\\*", "ab", false},
        {"a**b", "a/x/b", true},
        {"", "a", false},
        {"a", "", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (wb_glob_match(wb_span_str(cases[i].pattern), wb_span_str(cases[i].path)) !=
            cases[i].match)
            fail_msg("\"%s\" on \"%s\"", cases[i].pattern, cases[i].path);
}

static void mistakes_in_globs_are_named_with_their_place(void **state)
{
    static const char *const fine[] = {"**",  "a/[a-z]*", "[]]x", "[!]a]",
                                       "a]b", "[a-]",     "\\[",  "[^a]"};
    static const char *const bad[][2] = {
        {"[", "class that begins at byte 1 is not closed"},
        {"a/[b", "class that begins at byte 3 is not closed"},
        {"[]", "class that begins at byte 1 is not closed"},
        {"[a][!]", "class that begins at byte 4 is not closed"},
        {"a[z-a]", "range \"z-a\" at byte 3 holds nothing"},
        {"a\\", "nothing follows the '\\' at byte 2"},
    };
    struct wb_err err;
    (void)state;
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
        check_ok(wb_glob_check(wb_span_str(fine[i]), &err));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_fails(wb_glob_check(wb_span_str(bad[i][0]), &err), WB_CAT_USAGE, bad[i][1]);
}

static void many_stars_do_not_take_for_ever(void **state)
{
    char path[4000];
    (void)state;
    memset(path, 'a', sizeof(path));
    assert_false(wb_glob_match(wb_span_str("*a*a*a*a*a*a*a*a*a*a*a*a*b"), wb_span_of(path, 4000)));
    assert_false(wb_glob_match(wb_span_str("**a**a**a**a**a**a**a**b"), wb_span_of(path, 4000)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_that_could_leave_the_root_are_refused),
        cmocka_unit_test(parts_and_paths_have_a_length),
        cmocka_unit_test(a_node_and_a_path_are_split_at_the_first_colon),
        cmocka_unit_test(odd_bytes_are_shown_escaped),
        cmocka_unit_test(globs_match_whole_paths),
        cmocka_unit_test(mistakes_in_globs_are_named_with_their_place),
        cmocka_unit_test(many_stars_do_not_take_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

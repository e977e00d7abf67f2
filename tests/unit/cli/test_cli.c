/* The command line as people meet it: what is understood, what is refused and with which words, and
 * what the tables of commands and flags must hold to. */
#include "tests/check.h"

#include <fcntl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/out.h"
#include "cli/parse.h"
#include "cli/render.h"

enum { OUTPUT_MAX = 256 * 1024, WORDS_MOST = 16 };

struct outcome {
    int code;
    char out[OUTPUT_MAX];
    char err[OUTPUT_MAX];
};

/* ---- running the program in this process, its output caught ---- */

static int redirect(FILE *stream, FILE *to)
{
    (void)fflush(stream);
    int saved = dup(fileno(stream));
    assert_true(dup2(fileno(to), fileno(stream)) >= 0);
    return saved;
}

static void restore(FILE *stream, int saved, FILE *from, char out[OUTPUT_MAX])
{
    (void)fflush(stream);
    assert_true(dup2(saved, fileno(stream)) >= 0);
    (void)close(saved);
    rewind(from);
    size_t len = fread(out, 1, OUTPUT_MAX - 1, from);
    out[len] = 0;
    (void)fclose(from);
}

/* `line` is split at spaces. */
static struct outcome *run(const char *line)
{
    static struct outcome *outcome;
    char copy[512];
    char *words[WORDS_MOST] = {copy};
    int count = 0;
    free(outcome);
    outcome = NULL;
    if (!line)
        return NULL;
    outcome = wb_xcalloc(1, sizeof(*outcome));
    (void)snprintf(copy, sizeof(copy), "waybill %s", line);
    for (char *rest = copy, *word; (word = strsep(&rest, " ")) && count < WORDS_MOST - 1;)
        if (*word)
            words[count++] = word;
    words[count] = NULL;
    FILE *out = tmpfile();
    FILE *err = tmpfile();
    assert_true(out && err);
    int saved_out = redirect(stdout, out);
    int saved_err = redirect(stderr, err);
    outcome->code = wb_cli_main(count, words);
    restore(stdout, saved_out, out, outcome->out);
    restore(stderr, saved_err, err, outcome->err);
    return outcome;
}

static void expect_refused(const char *line, const char *part)
{
    const struct outcome *outcome = run(line);
    if (outcome->code != 2 || !strstr(outcome->err, part))
        fail_msg("`waybill %s` gave %d and \"%s\", not 2 and \"%s\"", line, outcome->code,
                 outcome->err, part);
    assert_string_equal(outcome->out, "");
}

/* ---- the parser ---- */

static struct wb_parsed *parse(int count, const char *const *words)
{
    struct wb_err err;
    struct wb_parsed *parsed = NULL;
    check_ok(wb_parse_flags(count, (char **)(uintptr_t)words, &parsed, &err));
    check_ok(wb_parse_command(parsed, &err));
    return parsed;
}

static void flags_may_stand_before_between_and_after_the_words(void **state)
{
    const char *const words[] = {"waybill", "-b",  "h:1",     "rule", "--to=b",   "set", "r",
                                 "--to",    "c,d", "--match", "a:**", "--sha256", NULL};
    (void)state;
    struct wb_parsed *parsed WB_AUTO(wb_parsed_free) = parse(12, words);
    assert_string_equal(parsed->command->name, "rule set");
    assert_int_equal(parsed->word_count - parsed->name_words, 1);
    assert_string_equal(parsed->words[2], "r");
    const struct wb_cli cli = {.parsed = parsed};
    assert_string_equal(wb_cli_flag_at(&cli, "to", 0), "b");
    assert_string_equal(wb_cli_flag_at(&cli, "to", 1), "c,d");
    assert_null(wb_cli_flag_at(&cli, "to", 2));
    assert_string_equal(wb_cli_flag(&cli, "sha256"), "");
    assert_null(wb_cli_flag(&cli, "xattrs"));
    assert_string_equal(wb_cli_flag(&cli, "brokers"), "h:1");
}

static void after_two_dashes_all_is_words(void **state)
{
    const char *const words[] = {"waybill", "trace", "--", "--all", NULL};
    (void)state;
    struct wb_parsed *parsed WB_AUTO(wb_parsed_free) = parse(4, words);
    assert_string_equal(parsed->words[1], "--all");
    assert_null(wb_parsed_last(parsed, "all"));
}

static void a_lone_dash_is_a_value(void **state)
{
    const char *const words[] = {"waybill", "check", "a:", "b:", "--combined", "-", NULL};
    (void)state;
    struct wb_parsed *parsed WB_AUTO(wb_parsed_free) = parse(6, words);
    assert_string_equal(wb_parsed_last(parsed, "combined"), "-");
}

static void mistakes_are_named_with_the_nearest_name(void **state)
{
    (void)state;
    expect_refused("statsu", "unknown command \"statsu\", did you mean \"status\"");
    expect_refused("node ad x y", "unknown command \"node ad\", did you mean \"node add\"");
    expect_refused("nod ls", "unknown command \"nod\", did you mean \"node\"");
    expect_refused("node", "\"node\" needs a second word");
    expect_refused("xyzzy", "unknown command \"xyzzy\"; see `waybill help`");
    expect_refused("stat", "unknown command \"stat\", did you mean \"status\"");
    expect_refused("ruin", "unknown command \"ruin\", did you mean \"run\"");
    expect_refused("sync", "unknown command \"sync\"; see");
    expect_refused("copy", "unknown command \"copy\"; see");
    assert_string_equal(run("")->out, "");
    expect_refused("status --color=blue",
                   "--color: unknown value \"blue\"; there are auto, always");
    expect_refused("", "usage: waybill [FLAG");
    expect_refused("status --confg x", "unknown flag \"--confg\", did you mean \"--config\"");
    expect_refused("status --output=jsn",
                   "unknown value \"jsn\"; there are table, wide, json, ndjson and name");
    expect_refused("get file",
                   "unknown kind \"file\"; there are files, jobs, dead, nodes and rules");
    expect_refused("run planer",
                   "unknown stage \"planer\"; there are planner, transfer, verifier and all");
    expect_refused("node ls --to x", "\"--to\" is no flag of \"node ls\"");
    expect_refused("status --brokers", "missing argument");
    expect_refused("node rm", "too few words; usage: waybill node rm NAME");
    expect_refused("node ls x", "unexpected \"x\"");
    expect_refused("describe node a -w", "\"describe\" shows nothing that changes");
    expect_refused("trace a:x --watch", "takes no --watch");
    expect_refused("status -o name", "\"status\" lists nothing by name");
    expect_refused("check a: b: -o name", "takes no -o name");
    expect_refused("help xyzzy", "no help on \"xyzzy\"");
}

static void values_are_checked_before_anything_is_reached(void **state)
{
    (void)state;
    expect_refused("rule set r --match a --to b", "\"a\" is not NODE:PATTERN");
    expect_refused("rule set r --to b", "--match is missing");
    expect_refused("rule set r --match a:x", "--to is missing");
    expect_refused("rule set r --match a:x --to a", "copies \"a\" onto itself");
    expect_refused(
        "rule set r --match a:x --to b --strategy foo",
        "--strategy: unknown value \"foo\"; there are auto, batch, direct, chunked and streaming");
    expect_refused("rule set r --match a:x --to b --priority 1x", "--priority: \"1x\" is not a");
    expect_refused("rule set r --match a:x --to b --attempts 0", "is not between 1 and 1000");
    expect_refused("rule set r --match a:x --to b --batch-below 1Q", "--batch-below");
    expect_refused("rule set R --match a:x --to b", "name \"R\" may hold only");
    expect_refused("rule test a:../x", "path has a part \"..\"");
    expect_refused("rule test a:/x", "path is absolute");
    expect_refused("rule test x", "\"x\" is not NODE:PATH");
    expect_refused("node add A file:///x", "name \"A\" may hold only");
    expect_refused("node add a /x", "no scheme that is known");
    expect_refused("node add a file://x", "file:// and an absolute path");
    expect_refused("node add a file:///x --opt k", "--opt: \"k\" is not KEY=VALUE");
    expect_refused("node add a file:///x --opt k=v", "unknown option \"k\"");
    expect_refused("completion tcsh", "unknown shell \"tcsh\"");
    expect_refused("status --timeout 5", "--timeout");
    expect_refused("topics init --partitions 0", "--partitions");
    expect_refused("rule set r --match a:x --to b --weight 0", "is not between 1 and 1000");
    expect_refused("rule set r --match a:x --to b --existing kep", "there are replace and keep");
    expect_refused("settings set planner.atempts 3", "did you mean \"planner.attempts\"");
    expect_refused("settings set planner.grain 1s", "cannot change while running");
    expect_refused("settings set planner.attempts 0", "planner.attempts: \"0\" is less than 1");
    expect_refused("settings set planner.backoff 5m", "not two durations such as 1s..5m");
    expect_refused("settings set planner.attempts", "give a key and a value");
    expect_refused("settings set planner.attempts 3 --unset planner.backoff", "give a key and");
    expect_refused("settings set --unset planner.atempts", "did you mean \"planner.attempts\"");
    expect_refused("settings get planner.atempts", "did you mean \"planner.attempts\"");
    expect_refused("pause nod b", "unknown scope \"nod\"; there are node, link");
    expect_refused("pause xyzzy b", "there are node, link, rule and file");
    expect_refused("pause link a", "two names: its source and target");
    expect_refused("pause node a b", "one name");
    expect_refused("pause node A", "name \"A\" may hold only");
    expect_refused("cancel file a:../x", "path has a part \"..\"");
    expect_refused("cancel file a:", "path is empty");
    expect_refused("resume file raw", "\"raw\" is not NODE:PATH");
    expect_refused("pause node b --reason \x01", "--reason: has a control character");
}

static void a_wrong_configuration_file_is_refused_with_the_place(void **state)
{
    char path[] = "/tmp/waybill-cli-XXXXXX";
    char line[128];
    static const char text[] = "site: x\n\ntranfer:\n  memory: 1MiB\n";
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    (void)close(fd);
    (void)snprintf(line, sizeof(line), "version -c %s", path);
    expect_refused(line, ":3:1: unknown key \"tranfer\", did you mean \"transfer\"");
    (void)setenv("WAYBILL_CONFIG", path, 1);
    expect_refused("version", ":3:1: unknown key");
    (void)unsetenv("WAYBILL_CONFIG");
    (void)unlink(path);
    expect_refused(line, path);
}

static void the_environment_has_a_twin_of_every_flag(void **state)
{
    (void)state;
    (void)setenv("WAYBILL_OUTPUT", "json", 1);
    const struct outcome *outcome = run("version");
    assert_int_equal(outcome->code, 0);
    assert_non_null(strstr(outcome->out, "\"schema\": \"waybill/v1\""));
    assert_int_equal(run("version -o table")->code, 0);
    assert_null(strstr(run("version -o table")->out, "schema"));
    (void)setenv("WAYBILL_OUTPUT", "sideways", 1);
    expect_refused("version", "WAYBILL_OUTPUT: unknown value \"sideways\"");
    (void)unsetenv("WAYBILL_OUTPUT");
}

/* ---- the tables ---- */

static const char *flag_argument(const struct wb_command *command, const char *name)
{
    for (const struct wb_flag *flag = command->flags; flag && flag->name; flag++)
        if (strcmp(flag->name, name) == 0)
            return flag->argument ? "value" : "switch";
    return NULL;
}

static void a_flag_has_one_shape_in_all_commands(void **state)
{
    (void)state;
    for (size_t i = 0; wb_commands[i]; i++)
        for (const struct wb_flag *flag = wb_commands[i]->flags; flag && flag->name; flag++) {
            const char *shape = flag->argument ? "value" : "switch";
            for (size_t j = 0; wb_commands[j]; j++) {
                const char *other = flag_argument(wb_commands[j], flag->name);
                if (other)
                    assert_string_equal(shape, other);
            }
            for (const struct wb_flag *row = wb_global_flags; row->name; row++) {
                assert_string_not_equal(row->name, flag->name);
                assert_true(!flag->short_name || row->short_name != flag->short_name);
            }
            assert_null(wb_config_row_by_flag(flag->name));
        }
}

static void every_command_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; wb_commands[i]; i++) {
        const struct wb_command *command = wb_commands[i];
        bool known = false;
        for (size_t g = 0; wb_help_groups[g]; g++)
            known |= strcmp(wb_help_groups[g], command->group) == 0;
        assert_true(known);
        assert_non_null(command->run);
        assert_non_null(command->summary);
        assert_true(command->least_words <= command->most_words);
        assert_true(command->least_words == 0 || command->words);
        if (!command->help || !strstr(command->help, "waybill "))
            fail_msg("help of \"%s\" has no example", command->name);
    }
}

static void every_command_has_help(void **state)
{
    char line[96];
    (void)state;
    assert_non_null(strstr(run("--help")->out, "exit codes"));
    for (size_t i = 0; wb_commands[i]; i++) {
        const struct wb_command *command = wb_commands[i];
        (void)snprintf(line, sizeof(line), "help %s", command->name);
        struct outcome *outcome = run(line);
        assert_int_equal(outcome->code, 0);
        assert_non_null(strstr(outcome->out, command->summary));
        for (const struct wb_flag *flag = command->flags; flag && flag->name; flag++)
            assert_non_null(strstr(outcome->out, flag->help));
        (void)snprintf(line, sizeof(line), "%s --help", command->name);
        assert_non_null(strstr(run(line)->out, command->summary));
        assert_non_null(strstr(run("help")->out, command->summary));
    }
}

/* An example is copied as it is printed. */
static void examples_are_shown_as_a_shell_wants_them(void **state)
{
    (void)state;
    assert_non_null(
        strstr(run("put --help")->out, " -printf '%P\\0' | waybill put a: --stdin -0\n"));
}

static void completion_and_manual_name_every_command_and_flag(void **state)
{
    static const char *const lines[] = {"completion bash", "completion zsh", "completion fish",
                                        "man"};
    (void)state;
    for (size_t l = 0; l < 4; l++) {
        const struct outcome *outcome = run(lines[l]);
        assert_int_equal(outcome->code, 0);
        for (size_t i = 0; wb_commands[i]; i++) {
            const char *last = strrchr(wb_commands[i]->name, ' ');
            assert_non_null(strstr(outcome->out, last ? last + 1 : wb_commands[i]->name));
        }
        assert_non_null(strstr(outcome->out, "brokers"));
        assert_non_null(strstr(outcome->out, "combined"));
        assert_true(l == 3 || strstr(outcome->out, "auto batch direct chunked streaming"));
        assert_true(l == 3 || strstr(outcome->out, "table wide json ndjson name"));
        assert_true(l == 3 || strstr(outcome->out, "planner.sick_after"));
    }
}

/* ---- lists ---- */

static void one_long_name_does_not_pad_the_rows_of_others(void **state)
{
    static const struct wb_column columns[] = {{"FILE", false, false}, {"STATE", false, false}};
    static char text[OUTPUT_MAX];
    char name[256];
    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    const struct wb_cli cli = {.output = WB_OUT_TABLE};
    FILE *out = tmpfile();
    assert_true(out != NULL);
    int saved = redirect(stdout, out);
    struct wb_list *list = wb_list_new(&cli, "files", columns, 2);
    wb_list_cell(list, "a:x1");
    wb_list_cell(list, "verified");
    wb_list_cell(list, "%s", name);
    wb_list_cell(list, "dead");
    wb_list_end(&list);
    restore(stdout, saved, out, text);
    assert_non_null(strstr(text, "FILE  STATE\na:x1  verified\nnnn"));
    assert_non_null(strstr(text, "nnn  dead\n"));
}

static void a_measured_number_is_shown_as_one(void **state)
{
    static char text[OUTPUT_MAX];
    struct wb_cli cli = {.output = WB_OUT_TABLE};
    (void)state;
    for (int i = 0; i < 2; i++) {
        FILE *out = tmpfile();
        assert_true(out != NULL);
        int saved = redirect(stdout, out);
        json_t *document = json_object();
        assert_int_equal(json_object_set_new(document, "look_ms", json_real(0.020358)), 0);
        wb_out_document(&cli, document);
        restore(stdout, saved, out, text);
        assert_non_null(strstr(text, i == 0 ? " 0.020\n" : "\"look_ms\": 0.020358\n"));
        cli.output = WB_OUT_JSON;
    }
}

/* ---- words ---- */

static void attempts_are_those_made_so_far(void **state)
{
    (void)state;
    for (int at = WB_JOB_WAITING; at <= WB_JOB_DEAD; at++) {
        const struct wb_job job = {.state = (enum wb_job_state)at, .attempt = 3};
        bool rests = at == WB_JOB_WAITING || at == WB_JOB_FENCING || at == WB_JOB_PARKED ||
                     at == WB_JOB_DEAD;
        assert_int_equal(wb_render_attempts(&job), rests ? 3 : 4);
    }
}

static void one_is_not_many(void **state)
{
    char text[64];
    (void)state;
    assert_string_equal(wb_out_counted(0, "copy", "copies", text), "0 copies");
    assert_string_equal(wb_out_counted(1, "copy", "copies", text), "1 copy");
    assert_string_equal(wb_out_counted(1000, "copy", "copies", text), "1,000 copies");
}

static void numbers_are_shown_with_thousands(void **state)
{
    char text[32];
    (void)state;
    assert_string_equal(wb_out_count(0, text), "0");
    assert_string_equal(wb_out_count(911, text), "911");
    assert_string_equal(wb_out_count(81204, text), "81,204");
    assert_string_equal(wb_out_count(1000000, text), "1,000,000");
    assert_string_equal(wb_out_count(-1234, text), "-1,234");
}

static void ages_are_as_coarse_as_people_say_them(void **state)
{
    char text[32];
    (void)state;
    assert_string_equal(wb_out_age(-5, text), "0s");
    assert_string_equal(wb_out_age(119999, text), "119s");
    assert_string_equal(wb_out_age(300999, text), "5m");
    assert_string_equal(wb_out_age(3 * 3600000, text), "3h");
    assert_string_equal(wb_out_age(INT64_C(86400000) * 40, text), "40d");
}

static int set_up(void **state)
{
    (void)state;
    return setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
}

static int tear_down(void **state)
{
    (void)state;
    (void)run(NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_may_stand_before_between_and_after_the_words),
        cmocka_unit_test(after_two_dashes_all_is_words),
        cmocka_unit_test(a_lone_dash_is_a_value),
        cmocka_unit_test(mistakes_are_named_with_the_nearest_name),
        cmocka_unit_test(values_are_checked_before_anything_is_reached),
        cmocka_unit_test(a_wrong_configuration_file_is_refused_with_the_place),
        cmocka_unit_test(the_environment_has_a_twin_of_every_flag),
        cmocka_unit_test(a_flag_has_one_shape_in_all_commands),
        cmocka_unit_test(every_command_is_whole),
        cmocka_unit_test(every_command_has_help),
        cmocka_unit_test(examples_are_shown_as_a_shell_wants_them),
        cmocka_unit_test(completion_and_manual_name_every_command_and_flag),
        cmocka_unit_test(one_long_name_does_not_pad_the_rows_of_others),
        cmocka_unit_test(a_measured_number_is_shown_as_one),
        cmocka_unit_test(attempts_are_those_made_so_far),
        cmocka_unit_test(one_is_not_many),
        cmocka_unit_test(numbers_are_shown_with_thousands),
        cmocka_unit_test(ages_are_as_coarse_as_people_say_them),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

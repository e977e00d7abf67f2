/* Precedence, strictness and messages of the configuration; the generated document. */
#include "tests/check.h"

#include <unistd.h>

#include "core/base/config.h"
#include "core/base/db.h"

static enum wb_rc load(struct wb_config *config, const char *yaml, struct wb_err *err)
{
    return wb_config_load_text(config, "w.yaml", wb_span_str(yaml), err);
}

static void a_flag_wins_over_the_environment_over_the_file(void **state)
{
    struct wb_err err;
    struct wb_config *config WB_AUTO(wb_config_free) = wb_config_new();
    (void)state;
    assert_int_equal(wb_config_int(config, WB_OPT_ATTEMPTS), 8);
    check_ok(load(config, "planner: {attempts: 5, backoff: 2s..1m}\nsite: dc1\n", &err));
    assert_int_equal(wb_config_int(config, WB_OPT_ATTEMPTS), 5);
    (void)setenv("WAYBILL_PLANNER_ATTEMPTS", "6", 1);
    check_ok(wb_config_load_environment(config, &err));
    (void)unsetenv("WAYBILL_PLANNER_ATTEMPTS");
    assert_int_equal(wb_config_int(config, WB_OPT_ATTEMPTS), 6);
    check_ok(wb_config_set(config, WB_OPT_ATTEMPTS, "7", "--attempts", &err));
    assert_int_equal(wb_config_int(config, WB_OPT_ATTEMPTS), 7);
    int64_t low;
    int64_t high;
    wb_config_span(config, WB_OPT_BACKOFF, &low, &high);
    assert_int_equal(low, 2000);
    assert_int_equal(high, 60000);
    assert_string_equal(wb_config_text(config, WB_OPT_SITE), "dc1");
}

static void kafka_keys_are_taken_verbatim(void **state)
{
    struct wb_err err;
    const char *key;
    const char *value;
    struct wb_config *config WB_AUTO(wb_config_free) = wb_config_new();
    (void)state;
    check_ok(load(config,
                  "kafka:\n  bootstrap.servers: \"h:1\"\n  sasl.username: u\n"
                  "  producer: {linger.ms: 7}\n",
                  &err));
    assert_string_equal(wb_config_text(config, WB_OPT_BROKERS), "h:1");
    assert_true(wb_config_pair(config, WB_OPT_KAFKA, 0, &key, &value));
    assert_string_equal(key, "sasl.username");
    assert_true(wb_config_pair(config, WB_OPT_KAFKA_PRODUCER, 0, &key, &value));
    assert_string_equal(value, "7");
    assert_false(wb_config_pair(config, WB_OPT_KAFKA_PRODUCER, 1, &key, &value));
}

static void mistakes_are_named_with_their_place(void **state)
{
    struct wb_err err;
    struct wb_config *config WB_AUTO(wb_config_free) = wb_config_new();
    (void)state;
    check_fails(load(config, "site: x\n\ntranfer:\n  memory: 1MiB\n", &err), WB_CAT_USAGE,
                "w.yaml:3:1: unknown key \"tranfer\", did you mean \"transfer\"");
    check_fails(load(config, "transfer: {memroy: 1MiB}", &err), WB_CAT_USAGE,
                "unknown key \"transfer.memroy\", did you mean \"memory\"");
    check_fails(load(config, "transfer: 5", &err), WB_CAT_USAGE, "a mapping belongs here");
    check_fails(load(config, "site: [a]", &err), WB_CAT_USAGE, "lists");
    check_fails(load(config, "planner: {attempts: many}", &err), WB_CAT_USAGE,
                "w.yaml:1:21: planner.attempts: \"many\" is not a whole number");
    check_fails(load(config, "planner: {attempts: 0}", &err), WB_CAT_USAGE, "less than 1");
    check_fails(load(config, "log: {level: loud}", &err), WB_CAT_USAGE, "none of");
    check_fails(load(config, "a: b: c", &err), WB_CAT_USAGE, "w.yaml:1:");
    check_fails(wb_config_set(config, WB_OPT_KAFKA, "novalue", "-X", &err), WB_CAT_USAGE, "-X");
}

static void what_is_set_twice_is_a_mistake(void **state)
{
    static const char *const twice[] = {
        "site: a\nlog: {level: info}\nsite: a\n",
        "planner: {attempts: 5}\nlog: {level: info}\nplanner: {backoff: 1s..2s}\n",
        "planner: {attempts: 5}\nlog: {level: info}\nplanner.attempts: 5\n",
        "kafka: {sasl.username: u}\nlog: {level: info}\nkafka.sasl.username: u\n",
        "kafka:\n  producer:\n    acks: 1\n    acks: 1\n",
        "---\nsite: a\n---\nsite: b\n",
    };
    static const char *const places[] = {"3:1: \"site\" is there twice",
                                         "3:1: \"planner\" is there twice",
                                         "3:1: \"planner.attempts\" is there twice",
                                         "3:1: unknown key \"kafka.sasl.username\"",
                                         "4:5: \"kafka.producer.acks\" is there twice",
                                         "4:1: \"site\" is there twice"};
    struct wb_err err;
    (void)state;
    for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
        struct wb_config *config WB_AUTO(wb_config_free) = wb_config_new();
        check_fails(load(config, twice[i], &err), WB_CAT_USAGE, places[i]);
    }
    /* The file that is laid over another one is another file. */
    struct wb_config *config WB_AUTO(wb_config_free) = wb_config_new();
    check_ok(load(config, "site: a\n", &err));
    check_ok(load(config, "site: b\n", &err));
}

static void a_folder_is_no_file(void **state)
{
    struct wb_err err;
    struct wb_config *config WB_AUTO(wb_config_free) = wb_config_new();
    (void)state;
    check_fails(wb_config_load_file(config, "/tmp", &err), WB_CAT_USAGE, "cannot read \"/tmp\"");
    check_fails(wb_config_load_file(config, "/nowhere/w.yaml", &err), WB_CAT_USAGE,
                "cannot open \"/nowhere/w.yaml\"");
}

static void pairs_remember_where_they_come_from(void **state)
{
    struct wb_err err;
    struct wb_config *config WB_AUTO(wb_config_free) = wb_config_new();
    (void)state;
    check_ok(load(config, "kafka:\n  sasl.usernam: u\n  acks: 1\n", &err));
    check_ok(wb_config_set(config, WB_OPT_KAFKA, "acks=2", "-X", &err));
    assert_string_equal(wb_config_pair_origin(config, WB_OPT_KAFKA, 0), "w.yaml:2:3");
    assert_string_equal(wb_config_pair_origin(config, WB_OPT_KAFKA, 1), "-X");
}

static void names_in_the_environment_are_checked(void **state)
{
    static const char *const others[] = {"CONFIG", "OUTPUT", NULL};
    struct wb_err err;
    (void)state;
    (void)setenv("WAYBILL_TRANSFER_MEMORY", "1GiB", 1);
    (void)setenv("WAYBILL_MEMORY", "1GiB", 1);
    (void)setenv("WAYBILL_SECRET_S3_KEY", "x", 1);
    (void)setenv("WAYBILL_OUTPUT", "json", 1);
    check_ok(wb_config_check_environment(others, &err));
    (void)setenv("WAYBILL_TRANFSER_MEMORY", "1GiB", 1);
    check_fails(wb_config_check_environment(others, &err), WB_CAT_USAGE,
                "unknown WAYBILL_TRANFSER_MEMORY in the environment, did you mean "
                "WAYBILL_TRANSFER_MEMORY");
    (void)unsetenv("WAYBILL_TRANFSER_MEMORY");
    (void)setenv("WAYBILL_OUTPT", "json", 1);
    check_fails(wb_config_check_environment(others, &err), WB_CAT_USAGE,
                "did you mean WAYBILL_OUTPUT");
    (void)unsetenv("WAYBILL_OUTPT");
    (void)setenv("WAYBILL_KAFKA_PRODUCER", "acks=1", 1);
    check_fails(wb_config_check_environment(others, &err), WB_CAT_USAGE, "WAYBILL_KAFKA_PRODUCER");
    static const char *const mine[] = {"TRANSFER_MEMORY", "MEMORY", "SECRET_S3_KEY", "OUTPUT",
                                       "KAFKA_PRODUCER"};
    for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "WAYBILL_%s", mine[i]);
        (void)unsetenv(name);
    }
}

static void services_near_by_are_no_options(void **state)
{
    static const char *const links[] = {"WAYBILL_SERVICE_HOST",       "WAYBILL_SERVICE_PORT",
                                        "WAYBILL_SERVICE_PORT_HTTP",  "WAYBILL_PORT",
                                        "WAYBILL_PORT_9090_TCP",      "WAYBILL_PORT_9090_TCP_ADDR",
                                        "WAYBILL_ADMIN_SERVICE_HOST", "WAYBILL_ADMIN_PORT_80_TCP"};
    static const char *const others[] = {NULL};
    struct wb_err err;
    (void)state;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        (void)setenv(links[i], "tcp://10.0.0.1:9090", 1);
    check_ok(wb_config_check_environment(others, &err));
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        (void)unsetenv(links[i]);
}

static void every_row_of_the_table_stands_at_its_number(void **state)
{
    (void)state;
    for (int id = 0; id < WB_OPT_COUNT; id++) {
        assert_int_equal(wb_config_table()[id].id, id);
        assert_non_null(wb_config_table()[id].help);
    }
}

static void only_what_is_live_may_change_while_running(void **state)
{
    struct wb_err err;
    const struct wb_opt_row *row;
    (void)state;
    check_ok(wb_config_live_row("planner.sick_hold", &row, &err));
    assert_int_equal(row->id, WB_OPT_SICK_HOLD);
    check_ok(wb_config_check(row, "1s..1m", &err));
    check_fails(wb_config_check(row, "1m..1s", &err), WB_CAT_USAGE,
                "planner.sick_hold: \"1m..1s\" begins with the longer duration");
    check_ok(wb_config_live_row("planner.attempts", &row, &err));
    check_fails(wb_config_check(row, "0", &err), WB_CAT_USAGE,
                "planner.attempts: \"0\" is less than 1");
    check_fails(wb_config_live_row("planner.atempts", &row, &err), WB_CAT_USAGE,
                "unknown setting \"planner.atempts\", did you mean \"planner.attempts\"");
    check_fails(wb_config_live_row("planner.grain", &row, &err), WB_CAT_USAGE,
                "\"planner.grain\" cannot change while running");
}

static void a_copy_has_all_values_and_a_life_of_its_own(void **state)
{
    struct wb_err err;
    const char *key;
    const char *value;
    struct wb_config *config WB_AUTO(wb_config_free) = wb_config_new();
    (void)state;
    check_ok(load(config, "site: x\nkafka: {sasl.username: u}\n", &err));
    struct wb_config *copy WB_AUTO(wb_config_free) = wb_config_copy(config);
    check_ok(wb_config_set(copy, WB_OPT_ATTEMPTS, "3", "test", &err));
    wb_config_free(&config);
    config = wb_config_new();
    assert_string_equal(wb_config_text(copy, WB_OPT_SITE), "x");
    assert_true(wb_config_pair(copy, WB_OPT_KAFKA, 0, &key, &value));
    assert_string_equal(value, "u");
    assert_int_equal(wb_config_int(copy, WB_OPT_ATTEMPTS), 3);
    assert_true(wb_config_is_set(copy, WB_OPT_ATTEMPTS));
    assert_int_equal(wb_config_int(config, WB_OPT_ATTEMPTS), 8);
    assert_false(wb_config_is_set(config, WB_OPT_ATTEMPTS));
}

static void local_state_is_made_anew_when_it_can_not_be_trusted(void **state)
{
    struct wb_err err;
    char dir[] = "/tmp/wb-test-db-XXXXXX";
    char path[64];
    bool fresh;
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/x.db", dir);
    sqlite3 *db = NULL;
    check_ok(wb_db_open(path, 1, "CREATE TABLE t(x);", &db, &fresh, &err));
    assert_true(fresh);
    check_ok(wb_db_exec(db, "INSERT INTO t VALUES(1)", &err));
    wb_db_close(&db);
    check_ok(wb_db_open(path, 1, "CREATE TABLE t(x);", &db, &fresh, &err));
    assert_false(fresh);
    wb_db_close(&db);
    check_ok(wb_db_open(path, 2, "CREATE TABLE t(x);", &db, &fresh, &err));
    assert_true(fresh);
    check_ok(wb_db_exec(db, "UPDATE wb_stamp SET stamp='2 another-boot'", &err));
    wb_db_close(&db);
    check_ok(wb_db_open(path, 2, "CREATE TABLE t(x);", &db, &fresh, &err));
    assert_true(fresh);
    wb_db_close(&db);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("this is no database at all, and long enough to be looked at as one", file);
    (void)fclose(file);
    check_ok(wb_db_open(path, 2, "CREATE TABLE t(x);", &db, &fresh, &err));
    assert_true(fresh);
    wb_db_close(&db);
    (void)unlink(path);
    (void)rmdir(dir);
}

static void close_stream(FILE **file)
{
    if (*file)
        (void)fclose(*file);
}

static void the_document_is_that_of_the_table(void **state)
{
    char *text WB_AUTO(wb_free_ptr) = NULL;
    char found[65536];
    size_t size = 0;
    (void)state;
    FILE *made = open_memstream(&text, &size);
    assert_true(wb_config_write_markdown(made));
    (void)fclose(made);
    FILE *file WB_AUTO(close_stream) = fopen(WB_SOURCE_DIR "/docs/CONFIG.md", "r");
    if (!file)
        fail_msg("docs/CONFIG.md is missing");
    size_t len = fread(found, 1, sizeof(found), file);
    if (len != size || memcmp(found, text, size) != 0)
        fail_msg(
            "docs/CONFIG.md is not what the table says: generate it with wb_config_write_markdown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flag_wins_over_the_environment_over_the_file),
        cmocka_unit_test(kafka_keys_are_taken_verbatim),
        cmocka_unit_test(mistakes_are_named_with_their_place),
        cmocka_unit_test(what_is_set_twice_is_a_mistake),
        cmocka_unit_test(a_folder_is_no_file),
        cmocka_unit_test(pairs_remember_where_they_come_from),
        cmocka_unit_test(names_in_the_environment_are_checked),
        cmocka_unit_test(services_near_by_are_no_options),
        cmocka_unit_test(every_row_of_the_table_stands_at_its_number),
        cmocka_unit_test(only_what_is_live_may_change_while_running),
        cmocka_unit_test(a_copy_has_all_values_and_a_life_of_its_own),
        cmocka_unit_test(local_state_is_made_anew_when_it_can_not_be_trusted),
        cmocka_unit_test(the_document_is_that_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

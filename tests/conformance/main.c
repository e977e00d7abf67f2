/* conformance BACKEND [PART]: runs the cases (whose name has PART in it) on a backend.
 * conformance --list: the backends and their services. conformance --table: docs/BACKENDS.md. */
#include "tests/conformance/suite.h"

enum { CASES_MOST = 400 };

static const struct wb_conf_group *const groups[] = {
    &wb_conf_sizes,    &wb_conf_publishes, &wb_conf_ends,    &wb_conf_ranges, &wb_conf_names,
    &wb_conf_listings, &wb_conf_reads,     &wb_conf_threads, &wb_conf_faults,
};

enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

/* What cmocka hands to each case. */
struct place {
    const struct wb_conf_backend *backend;
    const struct wb_conf_case *test;
};

static int set_up(void **state)
{
    const struct place *place = *state;
    struct wb_conf *conf = wb_xcalloc(1, sizeof(*conf));
    conf->backend = place->backend;
    conf->test = place->test;
    conf->config = wb_config_new();
    *state = conf;
    place->backend->begin(conf);
    conf->store = wb_conf_open(conf);
    return 0;
}

static int tear_down(void **state)
{
    struct wb_conf *conf = *state;
    wb_store_close(&conf->store);
    conf->backend->end(conf);
    wb_config_free(&conf->config);
    free(conf);
    return 0;
}

static void run_case(void **state)
{
    struct wb_conf *conf = *state;
    unsigned lacking = wb_conf_lacking(conf, conf->test->needs);
    if (lacking)
        wb_conf_skip("needs %s", wb_conf_need_name(lacking & -lacking));
    conf->test->run(conf);
}

static size_t gather(const struct wb_conf_backend *backend, const char *part, struct place *places,
                     struct CMUnitTest *tests)
{
    size_t count = 0;
    for (size_t g = 0; g < GROUPS; g++)
        for (size_t i = 0; i < groups[g]->count; i++) {
            const struct wb_conf_case *test = &groups[g]->cases[i];
            if (part && !strstr(test->name, part))
                continue;
            assert_true(count < CASES_MOST);
            places[count] = (struct place){backend, test};
            tests[count] =
                (struct CMUnitTest){test->name, run_case, set_up, tear_down, &places[count]};
            count++;
        }
    return count;
}

static int run(const struct wb_conf_backend *backend, const char *part)
{
    static struct place places[CASES_MOST];
    static struct CMUnitTest tests[CASES_MOST];
    size_t count = gather(backend, part, places, tests);
    return _cmocka_run_group_tests(backend->name, tests, count, NULL, NULL);
}

static int list(void)
{
    for (size_t i = 0; i < wb_conf_backend_count; i++)
        (void)printf("%s %s\n", wb_conf_backends[i].name,
                     wb_conf_backends[i].service ? wb_conf_backends[i].service : "-");
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--list") == 0)
        return list();
    if (strcmp(name, "--table") == 0)
        return wb_conf_table(groups, GROUPS);
    for (size_t i = 0; i < wb_conf_backend_count; i++)
        if (strcmp(name, wb_conf_backends[i].name) == 0)
            return run(&wb_conf_backends[i], argc > 2 ? argv[2] : NULL);
    (void)fprintf(stderr, "usage: %s BACKEND [PART] | --list | --table\n", argv[0]);
    return 2;
}

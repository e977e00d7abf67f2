/* docs/BACKENDS.md: what each backend can, as its opened store says and as trying showed. */
#include "tests/conformance/suite.h"

#include "core/base/clock.h"

enum { BACKENDS_MOST = 16 };

struct column {
    struct wb_conf conf;
    struct wb_conf_limits limits;
};

struct table {
    struct column columns[BACKENDS_MOST];
    size_t count;
};

static void column_begin(struct column *column, const struct wb_conf_backend *backend)
{
    struct wb_conf *conf = &column->conf;
    conf->backend = backend;
    conf->config = wb_config_new();
    backend->begin(conf);
    conf->store = wb_conf_open(conf);
    wb_conf_measure(conf, &column->limits);
}

static void column_end(struct column *column)
{
    wb_store_close(&column->conf.store);
    column->conf.backend->end(&column->conf);
    wb_config_free(&column->conf.config);
}

/* ---- rows ---- */

static void head(const struct table *table, const char *first)
{
    (void)printf("| %s |", first);
    for (size_t i = 0; i < table->count; i++)
        (void)printf(" %s |", table->columns[i].conf.backend->name);
    (void)printf("\n|---|");
    for (size_t i = 0; i < table->count; i++)
        (void)printf("---|");
    (void)printf("\n");
}

typedef void print_cell(const struct column *column);

static void row(const struct table *table, const char *what, print_cell *cell)
{
    (void)printf("| %s |", what);
    for (size_t i = 0; i < table->count; i++) {
        (void)printf(" ");
        cell(&table->columns[i]);
        (void)printf(" |");
    }
    (void)printf("\n");
}

static void yes(bool is)
{
    (void)printf("%s", is ? "yes" : "–");
}

static void number(int64_t value, const char *none)
{
    if (value)
        (void)printf("%lld", (long long)value);
    else
        (void)printf("%s", none);
}

static const struct wb_store_caps *caps(const struct column *column)
{
    return &column->conf.store->caps;
}

static void about(const struct column *column)
{
    (void)printf("%s", column->conf.backend->about);
}

static void writes(const struct column *column)
{
    yes(caps(column)->writes);
}

static void atomic_publish(const struct column *column)
{
    yes(caps(column)->atomic_publish);
}

static void conditional(const struct column *column)
{
    yes(caps(column)->conditional);
}

static void random_writes(const struct column *column)
{
    yes(caps(column)->random_writes);
}

static void lists(const struct column *column)
{
    yes(caps(column)->lists);
}

static void symlinks(const struct column *column)
{
    yes(caps(column)->symlinks);
}

static void modes(const struct column *column)
{
    yes(caps(column)->modes);
}

static void mtimes(const struct column *column)
{
    yes(caps(column)->mtimes);
}

static void sparse(const struct column *column)
{
    yes(caps(column)->sparse);
}

static void parallel(const struct column *column)
{
    number(caps(column)->parallel, "1");
}

static void range_least(const struct column *column)
{
    char text[16];
    wb_size_format(caps(column)->range_least_bytes, text);
    (void)printf("%s", caps(column)->range_least_bytes ? text : "any");
}

static void range_most(const struct column *column)
{
    number(caps(column)->range_most, "any");
}

static void bytes(const struct column *column)
{
    (void)printf("%s", column->limits.bytes[0] ? column->limits.bytes : "none");
}

static void part(const struct column *column)
{
    number(column->limits.part, "0");
}

static void path(const struct column *column)
{
    number(column->limits.path, "0");
}

static void cases_differ(const struct column *column)
{
    yes(column->limits.cases);
}

static void forms_differ(const struct column *column)
{
    yes(column->limits.forms);
}

static void ends_stay(const struct column *column)
{
    yes(column->limits.ends);
}

static void grain(const struct column *column)
{
    static const char *const names[] = {"–", "1 ns", "100 ns", "1 µs", "1 ms", "1 s"};
    static const int64_t grains[] = {0, 1, 100, 1000, 1000000, 1000000000};
    for (size_t i = 0; i < sizeof(grains) / sizeof(grains[0]); i++)
        if (column->limits.grain_ns == grains[i])
            (void)printf("%s", names[i]);
}

struct line {
    const char *what;
    print_cell *cell;
};

static const struct line capabilities[] = {
    {"the server", about},
    {"can be a target", writes},
    {"atomic publish: a reader sees the old or the new file, nothing else", atomic_publish},
    {"conditional: a file that came meanwhile is neither replaced nor removed", conditional},
    {"ranges in any order, by several workers (chunked, streaming)", random_writes},
    {"smallest range but the last", range_least},
    {"most ranges of a file", range_most},
    {"can be listed", lists},
    {"symbolic links", symlinks},
    {"modes", modes},
    {"times of files", mtimes},
    {"holes", sparse},
    {"files of a batch at once", parallel},
};

static const struct line limits[] = {
    {"bytes that a name cannot hold (hexadecimal)", bytes},
    {"longest part of a path, in bytes", part},
    {"longest path", path},
    {"names that differ only in case are two", cases_differ},
    {"composed and decomposed letters are two", forms_differ},
    {"names may end in dots and spaces", ends_stay},
    {"grain of the time that comes back", grain},
};

/* ---- cases ---- */

static bool applies_everywhere(const struct table *table, const struct wb_conf_case *test)
{
    for (size_t i = 0; i < table->count; i++)
        if (wb_conf_lacking(&table->columns[i].conf, test->needs))
            return false;
    return true;
}

static void case_row(const struct table *table, const struct wb_conf_case *test)
{
    (void)printf("| %s |", test->name);
    for (size_t i = 0; i < table->count; i++) {
        unsigned lacking = wb_conf_lacking(&table->columns[i].conf, test->needs);
        (void)printf(" %s |", lacking ? wb_conf_need_name(lacking & -lacking) : "run");
    }
    (void)printf("\n");
}

static void case_rows(const struct table *table, const struct wb_conf_group *const *groups,
                      size_t count)
{
    for (size_t g = 0; g < count; g++)
        for (size_t i = 0; i < groups[g]->count; i++)
            if (!applies_everywhere(table, &groups[g]->cases[i]))
                case_row(table, &groups[g]->cases[i]);
}

static size_t count_cases(const struct wb_conf_group *const *groups, size_t count)
{
    size_t sum = 0;
    for (size_t g = 0; g < count; g++)
        sum += groups[g]->count;
    return sum;
}

static void print(const struct table *table, const struct wb_conf_group *const *groups,
                  size_t count)
{
    (void)printf("# Backends\n\n"
                 "What `tests/conformance` found on the real servers that `compose/services`"
                 " starts. Generated: the test\n`conformance/table` fails when it is out of date"
                 " and leaves the new one in `build/BACKENDS.md`.\n\n"
                 "## Capabilities\n\nAs an opened store says. Those of a server are found by trying"
                 " before the first write.\n\n");
    head(table, "");
    for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
        row(table, capabilities[i].what, capabilities[i].cell);
    (void)printf("\n## Names and times\n\nMeasured. A name that a node cannot hold is refused as"
                 " *invalid* or *unsupported*, never\nheld under another one.\n\n");
    head(table, "");
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        row(table, limits[i].what, limits[i].cell);
    (void)printf("\n## Cases that do not apply\n\nThe suite has %zu cases. All are run on all"
                 " backends, but for these; where one is not run the cell\nsays what is"
                 " lacking.\n\n",
                 count_cases(groups, count));
    head(table, "case");
    case_rows(table, groups, count);
}

int wb_conf_table(const struct wb_conf_group *const *groups, size_t count)
{
    static struct table table;
    for (size_t i = 0; i < wb_conf_backend_count && i < BACKENDS_MOST; i++)
        column_begin(&table.columns[table.count++], &wb_conf_backends[i]);
    print(&table, groups, count);
    for (size_t i = 0; i < table.count; i++)
        column_end(&table.columns[i]);
    return 0;
}

#include "tests/liar/cases.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"

enum {
    KINDS_MOST = 128,
    CASES_A_STORE = 12,
    PATIENCE_MS = 5000,
    MEMORY_KIB = 48 * 1024,
    LISTED_NAMES = 30,
    TEXT_MOST = 1 << 20
};

/* One process's work on one plan. */
struct bench {
    struct shard *shard;
    struct liar *liar;
    struct wb_config *config;
    const struct plan *plan;
    const char *only;
    struct wb_store *store;
    int cases_left; /* before the node is opened anew */
    long files;     /* names given out */
    uint8_t *bytes;
    uint8_t *old;
    struct wb_buf listed; /* by an honest server */
    long honest_kib;
    char kinds[KINDS_MOST][16]; /* of the requests of an honest run */
    size_t kind_count;
    bool all;
};

struct a_case {
    const struct lie *lie;
    size_t first;
    int times;
};

/* ---- the node */

static enum wb_rc open_node(struct bench *bench, struct wb_err *err)
{
    char url[128];
    char endpoint[128];
    const char *options[] = {"endpoint", endpoint, "region", "us-east-1", "style", "path", NULL};
    const char *protocol = bench->plan->protocol;
    int port = liar_port(bench->liar, protocol);
    if (strcmp(protocol, "s3") == 0) {
        (void)snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d", port);
        return wb_store_open("t", "s3://bucket/pre", options, "liar-s3", bench->config,
                             &bench->store, err);
    }
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/dav", port);
    return wb_store_open("t", url, NULL, "liar-dav", bench->config, &bench->store, err);
}

static void make_names(struct bench *bench)
{
    char path[64];
    char name[FLOW_NAME_MOST * 2];
    for (int i = 0; i < LISTED_NAMES; i++) {
        (void)snprintf(path, sizeof(path), "%sn %d", i % 6 ? "sub/" : "", i);
        liar_put(bench->liar, bench->plan->protocol, server_name(bench->plan, path, name),
                 wb_span_of(bench->old, (size_t)i));
    }
}

static void make_anew(struct bench *bench)
{
    struct wb_err err;
    wb_store_close(&bench->store);
    (void)liar_ask(bench->liar, "reset");
    if (bench->plan->lists)
        make_names(bench);
    if (open_node(bench, &err) != WB_OK || wb_store_prepare(bench->store, &err) != WB_OK) {
        printf("%s: an honest node cannot be opened: %s\n", bench->plan->protocol, err.text);
        exit(HOPELESS);
    }
    bench->cases_left = CASES_A_STORE;
}

/* ---- memory */

static void forget_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "5", 1) < 0)
        (void)fprintf(stderr, "the peak of memory is that of all cases\n");
    (void)close(fd);
}

static long peak_kib(void)
{
    char line[128];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (file)
        (void)fclose(file);
    return kib;
}

/* ---- one run */

static void begin_run(struct bench *bench, struct run *run)
{
    char name[FLOW_NAME_MOST * 2];
    const struct plan *plan = bench->plan;
    bool is_source = plan->flow == flow_source;
    long number = bench->files++;
    *run = (struct run){.bytes = wb_span_of(bench->bytes, plan->size),
                        .old = wb_span_of(bench->old, plan->size / 2 + 3),
                        .listed = wb_buf_make(TEXT_MOST)};
    (void)snprintf(run->path, sizeof(run->path), "f-%d-%ld", bench->shard->index, number);
    (void)snprintf(run->instance, sizeof(run->instance), "job-%d.%ld", bench->shard->index, number);
    if (plan->lists) {
        run->old = wb_buf_span(&bench->listed);
        return;
    }
    liar_put(bench->liar, plan->protocol, server_name(plan, run->path, name),
             is_source ? run->bytes : run->old);
}

static void end_run(struct run *run)
{
    wb_buf_free(&run->listed);
}

static enum wb_rc do_flow(struct bench *bench, struct run *run)
{
    run->store = bench->store;
    if (bench->plan->opens) {
        wb_store_close(&bench->store);
        if (open_node(bench, &run->err) != WB_OK ||
            wb_store_prepare(bench->store, &run->err) != WB_OK)
            return WB_ERROR;
        run->store = bench->store;
    }
    return bench->plan->flow(run);
}

static enum wb_rc prepare(struct bench *bench, struct run *run)
{
    run->store = bench->store;
    return bench->plan->prepare ? bench->plan->prepare(run) : WB_OK;
}

/* ---- judging */

static void violation(struct bench *bench, const char *fmt, ...) WB_PRINTF(2, 3);

static void violation(struct bench *bench, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    printf("%s: %s\n", bench->shard->name, text);
    bench->shard->broken++;
}

/* What a server refused with a word of its own may be refused for ever; what came garbled, or not
 * at all, may not. */
static bool is_passing(const struct wb_err *err)
{
    enum wb_category category = err->category;
    if (category == WB_CAT_INVALID && err->code[0] && strcmp(err->code, "BAD_REPLY") != 0)
        return false;
    return category == WB_CAT_IO || category == WB_CAT_UNREACHABLE || category == WB_CAT_TIMEOUT ||
           category == WB_CAT_THROTTLED || category == WB_CAT_INVALID || category == WB_CAT_CORRUPT;
}

static void check_after(struct bench *bench, const struct run *run, const struct lie *lie)
{
    long low;
    long high;
    const char *bounds = strstr(lie->flags, "after=");
    if (!bounds || sscanf(bounds, "after=%ld-%ld", &low, &high) != 2)
        return;
    if (run->err.retry_after_ms < low || run->err.retry_after_ms > high)
        violation(bench, "WRONG TIME: to come back after %d ms, not %ld to %ld",
                  run->err.retry_after_ms, low, high);
}

static void check_error(struct bench *bench, const struct run *run, const struct lie *lie)
{
    static const char *const secrets[] = {"open sesame", "liar/secret+key", "liar-session-token",
                                          "a2VlcGVyOm9wZW4gc2VzYW1l"};
    const struct wb_err *err = &run->err;
    const char *category = wb_category_name(err->category);
    if (!wb_err_is_set(err) || !err->text[0])
        violation(bench, "NO ERROR: it failed without saying why");
    else if (!run->judged && !has_word(lie->classes, category))
        violation(bench, "WRONG CLASS: %s, not %s: %s (%s)", category, lie->classes, err->text,
                  err->code);
    else if (is_passing(err) && !err->retryable)
        violation(bench, "FOR EVER: %s (%s) would not be tried again", err->text, category);
    else if (!run->judged)
        check_after(bench, run, lie);
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        if (strstr(err->text, secrets[i]))
            violation(bench, "SECRET: in an error");
}

static void check_strangers(struct bench *bench)
{
    long requests;
    long writes;
    long secrets;
    const char *answer = liar_ask(bench->liar, "foreign");
    if (sscanf(answer, "%ld %ld %ld", &requests, &writes, &secrets) != 3 || writes || secrets) {
        violation(bench, "SECRET: strangers were sent (requests, writes, secrets) %s", answer);
        bench->cases_left = 0;
    }
}

static void check_bounds(struct bench *bench, int64_t took_ms, long kib, const struct lie *lie)
{
    struct shard *shard = bench->shard;
    long more = kib - bench->honest_kib;
    long limit_ms = PATIENCE_MS + (has_word(lie->flags, "slow") ? PATIENCE_MS : 0);
    shard->peak_kib = more > shard->peak_kib ? more : shard->peak_kib;
    shard->slowest_ms = took_ms > shard->slowest_ms ? (long)took_ms : shard->slowest_ms;
    if (more > MEMORY_KIB)
        violation(bench, "MEMORY: %ld KiB more than without the lie", more);
    if (took_ms > limit_ms)
        violation(bench, "TIME: %lld ms", (long long)took_ms);
}

static void judge(struct bench *bench, struct run *run, const struct lie *lie, enum wb_rc rc)
{
    const char *wrong = bench->plan->check(bench->liar, bench->plan, run, lie, rc);
    bool is_blind = wrong && has_word(lie->flags, "blind");
    bench->shard->told++;
    bench->shard->done += rc == WB_OK && !is_blind;
    bench->shard->failed += rc != WB_OK;
    bench->shard->blind += is_blind;
    if (wrong && !is_blind)
        violation(bench, "%s%s%s", wrong, rc == WB_OK ? "" : ": ",
                  rc == WB_OK ? "" : run->err.text);
    if (rc != WB_OK)
        check_error(bench, run, lie);
    check_strangers(bench);
}

/* ---- cases */

static void run_case(struct bench *bench, const struct a_case *a)
{
    struct run run;
    if (bench->cases_left-- <= 0)
        make_anew(bench);
    begin_run(bench, &run);
    if (prepare(bench, &run) != WB_OK) {
        violation(bench, "POISONED: an honest server afterwards: %s", run.err.text);
        bench->cases_left = 0;
        end_run(&run);
        return;
    }
    run.claims = has_word(a->lie->flags, "flips");
    (void)liar_ask(bench->liar, "arm %s %zu %d", a->lie->name, a->first, a->times);
    forget_peak();
    int64_t begun_ms = wb_clock_mono_ms();
    bench->shard->begun_ms = begun_ms;
    enum wb_rc rc = do_flow(bench, &run);
    int64_t took_ms = wb_clock_mono_ms() - begun_ms;
    bench->shard->begun_ms = 0;
    long kib = peak_kib();
    bool told = strcmp(liar_ask(bench->liar, "disarm"), "0") != 0;
    if (told) {
        judge(bench, &run, a->lie, rc);
        check_bounds(bench, took_ms, kib, a->lie);
    }
    if (bench->only)
        printf("%s: %s, %lld ms%s%s\n", bench->shard->name,
               !told         ? "not told"
               : rc == WB_OK ? "no harm"
                             : wb_category_name(run.err.category),
               (long long)took_ms, rc == WB_OK ? "" : ": ", rc == WB_OK ? "" : run.err.text);
    end_run(&run);
    if (!bench->store)
        bench->cases_left = 0;
}

/* A shard takes its turn of all cases, and of these, unless all are wanted, one of `every`. */
static bool is_mine(struct bench *bench, const struct a_case *a)
{
    struct shard *shard = bench->shard;
    const struct plan *plan = bench->plan;
    long number = shard->number++;
    (void)snprintf(shard->name, sizeof(shard->name), "%s/%s/%zu/%s@%zu%s", plan->protocol,
                   plan->name, plan->size, a->lie->name, a->first, a->times ? "" : "+");
    if (bench->only)
        return number >= shard->skip_to && strstr(shard->name, bench->only) != NULL;
    uint64_t draw = wb_hash64_of(wb_span_str(shard->name));
    return number >= shard->skip_to && number % shard->count == shard->index &&
           (bench->all || draw % (uint64_t)plan->every == 0);
}

/* A lie is told at the first and the last request of each kind that it concerns. */
static bool is_worth(struct bench *bench, size_t at)
{
    bool before = false;
    bool after = false;
    for (size_t i = 0; i < bench->kind_count; i++)
        if (strcmp(bench->kinds[i], bench->kinds[at]) == 0) {
            before = before || i < at;
            after = after || i > at;
        }
    return !before || !after;
}

static bool concerns(const struct bench *bench, const struct lie *lie, size_t at)
{
    if (has_word(lie->flags, "s3") && strcmp(bench->plan->protocol, "s3") != 0)
        return false;
    return strcmp(lie->kinds, "any") == 0 || has_word(lie->kinds, bench->kinds[at]);
}

static void run_lie(struct bench *bench, const struct lie *lie)
{
    bool is_slow = has_word(lie->flags, "slow");
    for (size_t at = 0; at < bench->kind_count; at++) {
        if (!concerns(bench, lie, at) || !is_worth(bench, at))
            continue;
        for (int times = 1; times >= 0; times--) {
            struct a_case a = {lie, at, times};
            /* What is slow costs a stall time-out at each request. */
            if (is_mine(bench, &a) && (times || !is_slow))
                run_case(bench, &a);
        }
    }
}

/* ---- plans */

static void take_kinds(struct bench *bench)
{
    char *rest = liar_ask(bench->liar, "trace");
    bench->kind_count = 0;
    for (char *kind; (kind = strsep(&rest, " ")) && bench->kind_count < KINDS_MOST;)
        if (*kind)
            (void)snprintf(bench->kinds[bench->kind_count++], sizeof(bench->kinds[0]), "%s", kind);
}

/* Without a lie all must be well; what it asks the server is what lies are told at. */
static bool run_honestly(struct bench *bench)
{
    struct run run;
    const struct lie none = {.name = "no lie"};
    (void)snprintf(bench->shard->name, sizeof(bench->shard->name), "%s/%s/%zu",
                   bench->plan->protocol, bench->plan->name, bench->plan->size);
    make_anew(bench);
    begin_run(bench, &run);
    enum wb_rc rc = prepare(bench, &run);
    (void)liar_ask(bench->liar, "mark");
    forget_peak();
    if (rc == WB_OK)
        rc = do_flow(bench, &run);
    bench->honest_kib = peak_kib();
    take_kinds(bench);
    bool unsupported = rc != WB_OK && run.err.category == WB_CAT_UNSUPPORTED;
    if (bench->plan->lists) {
        struct wb_err err;
        wb_buf_clear(&bench->listed);
        (void)!wb_buf_append(&bench->listed, wb_buf_span(&run.listed), &err);
        run.old = wb_buf_span(&bench->listed);
    }
    const char *wrong = bench->plan->check(bench->liar, bench->plan, &run, &none, rc);
    if (!unsupported && (rc != WB_OK || wrong))
        violation(bench, "WITHOUT A LIE: %s", rc != WB_OK ? run.err.text : wrong);
    if (bench->only) {
        printf("%s: ", bench->shard->name);
        for (size_t i = 0; i < bench->kind_count; i++)
            printf("%s ", bench->kinds[i]);
        printf("\n");
    }
    end_run(&run);
    return rc == WB_OK && !wrong;
}

/* Cases of a plan begin with its name: what is asked for with another one is not of it. */
static bool is_wanted(const struct bench *bench)
{
    char name[CASE_NAME_MOST];
    const struct plan *plan = bench->plan;
    int len = snprintf(name, sizeof(name), "%s/%s/%zu/", plan->protocol, plan->name, plan->size);
    size_t most = bench->only ? strlen(bench->only) : 0;
    bool is_path = bench->only && strchr(bench->only, '/');
    return !is_path || strncmp(name, bench->only, most < (size_t)len ? most : (size_t)len) == 0;
}

static void run_plan(struct bench *bench)
{
    if (!is_wanted(bench))
        return;
    bench->bytes = flow_bytes(bench->plan->size, 1);
    bench->old = flow_bytes(bench->plan->size + LISTED_NAMES, 2);
    if (run_honestly(bench))
        for (size_t i = 0; i < bench->liar->lie_count; i++)
            run_lie(bench, &bench->liar->lies[i]);
    wb_store_close(&bench->store);
    free(bench->bytes);
    free(bench->old);
}

static struct wb_config *config_of(void)
{
    struct wb_err err;
    struct wb_config *config = wb_config_new();
    if (wb_config_load_text(config, "liar", wb_span_str("transfer: {stall_timeout: 1s}\n"), &err) !=
        WB_OK) {
        printf("%s\n", err.text);
        exit(1);
    }
    return config;
}

void run_cases(struct shard *shard, const char *only)
{
    size_t count;
    const struct plan *plans = all_plans(&count);
    const char *wanted = getenv("WB_LIAR");
    struct bench bench = {.shard = shard,
                          .liar = liar_start(),
                          .config = config_of(),
                          .only = only,
                          .listed = wb_buf_make(TEXT_MOST),
                          .all = only || (wanted && strcmp(wanted, "full") == 0)};
    (void)setenv("WAYBILL_SECRET_LIAR_DAV", "keeper:open sesame", 1);
    (void)setenv("WAYBILL_SECRET_LIAR_S3", "LIARKEY:liar/secret+key:liar-session-token", 1);
    shard->number = 0;
    for (size_t i = 0; i < count; i++) {
        bench.plan = &plans[i];
        run_plan(&bench);
    }
    wb_buf_free(&bench.listed);
    wb_config_free(&bench.config);
    liar_stop(&bench.liar);
}

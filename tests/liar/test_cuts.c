/* Broken connections to real servers: what test_lies checks on a server that lies is checked here
 * on nginx and SeaweedFS, behind a proxy (proxy.py) that ends, holds or damages the connection at
 * every so many bytes. Then time: what moves, however slowly, lives; what stands still ends.
 *
 * The servers are those of compose/services, by its variables; 77 when there are none.
 * usage: test_cuts [PART-OF-A-CASE]     those alone, each told */
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "tests/liar/flows.h"

enum {
    KIB = 1024,
    MIB = 1024 * 1024,
    URL_MOST = 256,
    POINTS = 24,
    STALL_MS = 2000,
    PATIENCE_MS = 10 * STALL_MS, /* the servers are slow at times */
    SLOW_RATE = 64 * KIB,
    SKIP = 77
};

/* A server, and how a node there is opened at a port of ours. */
struct place {
    const char *name;
    const char *url;      /* names of variables */
    const char *endpoint; /* NULL: the URL has the port */
    const char *root;     /* the folder here that it serves; NULL: none */
    const char *secret;
};

static const struct place places[] = {{"webdav", "WB_WEBDAV_URL", NULL, "WB_WEBDAV_ROOT", "webdav"},
                                      {"s3", "WB_S3_URL", "WB_S3_ENDPOINT", NULL, "s3"}};

struct way {
    const char *name;
    flow_fn *prepare;
    flow_fn *flow;
    size_t size;
};

static const struct way ways[] = {
    {"copy", NULL, flow_copy, 4 * KIB},          {"copy", NULL, flow_copy, MIB},
    {"copy", NULL, flow_copy, 17 * MIB + 5},     {"source", NULL, flow_source, 4 * KIB},
    {"source", NULL, flow_source, MIB},          {"list", NULL, flow_list, 0},
    {"discard", flow_stage, flow_discard, 10},   {"remove", flow_copy, flow_remove, 10},
    {"batch", flow_stage_batch, flow_batch, KIB}};

struct fault {
    const char *name;
    const char *classes;
    int share; /* of the points: each so manieth */
};

/* What a resent request finds may be what it did already. A flipped bit can say anything. */
static const struct fault faults[] = {
    {"cut", "unreachable not_found changed conflict", 1},
    {"reset", "unreachable not_found changed conflict", 2},
    {"flip", NULL, 1},
    {"stall", "timeout", 12},
};

struct bench {
    const struct place *place;
    const struct way *way;
    const char *only;
    struct helper *proxy;
    struct wb_config *patient;
    struct wb_config *config;
    struct wb_store *store;  /* through the proxy */
    struct wb_store *honest; /* straight */
    char name[160];
    uint8_t *bytes;
    uint8_t *old;
    struct wb_buf listed;
    uint64_t nonce;
    long files;
    long told;
    long done;
    long broken;
};

static char *ask(struct bench *bench, const char *fmt, ...) WB_PRINTF(2, 3);

static char *ask(struct bench *bench, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *answer = helper_ask(bench->proxy, fmt, args);
    va_end(args);
    return answer;
}

static void violation(struct bench *bench, const char *fmt, ...) WB_PRINTF(2, 3);

static void violation(struct bench *bench, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    printf("%s: %s\n", bench->name, text);
    bench->broken++;
}

/* ---- the nodes */

static int port_in(const char *url)
{
    const char *at = strstr(url, "://127.0.0.1:");
    return at ? (int)strtol(at + strlen("://127.0.0.1:"), NULL, 10) : 0;
}

static void with_port(const char *url, int port, char out[URL_MOST])
{
    const char *host = strstr(url, "://127.0.0.1:");
    const char *rest = host + strlen("://127.0.0.1:");
    (void)snprintf(out, URL_MOST, "%.*s://127.0.0.1:%d%s", (int)(host - url), url, port,
                   rest + strspn(rest, "0123456789"));
}

/* `port` 0: straight. */
static struct wb_store *open_at(struct bench *bench, int port)
{
    struct wb_err err;
    char url[URL_MOST];
    char endpoint[URL_MOST];
    struct wb_store *store = NULL;
    const struct place *place = bench->place;
    const char *options[] = {"endpoint", endpoint, "region", "us-east-1", "style", "path", NULL};
    const char *base = getenv(place->url);
    (void)snprintf(url, sizeof(url), "%s%scuts-%016llx", base,
                   base[strlen(base) - 1] == '/' ? "" : "/", (unsigned long long)bench->nonce);
    if (place->endpoint)
        (void)snprintf(endpoint, sizeof(endpoint), "%s", getenv(place->endpoint));
    if (port && place->endpoint)
        with_port(getenv(place->endpoint), port, endpoint);
    else if (port) {
        char straight[URL_MOST];
        (void)snprintf(straight, sizeof(straight), "%s", url);
        with_port(straight, port, url);
    }
    if (wb_store_open("t", url, place->endpoint ? options : NULL, place->secret,
                      port ? bench->config : bench->patient, &store, &err) != WB_OK ||
        wb_store_prepare(store, &err) != WB_OK) {
        printf("%s: the node cannot be opened: %s\n", place->name, err.text);
        exit(1);
    }
    return store;
}

/* Straight from the server: what is under a final name. */
static bool really_has(struct bench *bench, const char *path, struct wb_span want)
{
    struct run run = {.store = bench->honest, .bytes = want};
    (void)snprintf(run.path, sizeof(run.path), "%s", path);
    enum wb_rc rc = flow_source(&run);
    /* What a server can tell of a file may be more, once the file has been left alone. */
    for (int i = 0; rc != WB_OK && run.err.category == WB_CAT_CHANGED && i < 3; i++)
        rc = flow_source(&run);
    if (rc == WB_OK)
        return run.item_rcs[0] == WB_OK;
    if (run.err.category != WB_CAT_NOT_FOUND)
        violation(bench, "the server itself: %s", run.err.text);
    return false;
}

static bool really_lacks(struct bench *bench, enum wb_place place, const char *name)
{
    struct wb_err err;
    struct wb_stat stat;
    return wb_store_stat(bench->honest, place, wb_span_str(name), &stat, &err) != WB_OK &&
           err.category == WB_CAT_NOT_FOUND;
}

static void really_put(struct bench *bench, const char *path, struct wb_span bytes)
{
    struct run run = {.store = bench->honest, .bytes = bytes};
    (void)snprintf(run.path, sizeof(run.path), "%s", path);
    (void)snprintf(run.instance, sizeof(run.instance), "put.%ld", bench->files);
    if (flow_copy(&run) != WB_OK)
        violation(bench, "the server itself: %s", run.err.text);
}

/* ---- one run */

static enum wb_rc begin_run(struct bench *bench, struct run *run)
{
    const struct way *way = bench->way;
    long number = bench->files++;
    *run = (struct run){.store = bench->store,
                        .bytes = wb_span_of(bench->bytes, way->size),
                        .old = wb_span_of(bench->old, way->size / 2 + 3),
                        .claims = true,
                        .listed = wb_buf_make(MIB)};
    (void)snprintf(run->path, sizeof(run->path), "d/f-%ld", number);
    (void)snprintf(run->instance, sizeof(run->instance), "job.%ld", number);
    if (way->flow == flow_copy)
        really_put(bench, run->path, run->old);
    if (way->flow == flow_list)
        (void)snprintf(run->path, sizeof(run->path), "sub/f");
    if (way->flow == flow_source || way->flow == flow_list)
        really_put(bench, run->path, run->bytes);
    return way->prepare ? way->prepare(run) : WB_OK;
}

static const char *check_batch(struct bench *bench, const struct run *run)
{
    for (size_t i = 0; i < FLOW_FILES; i++) {
        bool there = really_has(bench, run->items[i], run->bytes);
        if (run->item_rcs[i] == WB_OK && !there)
            return "FALSE SUCCESS: a final name does not have the bytes";
        if (!there && !really_lacks(bench, WB_PLACE_FINAL, run->items[i]))
            return "a part of a file is under a final name";
    }
    return NULL;
}

static const char *check_copied(struct bench *bench, const struct run *run, enum wb_rc rc)
{
    bool is_new = really_has(bench, run->path, run->bytes);
    if (rc == WB_OK && !is_new)
        return "FALSE SUCCESS: the final name does not have the bytes";
    if (rc == WB_OK && !really_lacks(bench, WB_PLACE_STAGED, run->instance))
        return "still staged after it was published";
    return is_new || really_has(bench, run->path, run->old)
               ? NULL
               : "neither the old file nor the new one is under the final name";
}

static const char *check(struct bench *bench, const struct run *run, enum wb_rc rc)
{
    flow_fn *flow = bench->way->flow;
    if (flow == flow_copy)
        return check_copied(bench, run, rc);
    if (flow == flow_batch)
        return check_batch(bench, run);
    if (flow == flow_list)
        return rc != WB_OK || wb_span_eq(wb_buf_span(&run->listed), wb_buf_span(&bench->listed))
                   ? NULL
                   : "FALSE SUCCESS: the listing is not what there is";
    if (rc != WB_OK)
        return NULL;
    if (flow == flow_discard && !really_lacks(bench, WB_PLACE_STAGED, run->instance))
        return "FALSE SUCCESS: discarded, but it is still there";
    if (flow == flow_remove && !really_lacks(bench, WB_PLACE_FINAL, run->path))
        return "FALSE SUCCESS: removed, but it is still there";
    return NULL;
}

static void judge(struct bench *bench, struct run *run, const struct fault *fault, enum wb_rc rc)
{
    const char *category = wb_category_name(run->err.category);
    /* A bit of a listing that is flipped makes another name of one, and nobody can tell. */
    bool is_blind = strcmp(fault->name, "flip") == 0 && bench->way->flow == flow_list;
    const char *wrong = check(bench, run, rc);
    if (wrong && !is_blind)
        violation(bench, "%s", wrong);
    bench->told++;
    bench->done += rc == WB_OK;
    if (rc == WB_OK || run->judged)
        return;
    /* A loaded server takes its time for what is large. */
    bool is_slow = bench->way->size > MIB && run->err.category == WB_CAT_TIMEOUT;
    if (fault->classes && !is_slow && !has_word(fault->classes, category))
        violation(bench, "WRONG CLASS: %s, not %s: %s (%s)", category, fault->classes,
                  run->err.text, run->err.code);
    if (fault->classes && !run->err.retryable)
        violation(bench, "FOR EVER: %s (%s) would not be tried again", run->err.text, category);
}

static void run_point(struct bench *bench, const struct fault *fault, const char *way, long at)
{
    struct run run;
    (void)snprintf(bench->name, sizeof(bench->name), "%s/%s/%zu/%s-%s@%ld", bench->place->name,
                   bench->way->name, bench->way->size, fault->name, way, at);
    if (bench->only && !strstr(bench->name, bench->only))
        return;
    if (begin_run(bench, &run) != WB_OK) {
        violation(bench, "POISONED: without a fault afterwards: %s", run.err.text);
    } else {
        (void)ask(bench, "arm %s %s %ld 1", fault->name, way, at);
        int64_t begun_ms = wb_clock_mono_ms();
        enum wb_rc rc = bench->way->flow(&run);
        int64_t took_ms = wb_clock_mono_ms() - begun_ms;
        if (strcmp(ask(bench, "disarm"), "0") != 0)
            judge(bench, &run, fault, rc);
        if (took_ms > PATIENCE_MS)
            violation(bench, "TIME: %lld ms", (long long)took_ms);
        if (bench->only)
            printf("%s: %s, %lld ms\n", bench->name, rc == WB_OK ? "no harm" : run.err.text,
                   (long long)took_ms);
    }
    wb_buf_free(&run.listed);
}

/* ---- points */

/* How many bytes the whole goes each way when nothing breaks. */
static bool measure(struct bench *bench, long counts[2])
{
    struct run run;
    (void)snprintf(bench->name, sizeof(bench->name), "%s/%s/%zu", bench->place->name,
                   bench->way->name, bench->way->size);
    enum wb_rc rc = begin_run(bench, &run);
    (void)ask(bench, "mark");
    if (rc == WB_OK)
        rc = bench->way->flow(&run);
    (void)sscanf(ask(bench, "count"), "%ld %ld", &counts[0], &counts[1]);
    if (bench->way->flow == flow_list) {
        wb_buf_clear(&bench->listed);
        if (rc == WB_OK)
            rc = wb_buf_append(&bench->listed, wb_buf_span(&run.listed), &run.err);
    }
    const char *wrong = check(bench, &run, rc);
    if (rc != WB_OK || wrong)
        violation(bench, "WITHOUT A FAULT: %s", rc != WB_OK ? run.err.text : wrong);
    wb_buf_free(&run.listed);
    return rc == WB_OK && !wrong;
}

static void run_way(struct bench *bench)
{
    long counts[2];
    static const char *const directions[] = {"up", "down"};
    bench->bytes = flow_bytes(bench->way->size, 1);
    bench->old = flow_bytes(bench->way->size + 8, 2);
    bool fine = measure(bench, counts);
    int points = bench->way->size > MIB ? POINTS / 6 : POINTS;
    for (size_t f = 0; fine && f < sizeof(faults) / sizeof(faults[0]); f++)
        for (int direction = 0; direction < 2; direction++)
            for (int i = 0; i < points; i += faults[f].share)
                run_point(bench, &faults[f], directions[direction],
                          counts[direction] * i / points + i % 7);
    free(bench->bytes);
    free(bench->old);
}

/* ---- time */

/* It takes several times as long as what stands still may. */
static void slow_lives(struct bench *bench)
{
    static const struct way slow = {"slow", NULL, flow_copy, 3 * SLOW_RATE};
    struct run run;
    bench->way = &slow;
    (void)snprintf(bench->name, sizeof(bench->name), "%s/slow", bench->place->name);
    if (bench->only && !strstr(bench->name, bench->only))
        return;
    bench->bytes = flow_bytes(slow.size, 1);
    bench->old = flow_bytes(slow.size, 2);
    enum wb_rc rc = begin_run(bench, &run);
    (void)ask(bench, "slow %d", SLOW_RATE);
    int64_t begun_ms = wb_clock_mono_ms();
    if (rc == WB_OK)
        rc = slow.flow(&run);
    int64_t took_ms = wb_clock_mono_ms() - begun_ms;
    (void)ask(bench, "slow 0");
    const char *wrong = check(bench, &run, rc);
    if (rc != WB_OK || wrong)
        violation(bench, "KILLED: it was slow, but it moved: %s",
                  rc != WB_OK ? run.err.text : wrong);
    if (took_ms < 3 * STALL_MS)
        violation(bench, "it was not slow: %lld ms", (long long)took_ms);
    printf("%s: %zu KiB each way in %lld ms, with a stall time-out of %d ms\n", bench->name,
           slow.size / KIB, (long long)took_ms, STALL_MS);
    wb_buf_free(&run.listed);
    free(bench->bytes);
    free(bench->old);
}

static struct wb_config *config_of(int stall_ms)
{
    char text[64];
    struct wb_err err;
    struct wb_config *config = wb_config_new();
    (void)snprintf(text, sizeof(text), "transfer: {stall_timeout: %dms}\n", stall_ms);
    if (wb_config_load_text(config, "cuts", wb_span_str(text), &err) != WB_OK)
        exit(1);
    return config;
}

/* The folder of the node, where it has to be there first. */
static void make_folder(const struct bench *bench)
{
    char path[URL_MOST];
    if (!bench->place->root)
        return;
    (void)snprintf(path, sizeof(path), "%s/cuts-%016llx", getenv(bench->place->root),
                   (unsigned long long)bench->nonce);
    if (mkdir(path, 0777) != 0 || chmod(path, 0777) != 0)
        exit(1);
}

static void run_place(const struct place *place, const char *only)
{
    struct bench bench = {.place = place,
                          .only = only,
                          .patient = config_of(15 * STALL_MS),
                          .config = config_of(STALL_MS)};
    bench.proxy = wb_xcalloc(1, sizeof(*bench.proxy));
    bench.nonce = wb_random_u64();
    bench.listed = wb_buf_make(MIB);
    helper_start(bench.proxy, WB_SOURCE_DIR "/tests/liar/proxy.py");
    int port = (int)strtol(ask(&bench, "port"), NULL, 10);
    (void)ask(&bench, "to %d", port_in(getenv(place->endpoint ? place->endpoint : place->url)));
    make_folder(&bench);
    bench.honest = open_at(&bench, 0);
    bench.store = open_at(&bench, port);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        bench.way = &ways[i];
        run_way(&bench);
    }
    slow_lives(&bench);
    printf("%s: %ld faults: %ld did no harm, %ld were found out; %ld violations\n", place->name,
           bench.told, bench.done, bench.told - bench.done, bench.broken);
    wb_store_close(&bench.store);
    wb_store_close(&bench.honest);
    helper_stop(bench.proxy);
    free(bench.proxy);
    wb_buf_free(&bench.listed);
    wb_config_free(&bench.config);
    wb_config_free(&bench.patient);
    exit(bench.broken > 0 || bench.told == 0);
}

int main(int count, char **arguments)
{
    int failed = 0;
    const char *only = count > 1 ? arguments[1] : NULL;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (!getenv(places[i].url)) {
            printf("no server: eval \"$(compose/services start webdav s3)\" first\n");
            return SKIP;
        }
        pid_t pid = fork();
        if (pid == 0)
            run_place(&places[i], only);
    }
    for (int status; wait(&status) > 0;)
        failed |= status;
    return failed != 0;
}

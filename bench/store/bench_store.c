/* One store without ring and log: the files of a folder are staged on it, read back and compared,
 * and published, the way transfer and verifier do it. Prints what it took as one line of JSON.
 *
 * usage: bench_store FOLDER URL SECRET [OPTION VALUE]… ; SECRET "" for none */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/stage/fan.h"
#include "core/store/store.h"

enum {
    BLOCK = 1 << 20,
    CHUNK = 16 << 20,
    LARGE = 50 << 20,
    BATCH = 200,
    FILES_MOST = 1 << 20,
    ARENA = 1 << 28,
    RANGES_MOST = 10000
};

struct item {
    struct wb_span path;
    int64_t size;
    char instance[64];
    char tag[WB_TAG_MAX];
    /* ranges of a large file */
    struct wb_xxh3 *digests;
    char (*tags)[WB_TAG_MAX];
};

struct bench {
    struct wb_store *source;
    struct wb_store *target;
    struct wb_fan *fan;
    struct wb_arena *arena;
    struct item *items;
    size_t count;
    struct item *large; /* whose ranges are under way */
    int64_t bytes;
};

struct lane {
    struct wb_hasher *hasher;
    uint8_t *block;
};

static void die(const char *what, const struct wb_err *err)
{
    (void)fprintf(stderr, "bench_store: %s: %s\n", what, err->text);
    exit(1);
}

#define MUST(call)            \
    do {                      \
        if ((call) != WB_OK)  \
            die(#call, &err); \
    } while (0)

static void *lane_open(void *arg)
{
    struct lane *lane = wb_xcalloc(1, sizeof(*lane));
    (void)arg;
    lane->hasher = wb_hasher_new(false);
    lane->block = wb_xcalloc(1, BLOCK);
    return lane;
}

static void lane_close(void *state)
{
    struct lane *lane = state;
    wb_hasher_free(&lane->hasher);
    free(lane->block);
    free(lane);
}

static enum wb_rc add_file(void *arg, struct wb_span path, const struct wb_stat *stat,
                           const struct wb_err *problem, struct wb_err *err)
{
    struct bench *bench = arg;
    (void)err;
    if (problem || stat->version.kind != WB_FILE_REGULAR || bench->count == FILES_MOST)
        return WB_OK;
    struct item *item = &bench->items[bench->count];
    item->path = wb_arena_span(bench->arena, path);
    item->size = stat->version.size_bytes;
    (void)snprintf(item->instance, sizeof(item->instance), "bench.%016llx",
                   (unsigned long long)wb_random_u64());
    bench->bytes += item->size;
    bench->count++;
    return WB_OK;
}

/* Reads [offset, offset + length), to `to` where there is one. */
static struct wb_xxh3 pass(struct lane *lane, struct wb_file *from, struct wb_file *to,
                           int64_t offset, int64_t length)
{
    struct wb_err err;
    struct wb_xxh3 digest;
    wb_hasher_reset(lane->hasher, false);
    for (int64_t done = 0; done < length;) {
        size_t got = 0;
        int64_t left = length - done;
        size_t want = left < BLOCK ? (size_t)left : BLOCK;
        MUST(wb_file_read(from, offset + done, lane->block, want, &got, &err));
        if (got != want) {
            (void)wb_err_set(&err, WB_CAT_CORRUPT, "short read");
            die("read", &err);
        }
        wb_hasher_update(lane->hasher, wb_span_of(lane->block, got));
        if (to)
            MUST(wb_file_write(to, offset + done, wb_span_of(lane->block, got), &err));
        done += (int64_t)got;
    }
    wb_hasher_final(lane->hasher, &digest, NULL);
    return digest;
}

static void prove(struct bench *bench, struct lane *lane, const struct item *item, int64_t offset,
                  int64_t length, const struct wb_xxh3 *digest)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    MUST(wb_store_read(bench->target, WB_PLACE_STAGED, wb_span_str(item->instance), false, &file,
                       &err));
    struct wb_xxh3 there = pass(lane, file, NULL, offset, length);
    wb_file_close(&file);
    if (memcmp(&there, digest, sizeof(there)) != 0) {
        (void)wb_err_set(&err, WB_CAT_CORRUPT, "other bytes came back");
        die("prove", &err);
    }
}

static void copy_whole(void *arg, void *state, struct wb_arena *arena, size_t index)
{
    struct wb_err err;
    struct bench *bench = arg;
    struct item *item = &bench->items[index];
    struct wb_file *from = NULL;
    struct wb_file *to = NULL;
    struct wb_stat stat;
    char range_tag[WB_TAG_MAX];
    const char *tags[] = {range_tag};
    (void)arena;
    if (item->digests)
        return;
    MUST(wb_store_read(bench->source, WB_PLACE_FINAL, item->path, false, &from, &err));
    MUST(wb_file_stat(from, &stat, &err));
    MUST(wb_store_create(bench->target, item->instance, WB_FILE_REGULAR, item->size, false, &to,
                         &err));
    struct wb_xxh3 digest = pass(state, from, to, 0, item->size);
    const struct wb_meta meta = {.mtime_ns = stat.version.mtime_ns};
    MUST(wb_file_range_done(to, 0, item->size, range_tag, &err));
    MUST(wb_file_seal(to, &meta, tags, 1, item->tag, &err));
    wb_file_close(&to);
    wb_file_close(&from);
    prove(bench, state, item, 0, item->size, &digest);
}

static int64_t length_of(const struct item *item, size_t index)
{
    int64_t left = item->size - (int64_t)index * CHUNK;
    return left < CHUNK ? left : CHUNK;
}

static void copy_range(void *arg, void *state, struct wb_arena *arena, size_t index)
{
    struct wb_err err;
    struct bench *bench = arg;
    struct item *item = bench->large;
    struct wb_file *from = NULL;
    struct wb_file *to = NULL;
    int64_t offset = (int64_t)index * CHUNK;
    int64_t length = length_of(item, index);
    (void)arena;
    MUST(wb_store_read(bench->source, WB_PLACE_FINAL, item->path, false, &from, &err));
    MUST(wb_store_reopen(bench->target, item->instance, &to, &err));
    item->digests[index] = pass(state, from, to, offset, length);
    MUST(wb_file_range_done(to, offset, length, item->tags[index], &err));
    wb_file_close(&to);
    wb_file_close(&from);
    prove(bench, state, item, offset, length, &item->digests[index]);
}

static int32_t width(const struct bench *bench)
{
    int32_t parallel = bench->target->caps.parallel;
    return parallel > 4 ? parallel : 4; /* as many threads as transfer has */
}

static void copy_large(struct bench *bench, struct item *item)
{
    struct wb_err err;
    struct wb_file *to = NULL;
    const char *tags[RANGES_MOST];
    const struct wb_meta meta = {.mtime_ns = 0};
    size_t count = (size_t)((item->size + CHUNK - 1) / CHUNK);
    item->digests = wb_arena_alloc(bench->arena, count * sizeof(*item->digests));
    item->tags = wb_arena_alloc(bench->arena, count * sizeof(*item->tags));
    MUST(wb_store_create(bench->target, item->instance, WB_FILE_REGULAR, item->size, false, &to,
                         &err));
    wb_file_close(&to);
    bench->large = item;
    wb_fan_run(bench->fan, width(bench), count, bench->arena, copy_range, bench);
    for (size_t i = 0; i < count; i++)
        tags[i] = item->tags[i];
    MUST(wb_store_reopen(bench->target, item->instance, &to, &err));
    MUST(wb_file_seal(to, &meta, tags, count, item->tag, &err));
    wb_file_close(&to);
}

static void publish(struct bench *bench)
{
    struct wb_err err;
    struct wb_publish items[BATCH];
    for (size_t first = 0; first < bench->count; first += BATCH) {
        size_t count = bench->count - first < BATCH ? bench->count - first : BATCH;
        for (size_t i = 0; i < count; i++)
            items[i] = (struct wb_publish){.instance = bench->items[first + i].instance,
                                           .tag = bench->items[first + i].tag,
                                           .path = bench->items[first + i].path};
        MUST(wb_store_publish(bench->target, items, count, &err));
        for (size_t i = 0; i < count; i++)
            if (items[i].rc != WB_OK)
                die("publish", &items[i].err);
    }
}

static double seconds_since(int64_t begin_ns)
{
    return (double)(wb_clock_mono_ns() - begin_ns) / 1e9;
}

static void run(struct bench *bench)
{
    struct wb_err err;
    MUST(wb_store_list(bench->source, wb_span_str(""), add_file, bench, &err));
    int64_t begin_ns = wb_clock_mono_ns();
    for (size_t i = 0; i < bench->count; i++)
        if (bench->items[i].size >= LARGE && bench->target->caps.random_writes)
            copy_large(bench, &bench->items[i]);
    wb_fan_run(bench->fan, width(bench), bench->count, bench->arena, copy_whole, bench);
    double proved_s = seconds_since(begin_ns);
    publish(bench);
    (void)printf("{\"files\": %zu, \"bytes\": %lld, \"proved_s\": %.3f, \"seconds\": %.3f}\n",
                 bench->count, (long long)bench->bytes, proved_s, seconds_since(begin_ns));
}

int main(int argc, char **argv)
{
    struct wb_err err;
    struct bench bench = {0};
    if (argc < 4 || argc % 2) {
        (void)fprintf(stderr, "usage: bench_store FOLDER URL SECRET [OPTION VALUE]...\n");
        return 2;
    }
    struct wb_config *config = wb_config_new();
    bench.arena = wb_arena_new(ARENA);
    const char *source = wb_arena_printf(bench.arena, "file://%s", argv[1]);
    bench.items = wb_xcalloc(FILES_MOST, sizeof(*bench.items));
    bench.fan = wb_fan_new(lane_open, lane_close, NULL, BLOCK);
    MUST(wb_store_open("source", source, NULL, "", config, &bench.source, &err));
    MUST(wb_store_open("target", argv[2], (const char *const *)argv + 4, argv[3], config,
                       &bench.target, &err));
    run(&bench);
    wb_fan_free(&bench.fan);
    wb_store_close(&bench.source);
    wb_store_close(&bench.target);
    wb_arena_free(&bench.arena);
    free(bench.items);
    wb_config_free(&config);
    return 0;
}

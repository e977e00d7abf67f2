/* Power cuts: workers publish, replace, discard and delete on ext4 and XFS until the power goes at
 * a random point. Then the medium is mounted again, and what was reported done must be there: each
 * final name holds the last version that was reported, or the whole one that was under way. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/store/posix.h"
#include "tests/crash/medium.h"

enum {
    NAMES = 24, /* of both threads */
    THREADS = 2,
    OWN = NAMES / THREADS,
    BATCH = 6,
    ZOMBIES = 64,
    SIZE_MAX_BYTES = 400000,
    CYCLES = 1000,  /* of each kind of file system */
    MOST_DONE = 10, /* before the cut */
    STEP_US = 200,
    AFTER_US = 4000,
    LONGEST_US = 60000,
    FAILURES_MOST = 20,
    SKIPPED = 77,
    PLACE_SIZE = 400
};

struct zombie {
    char instance[64];
    char tag[WB_TAG_MAX];
    size_t name;
};

/* What is known of a final name; version 0: no file. */
struct name {
    uint64_t promised;
    uint64_t under_way; /* may be there instead */
    char tag[WB_TAG_MAX];
    const char *last; /* operation on it */
};

struct cuts {
    struct medium medium;
    char place[256];
    char root[264];
    struct name names[NAMES];
    char marker[WB_MARKER_MAX];
    struct wb_store *store; /* while there is power */
    atomic_bool cut;
    atomic_uint_fast64_t versions;
    atomic_uint_fast64_t done; /* operations that were reported done */
    uint64_t random;
    int cycle;
    int failures;
};

struct thread {
    struct cuts *cuts;
    size_t first; /* of its names */
    uint64_t random;
    struct zombie zombies[ZOMBIES];
    size_t zombie_count;
    char failed[WB_ERR_TEXT_MAX]; /* while there was power */
};

static uint64_t next_random(uint64_t *state)
{
    uint64_t mixed = (*state += 0x9e3779b97f4a7c15U);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31);
}

static void name_path(size_t name, char path[64])
{
    (void)snprintf(path, 64, "d%zu/%s%zu", name % 3, name % 2 ? "deep/er/" : "", name);
}

/* ---- versions: the number says what the bytes are */

static bool is_link(uint64_t version)
{
    return version % 11 == 0;
}

static size_t version_bytes(uint64_t version, size_t name, uint8_t *out)
{
    uint64_t state = version * 1000003 + name;
    size_t size = next_random(&state) % 40000;
    if (is_link(version))
        size = 20 + size % 50;
    else if (version % 29 == 0)
        size = SIZE_MAX_BYTES - size;
    else if (version % 17 == 0)
        size = 0;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t bits = (next_random(&state) & 0x3f3f3f3f3f3f3f3fU) | 0x4040404040404040U;
        memcpy(out + i, &bits, 8);
    }
    return size;
}

/* Whether the final name holds the version, whole. */
static bool holds(const struct cuts *cuts, size_t name, uint64_t version)
{
    static uint8_t wanted[SIZE_MAX_BYTES + 8];
    static uint8_t have[SIZE_MAX_BYTES + 8];
    char path[64];
    char place[PLACE_SIZE];
    struct stat info;
    ssize_t len;
    name_path(name, path);
    (void)snprintf(place, sizeof(place), "%s/%s", cuts->root, path);
    if (lstat(place, &info) != 0)
        return version == 0 && errno == ENOENT;
    if (version == 0)
        return false;
    if (is_link(version) != !!S_ISLNK(info.st_mode))
        return false;
    if (is_link(version)) {
        len = readlink(place, (char *)have, sizeof(have));
    } else {
        int fd = open(place, O_RDONLY | O_CLOEXEC);
        len = fd < 0 ? -1 : read(fd, have, sizeof(have));
        if (fd >= 0)
            (void)close(fd);
    }
    size_t size = version_bytes(version, name, wanted);
    return len == (ssize_t)size && memcmp(have, wanted, size) == 0;
}

/* ---- operations */

static enum wb_rc stage(struct thread *thread, size_t name, uint64_t version, const char *instance,
                        char tag[WB_TAG_MAX], struct wb_err *err)
{
    uint8_t *bytes = malloc(SIZE_MAX_BYTES + 8);
    struct wb_file *file = NULL;
    struct wb_store *store = thread->cuts->store;
    struct wb_meta meta = {.mtime_ns = (int64_t)(version * 1000003), .mode = 0644};
    size_t size = version_bytes(version, name, bytes);
    meta.set_mode = true;
    enum wb_rc rc =
        wb_store_create(store, instance, is_link(version) ? WB_FILE_SYMLINK : WB_FILE_REGULAR,
                        (int64_t)size, version % 2, &file, err);
    if (rc == WB_OK)
        rc = wb_file_write(file, 0, wb_span_of(bytes, size), err);
    if (rc == WB_OK)
        rc = wb_file_seal(file, &meta, NULL, 0, tag, err);
    wb_file_close(&file);
    free(bytes);
    return rc;
}

/* Names `first` and the ones after it get a new version each, in one call. */
static enum wb_rc publish(struct thread *thread, size_t first, size_t count, struct wb_err *err)
{
    struct cuts *cuts = thread->cuts;
    struct wb_publish items[BATCH];
    char instances[BATCH][64];
    char tags[BATCH][WB_TAG_MAX];
    char paths[BATCH][64];
    uint64_t run = atomic_fetch_add(&cuts->versions, count);
    for (size_t i = 0; i < count; i++) {
        if (count > 1)
            (void)snprintf(instances[i], sizeof(instances[i]), "task.%lu/%zu", run, i);
        else
            (void)snprintf(instances[i], sizeof(instances[i]), "job.%lu", run);
        if (stage(thread, first + i, run + i, instances[i], tags[i], err) != WB_OK)
            return WB_ERROR;
        name_path(first + i, paths[i]);
        items[i] = (struct wb_publish){
            .instance = instances[i], .tag = tags[i], .path = wb_span_str(paths[i])};
    }
    for (size_t i = 0; i < count; i++) {
        cuts->names[first + i].under_way = run + i;
        cuts->names[first + i].last = count > 1 ? "batch" : "publish";
    }
    if (wb_store_publish(cuts->store, items, count, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++) {
        struct name *name = &cuts->names[first + i];
        if (items[i].rc != WB_OK) {
            *err = items[i].err;
            return WB_ERROR;
        }
        name->promised = run + i;
        memcpy(name->tag, tags[i], sizeof(tags[i]));
    }
    return WB_OK;
}

static void sync_all(const struct cuts *cuts)
{
    int fd = open(cuts->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)syncfs(fd);
        (void)close(fd);
    }
}

/* An instance that was told to publish and did not: its discard is acknowledged, then a newer one
 * is published. */
static enum wb_rc supersede(struct thread *thread, size_t name, struct wb_err *err)
{
    struct cuts *cuts = thread->cuts;
    struct zombie *zombie = &thread->zombies[thread->zombie_count];
    if (thread->zombie_count == ZOMBIES)
        return WB_OK;
    uint64_t version = atomic_fetch_add(&cuts->versions, 1);
    (void)snprintf(zombie->instance, sizeof(zombie->instance), "old.%lu%s", version,
                   version % 2 ? "/0" : "");
    zombie->name = name;
    if (stage(thread, name, version, zombie->instance, zombie->tag, err) != WB_OK)
        return WB_ERROR;
    /* So that there is something to come back. */
    if (version % 3 == 0)
        sync_all(cuts);
    if (wb_store_discard(cuts->store, zombie->instance, err) != WB_OK)
        return WB_ERROR;
    thread->zombie_count++;
    return version % 5 ? WB_OK : publish(thread, name, 1, err);
}

static enum wb_rc delete (struct thread *thread, size_t at, struct wb_err *err) {
    char path[64]; char token[64]; struct name *name = &thread->cuts->names[at];
    if (!name->promised) return WB_OK;
    name_path(at, path);
    (void)snprintf(token, sizeof(token), "token.%lu", atomic_fetch_add(&thread->cuts->versions, 1));
    name->under_way = 0;
    name->last = "delete";
    if (wb_store_remove(thread->cuts->store, wb_span_str(path), name->tag, token, err) !=
        WB_OK) return WB_ERROR;
    name->promised = 0;
    return WB_OK;
}

static enum wb_rc operate(struct thread *thread, struct wb_err *err)
{
    uint64_t bits = next_random(&thread->random);
    size_t own = (bits >> 8) % OWN;
    uint64_t dice = bits % 100;
    if (dice < 20)
        return publish(thread, thread->first + (own < OWN - BATCH ? own : OWN - BATCH), BATCH, err);
    if (dice < 40)
        return supersede(thread, thread->first + own, err);
    if (dice < 55)
        return delete (thread, thread->first + own, err);
    return publish(thread, thread->first + own, 1, err);
}

static void *work(void *arg)
{
    struct thread *thread = arg;
    struct wb_err err;
    thread->zombie_count = 0;
    while (!atomic_load(&thread->cuts->cut)) {
        if (operate(thread, &err) == WB_OK)
            atomic_fetch_add(&thread->cuts->done, 1);
        else if (atomic_load(&thread->cuts->cut))
            break;
        else {
            (void)snprintf(thread->failed, sizeof(thread->failed), "%s", err.text);
            break;
        }
    }
    return NULL;
}

/* ---- a cycle */

static void fails(struct cuts *cuts, const char *what, const char *more)
{
    cuts->failures++;
    (void)printf("%s, cycle %d: %s: %s\n", cuts->medium.kind, cuts->cycle, what, more);
}

static const char *what_is(const struct cuts *cuts, const char *path)
{
    struct stat info;
    char place[PLACE_SIZE];
    (void)snprintf(place, sizeof(place), "%s/%s", cuts->root, path);
    if (lstat(place, &info) != 0)
        return "is not there";
    return info.st_size ? "is another one" : "is empty";
}

static void make_away(const struct cuts *cuts, const char *path)
{
    char place[PLACE_SIZE];
    (void)snprintf(place, sizeof(place), "%s/%s", cuts->root, path);
    (void)unlink(place);
}

static void check_names(struct cuts *cuts)
{
    struct wb_err err;
    struct wb_stat stat;
    char path[64];
    char text[250];
    for (size_t i = 0; i < NAMES; i++) {
        struct name *name = &cuts->names[i];
        name_path(i, path);
        if (holds(cuts, i, name->under_way)) {
            name->promised = name->under_way;
        } else if (!holds(cuts, i, name->promised)) {
            (void)snprintf(text, sizeof(text), "%s should be version %lu or %lu (%s), %s", path,
                           name->promised, name->under_way, name->last, what_is(cuts, path));
            fails(cuts, "neither what was reported nor what was under way", text);
            make_away(cuts, path);
            name->promised = 0;
        }
        name->under_way = name->promised;
        if (wb_store_stat(cuts->store, WB_PLACE_FINAL, wb_span_str(path), &stat, &err) == WB_OK)
            memcpy(name->tag, stat.tag, sizeof(stat.tag));
    }
}

static void check_zombies(struct cuts *cuts, struct thread *thread)
{
    struct wb_err err;
    for (size_t i = 0; i < thread->zombie_count; i++) {
        char path[64];
        struct zombie *zombie = &thread->zombies[i];
        name_path(zombie->name, path);
        struct wb_publish item = {
            .instance = zombie->instance, .tag = zombie->tag, .path = wb_span_str(path)};
        if (wb_store_publish(cuts->store, &item, 1, &err) == WB_OK && item.rc == WB_OK)
            fails(cuts, "was discarded and published afterwards", zombie->instance);
    }
    thread->zombie_count = 0;
}

/* Now and then there is none, and one is made while others work. */
static void make_marker(struct cuts *cuts)
{
    char place[PLACE_SIZE];
    struct wb_err err;
    if (next_random(&cuts->random) % 8 == 0) {
        (void)snprintf(place, sizeof(place), "%s/" WB_STAGING_DIR "/marker", cuts->root);
        if (unlink(place) == 0)
            cuts->marker[0] = 0;
    }
    if (!cuts->marker[0] && wb_store_marker(cuts->store, true, cuts->marker, &err) != WB_OK)
        fails(cuts, "no marker", err.text);
}

static void check_marker(struct cuts *cuts)
{
    struct wb_err err;
    char have[WB_MARKER_MAX];
    if (wb_store_marker(cuts->store, false, have, &err) != WB_OK)
        fails(cuts, "the marker is gone", err.text);
    else if (strcmp(have, cuts->marker) != 0)
        fails(cuts, "the marker is another one", have);
}

static void wait_us(long us)
{
    const struct timespec wait = {.tv_nsec = us * 1000};
    (void)nanosleep(&wait, NULL);
}

/* After some operations, which take much longer on a busy machine, and in the midst of others. */
static void cut_at_random(struct cuts *cuts)
{
    uint64_t bits = next_random(&cuts->random);
    uint64_t dice = bits % 10;
    uint64_t wanted = atomic_load(&cuts->done) + (bits >> 8) % MOST_DONE;
    for (int us = 0; us < LONGEST_US && atomic_load(&cuts->done) < wanted; us += STEP_US)
        wait_us(STEP_US);
    wait_us((long)((bits >> 16) % AFTER_US));
    atomic_store(&cuts->cut, true);
    if (!medium_cut(&cuts->medium, dice < 1 ? CUT_FROZEN : dice < 4 ? CUT_LOGGED : CUT_SUDDEN))
        fails(cuts, "the power cannot be cut", strerror(errno));
}

static bool power_on(struct cuts *cuts)
{
    struct wb_err err;
    if (!medium_mount(&cuts->medium)) {
        fails(cuts, "cannot be mounted", strerror(errno));
        return false;
    }
    (void)mkdir(cuts->root, 0755);
    if (wb_posix_new("node", cuts->root, &cuts->store, &err) == WB_OK)
        return true;
    fails(cuts, "the node is gone", err.text);
    return false;
}

static void check(struct cuts *cuts, struct thread *threads)
{
    struct wb_err err;
    int64_t swept;
    check_names(cuts);
    for (size_t i = 0; i < THREADS; i++)
        check_zombies(cuts, &threads[i]);
    if (cuts->marker[0])
        check_marker(cuts);
    if (wb_store_sweep(cuts->store, 0, &swept, &err) != WB_OK)
        fails(cuts, "cannot be swept", err.text);
}

static void work_until_cut(struct cuts *cuts, struct thread *threads)
{
    pthread_t ids[THREADS];
    atomic_store(&cuts->cut, false);
    make_marker(cuts);
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&ids[i], NULL, work, &threads[i]) != 0)
            abort();
    cut_at_random(cuts);
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(ids[i], NULL);
        if (threads[i].failed[0])
            fails(cuts, "failed while there was power", threads[i].failed);
        threads[i].failed[0] = 0;
    }
}

static bool power_off(struct cuts *cuts)
{
    wb_store_close(&cuts->store);
    if (medium_unmount(&cuts->medium))
        return true;
    fails(cuts, "cannot be unmounted", strerror(errno));
    return false;
}

static void run(struct cuts *cuts, int cycles)
{
    struct thread threads[THREADS] = {0};
    for (size_t i = 0; i < THREADS; i++) {
        threads[i].cuts = cuts;
        threads[i].first = i * OWN;
        threads[i].random = next_random(&cuts->random);
    }
    atomic_store(&cuts->versions, 1);
    while (cuts->failures < FAILURES_MOST && power_on(cuts)) {
        check(cuts, threads);
        if (cuts->cycle < cycles)
            work_until_cut(cuts, threads);
        if (!power_off(cuts) || cuts->cycle == cycles)
            break;
        cuts->cycle++;
    }
}

/* ---- one process a kind of file system */

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static int process(const char *kind, const char place[100], int cycles, uint64_t seed)
{
    const char *why;
    struct cuts *cuts = calloc(1, sizeof(*cuts));
    cuts->random = seed * 2 + (kind[0] == 'x');
    (void)snprintf(cuts->place, sizeof(cuts->place), "%s", place);
    (void)snprintf(cuts->root, sizeof(cuts->root), "%s/root", place);
    if (!medium_make(&cuts->medium, kind, cuts->place, &why)) {
        (void)printf("%s not tested: this needs %s (%s)\n", kind, why, strerror(errno));
        return SKIPPED;
    }
    run(cuts, cycles);
    (void)printf("%s: %d cycles, %lu operations reported done, %d failures\n", kind, cuts->cycle,
                 atomic_load(&cuts->done), cuts->failures);
    return cuts->failures || cuts->cycle < cycles;
}

int main(void)
{
    static const char *const kinds[] = {"ext4", "xfs"};
    enum { KINDS = 2 };
    pid_t pids[KINDS];
    char places[KINDS][100];
    int result = 0;
    const char *tmp = getenv("TMPDIR");
    uint64_t seed = number_of("WB_SEED", 1);
    int cycles = (int)number_of("WB_CUTS", CYCLES);
    (void)printf("seed %lu (WB_SEED), %d cycles each (WB_CUTS)\n", seed, cycles);
    (void)fflush(stdout);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < KINDS; i++) {
        (void)snprintf(places[i], sizeof(places[i]), "%s/waybill-cuts-XXXXXX", tmp ? tmp : "/tmp");
        if (!mkdtemp(places[i]))
            abort();
        pids[i] = fork();
        if (pids[i] == 0)
            exit(process(kinds[i], places[i], cycles, seed));
    }
    for (size_t i = 0; i < KINDS; i++) {
        int status = 1;
        (void)waitpid(pids[i], &status, 0);
        (void)rmdir(places[i]);
        if (!WIFEXITED(status) || (WEXITSTATUS(status) && WEXITSTATUS(status) != SKIPPED))
            result = 1;
        else if (WEXITSTATUS(status) == SKIPPED && result == 0)
            result = SKIPPED;
    }
    return result;
}

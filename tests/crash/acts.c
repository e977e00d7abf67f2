/* The acts, and the table of them. */
#include "tests/crash/acts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/store/posix.h"
#include "tests/crash/acts_parts.h"

enum { BLOCK_BYTES = 256 * 1024, SMALL_BLOCK_BYTES = 16 * 1024, PLACE_SIZE = 512 };

struct delivery {
    struct act_world *world;
    struct wb_store *store;
    size_t count; /* of the names that the act brings */
    unsigned run;
};

static size_t name_count(const struct act *act)
{
    size_t count = 0;
    while (count < ACT_NAMES && act->names[count].path)
        count++;
    return count;
}

/* ---- staging, as COPY, OPEN, RANGE and SEAL do it */

static enum wb_rc write_bytes(struct wb_file *file, const uint8_t *bytes, size_t from, size_t to,
                              struct wb_err *err)
{
    char tag[WB_TAG_MAX];
    size_t step = to > SMALL_BLOCK_BYTES * 8 ? BLOCK_BYTES : SMALL_BLOCK_BYTES;
    for (size_t at = from; at < to; at += step) {
        size_t len = to - at < step ? to - at : step;
        if (wb_file_write(file, (int64_t)at, wb_span_of(bytes + at, len), err) != WB_OK)
            return WB_ERROR;
    }
    return wb_file_range_done(file, (int64_t)from, (int64_t)(to - from), tag, err);
}

static enum wb_rc seal(struct wb_file *file, char letter, char *tag, struct wb_err *err)
{
    static const uint8_t xattr[] = "user.act\0\3\0\0\0yes";
    struct wb_meta meta = {.mtime_ns = act_mtime_ns(letter), .mode = 0644, .set_mode = true};
    if (act_letter_of(letter)->kind == WB_FILE_REGULAR)
        meta.xattrs = wb_span_of(xattr, sizeof(xattr) - 1);
    meta.uid = getuid();
    meta.set_owner = true;
    return wb_file_seal(file, &meta, NULL, 0, tag, err);
}

/* The second half first, by handles of their own. */
static enum wb_rc write_ranges(struct wb_store *store, const char *instance, const uint8_t *bytes,
                               size_t size, struct wb_err *err)
{
    enum wb_rc rc = WB_OK;
    size_t half = size / 2;
    for (int range = 1; range >= 0 && rc == WB_OK; range--) {
        struct wb_file *file = NULL;
        struct wb_stat ignored;
        rc = wb_store_reopen(store, instance, &file, err);
        if (rc == WB_OK)
            rc = wb_store_stat(store, WB_PLACE_STAGED, wb_span_str(instance), &ignored, err);
        if (rc == WB_OK)
            rc = write_bytes(file, bytes, range ? half : 0, range ? size : half, err);
        wb_file_close(&file);
    }
    return rc;
}

static enum wb_rc stage_as(struct act_world *world, struct wb_store *store, const char *path,
                           char letter, struct act_item *item, struct wb_err *err)
{
    static uint8_t bytes[ACT_BYTES_MAX];
    char tag[WB_TAG_MAX];
    struct wb_file *file = NULL;
    const struct act_letter *what = act_letter_of(letter);
    bool ranges = world->act->flags & ACT_RANGES;
    act_bytes(path, letter, bytes);
    enum wb_rc rc =
        wb_store_create(store, item->instance, what->kind, (int64_t)what->size, false, &file, err);
    if (rc == WB_OK && ranges) {
        wb_file_close(&file);
        rc = write_ranges(store, item->instance, bytes, what->size, err);
        if (rc == WB_OK)
            rc = wb_store_reopen(store, item->instance, &file, err);
    } else if (rc == WB_OK) {
        rc = write_bytes(file, bytes, 0, what->size, err);
    }
    if (rc == WB_OK)
        rc = seal(file, letter, tag, err);
    wb_file_close(&file);
    if (rc == WB_OK) {
        memcpy(item->tag, tag, sizeof(tag));
        return WB_OK;
    }
    struct wb_err ignored;
    (void)!wb_store_discard(store, item->instance, &ignored);
    return WB_ERROR;
}

/* What is proved is not copied again; anything else gets an instance of its own. */
static enum wb_rc stage_all(struct delivery *delivery, struct wb_err *err)
{
    const struct act *act = delivery->world->act;
    for (size_t i = 0; i < delivery->count; i++) {
        struct act_item *item = &delivery->world->memory->items[i];
        if (item->tag[0])
            continue;
        if (delivery->count == 1)
            (void)snprintf(item->instance, sizeof(item->instance), "job.%u", delivery->run);
        else
            (void)snprintf(item->instance, sizeof(item->instance), "task.%u/%zu", delivery->run, i);
        if (stage_as(delivery->world, delivery->store, act->names[i].path, act->names[i].after,
                     item, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

/* ---- publishing, as the planner has it done */

static const char *replaced(const struct act_world *world, size_t i)
{
    if (world->memory->items[i].landed[0])
        return world->memory->items[i].landed;
    return world->act->flags & ACT_OURS ? world->memory->replaces[i] : "";
}

static void fence(struct act_item *item)
{
    memcpy(item->instance_fenced, item->instance, sizeof(item->instance));
}

/* One that failed is a fence from now on; one that is gone is copied again. */
static enum wb_rc take_results(struct delivery *delivery, struct wb_publish *items, bool *ret_again,
                               struct wb_err *err)
{
    enum wb_rc rc = WB_OK;
    *ret_again = false;
    for (size_t i = 0; i < delivery->count; i++) {
        struct act_item *item = &delivery->world->memory->items[i];
        if (items[i].rc == WB_OK)
            continue;
        if (items[i].err.category == WB_CAT_NOT_FOUND) {
            *ret_again = true;
            item->tag[0] = 0;
        } else {
            fence(item);
            *err = items[i].err;
            rc = WB_ERROR;
        }
    }
    return rc;
}

static enum wb_rc publish_all(struct delivery *delivery, bool *ret_again, struct wb_err *err)
{
    struct act_world *world = delivery->world;
    struct wb_publish items[ACT_NAMES];
    for (size_t i = 0; i < delivery->count; i++)
        items[i] = (struct wb_publish){.instance = world->memory->items[i].instance,
                                       .tag = world->memory->items[i].tag,
                                       .path = wb_span_str(world->act->names[i].path),
                                       .keep = world->act->flags & ACT_KEEP,
                                       .replaces = replaced(world, i)};
    *ret_again = false;
    if (wb_store_publish(delivery->store, items, delivery->count, err) == WB_OK)
        return take_results(delivery, items, ret_again, err);
    for (size_t i = 0; i < delivery->count; i++)
        fence(&world->memory->items[i]);
    return WB_ERROR;
}

/* Nothing newer is published before every fence is gone; one may have landed unheard. */
static enum wb_rc discard_fences(struct delivery *delivery, struct wb_err *err)
{
    for (size_t i = 0; i < delivery->count; i++) {
        struct wb_stat there;
        struct act_item *item = &delivery->world->memory->items[i];
        struct wb_span path = wb_span_str(delivery->world->act->names[i].path);
        if (!item->instance_fenced[0])
            continue;
        if (wb_store_discard(delivery->store, item->instance_fenced, err) != WB_OK)
            return WB_ERROR;
        if (wb_store_stat(delivery->store, WB_PLACE_FINAL, path, &there, err) == WB_OK &&
            strcmp(there.tag, item->tag) == 0)
            memcpy(item->landed, item->tag, sizeof(item->tag));
        item->tag[0] = item->instance_fenced[0] = 0;
    }
    return WB_OK;
}

static enum wb_rc deliver(struct act_world *world, struct wb_store *store, struct wb_err *err)
{
    bool again;
    struct delivery delivery = {world, store, name_count(world->act), world->memory->runs};
    if (discard_fences(&delivery, err) != WB_OK || stage_all(&delivery, err) != WB_OK ||
        publish_all(&delivery, &again, err) != WB_OK)
        return WB_ERROR;
    if (!again)
        return WB_OK;
    delivery.run += 1000;
    if (stage_all(&delivery, err) != WB_OK || publish_all(&delivery, &again, err) != WB_OK)
        return WB_ERROR;
    return again ? wb_err_set(err, WB_CAT_INTERNAL, "what was just staged is gone") : WB_OK;
}

/* What an earlier run reported never arrived: the same instances are told to publish once more. */
static enum wb_rc deliver_unheard(struct act_world *world, struct wb_store *store,
                                  struct wb_err *err)
{
    for (size_t i = 0; i < ACT_NAMES; i++)
        world->memory->items[i].instance_fenced[0] = 0;
    return deliver(world, store, err);
}

static enum wb_rc deliver_twice(struct act_world *world, struct wb_store *store, struct wb_err *err)
{
    return deliver(world, store, err) == WB_OK ? deliver(world, store, err) : WB_ERROR;
}

/* ---- discards and late publishes */

/* An older version that was told to publish and never answered is discarded, acknowledged. */
static enum wb_rc discard_older(struct act_world *world, struct wb_store *store, struct wb_err *err)
{
    struct act_memory *memory = world->memory;
    struct act_item *older = &memory->older;
    if (!older->tag[0]) {
        (void)snprintf(older->instance, sizeof(older->instance), "older.%u/%u", memory->runs,
                       memory->runs);
        if (stage_as(world, store, world->act->names[0].path, 'c', older, err) != WB_OK)
            return WB_ERROR;
    }
    if (!memory->older_gone && wb_store_discard(store, older->instance, err) != WB_OK)
        return WB_ERROR;
    memory->older_gone = true;
    return WB_OK;
}

static enum wb_rc publish_older(struct act_world *world, struct wb_store *store, struct wb_err *err)
{
    struct act_item *older = &world->memory->older;
    struct wb_publish item = {.instance = older->instance,
                              .tag = older->tag,
                              .path = wb_span_str(world->act->names[0].path)};
    if (wb_store_publish(store, &item, 1, err) != WB_OK)
        return WB_ERROR;
    if (item.rc == WB_OK)
        return wb_err_set(err, WB_CAT_INTERNAL, "what was discarded was published");
    if (item.err.category == WB_CAT_NOT_FOUND)
        return WB_OK;
    *err = item.err;
    return WB_ERROR;
}

static enum wb_rc discard(struct act_world *world, struct wb_store *store, struct wb_err *err)
{
    if (discard_older(world, store, err) != WB_OK)
        return WB_ERROR;
    return publish_older(world, store, err);
}

static enum wb_rc supersede(struct act_world *world, struct wb_store *store, struct wb_err *err)
{
    if (discard_older(world, store, err) != WB_OK || deliver(world, store, err) != WB_OK)
        return WB_ERROR;
    return publish_older(world, store, err);
}

/* ---- the other operations */

static enum wb_rc delete (struct act_world *world, struct wb_store *store, struct wb_err *err) {
    char token[64];
    const char *tag = world->act->flags & ACT_OURS ? world->memory->replaces[0] : "1-2-3";
    (void)snprintf(token, sizeof(token), "job.%u-0", world->memory->runs);
    return wb_store_remove(store, wb_span_str(world->act->names[0].path), tag, token, err);
}

static enum wb_rc mark(struct act_world *world, struct wb_store *store, struct wb_err *err)
{
    char have[WB_MARKER_MAX];
    struct act_memory *memory = world->memory;
    if (wb_store_marker(store, !memory->marker[0], have, err) != WB_OK)
        return WB_ERROR;
    if (strlen(have) != 32)
        return wb_err_set(err, WB_CAT_INTERNAL, "the marker is not whole: \"%s\"", have);
    if (memory->marker[0] && strcmp(memory->marker, have) != 0)
        return wb_err_set(err, WB_CAT_INTERNAL, "the marker is another one");
    memcpy(memory->marker, have, sizeof(have));
    return WB_OK;
}

static enum wb_rc sweep(struct act_world *world, struct wb_store *store, struct wb_err *err)
{
    int64_t count;
    (void)world;
    return wb_store_sweep(store, 0, &count, err);
}

struct listing {
    const struct act_world *world;
    size_t found;
    bool problem;
    struct wb_err err; /* of the last problem */
};

static enum wb_rc listed(void *arg, struct wb_span path, const struct wb_stat *stat,
                         const struct wb_err *problem, struct wb_err *err)
{
    struct listing *listing = arg;
    (void)stat;
    (void)path;
    (void)err;
    if (problem)
        listing->err = *problem;
    listing->problem = listing->problem || problem;
    listing->found += !problem;
    return WB_OK;
}

static enum wb_rc list(struct act_world *world, struct wb_store *store, struct wb_err *err)
{
    struct listing listing = {.world = world};
    if (wb_store_list(store, wb_span_str(""), listed, &listing, err) != WB_OK)
        return WB_ERROR;
    if (!listing.problem && listing.found != name_count(world->act))
        return wb_err_set(err, WB_CAT_INTERNAL, "listed %zu files and no problem", listing.found);
    if (listing.problem)
        *err = listing.err;
    return listing.problem ? WB_ERROR : WB_OK;
}

/* As the verifier reads. */
static enum wb_rc read_back(struct wb_file *file, const char *path, char letter, struct wb_err *err)
{
    static uint8_t wanted[ACT_BYTES_MAX];
    static uint8_t have[ACT_BYTES_MAX + 1];
    int64_t start = 0;
    int64_t end = 0;
    size_t got;
    struct wb_stat stat;
    struct wb_buf xattrs WB_AUTO(wb_buf_free) = wb_buf_make(65536);
    size_t size = act_letter_of(letter)->size;
    act_bytes(path, letter, wanted);
    if (wb_file_stat(file, &stat, err) != WB_OK || wb_file_xattrs(file, &xattrs, err) != WB_OK ||
        wb_file_next_data(file, 0, &start, &end, err) != WB_OK ||
        wb_file_read(file, 0, have, sizeof(have), &got, err) != WB_OK)
        return WB_ERROR;
    if (got != size || memcmp(have, wanted, size) != 0 || start != 0 || end != (int64_t)size)
        return wb_err_set(err, WB_CAT_INTERNAL, "\"%s\" was not read as it is", path);
    return WB_OK;
}

static enum wb_rc look(struct act_world *world, struct wb_store *store, struct wb_err *err)
{
    int64_t free_bytes = 0;
    if (wb_store_check(store, &free_bytes, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < name_count(world->act); i++) {
        const struct act_name *name = &world->act->names[i];
        struct wb_stat stat;
        struct wb_file *file = NULL;
        if (wb_store_stat(store, WB_PLACE_FINAL, wb_span_str(name->path), &stat, err) != WB_OK ||
            wb_store_read(store, WB_PLACE_FINAL, wb_span_str(name->path), true, &file, err) !=
                WB_OK)
            return WB_ERROR;
        enum wb_rc rc = read_back(file, name->path, name->before, err);
        wb_file_close(&file);
        if (rc != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

const struct act acts[] = {
    {"publish a new file", deliver, 0, 0, {{"new", 0, 'b'}}},
    {"publish over an older file", deliver, 0, 0, {{"dir/file", 'a', 'b'}, {"dir/by", 's', 's'}}},
    {"publish into new folders", deliver, 0, 0, {{"x/y/z/file", 0, 'c'}}},
    {"publish an empty file", deliver, 0, 0, {{"dir/empty", 'a', 'e'}}},
    {"publish a large file", deliver, 0, 0, {{"dir/large", 'a', 'h'}}},
    {"publish ranges", deliver, 0, ACT_RANGES, {{"dir/large", 'a', 'h'}}},
    {"publish a symbolic link", deliver, 0, 0, {{"dir/link", 'a', 'l'}}},
    {"publish over a symbolic link", deliver, 0, 0, {{"dir/link", 'm', 'd'}}},
    {"publish twice", deliver_twice, 0, 0, {{"dir/file", 'a', 'b'}}},
    {"publish three", deliver, 0, 0, {{"p/1", 'a', 'b'}, {"p/2", 0, 'c'}, {"q/3", 0, 'l'}}},
    {"publish a batch",
     deliver,
     0,
     0,
     {{"p/1", 'a', 'b'}, {"p/2", 0, 'd'}, {"q/3", 'm', 'l'}, {"q/r/4", 0, 'e'}, {"5", 'c', 'a'}}},
    {"publish a batch twice",
     deliver_twice,
     0,
     0,
     {{"1", 0, 'a'}, {"2", 0, 'b'}, {"3", 0, 'c'}, {"4", 0, 'd'}, {"5", 0, 'e'}}},
    {"publish where space cannot be reserved", deliver, 0, ACT_NO_RESERVE, {{"f", 'a', 'b'}}},
    {"publish again, unheard",
     deliver_unheard,
     0,
     ACT_UNHEARD,
     {{"dir/file", 'a', 'b'}, {"new", 0, 'c'}}},
    {"publish a batch again, unheard",
     deliver_unheard,
     0,
     ACT_UNHEARD,
     {{"1", 0, 'a'}, {"2", 'b', 'b'}, {"3", 0, 'l'}, {"4", 'c', 'd'}, {"5", 0, 'e'}}},
    {"publish through a link", deliver, WB_CAT_CONFLICT, ACT_WAY_OUT, {{"way/file", 0, 'd'}}},
    {"keep: publish a new file", deliver, 0, ACT_KEEP, {{"dir/file", 0, 'b'}}},
    {"keep: publish over ours", deliver, 0, ACT_KEEP | ACT_OURS, {{"dir/file", 'a', 'b'}}},
    {"keep: a stranger stays", deliver, WB_CAT_CONFLICT, ACT_KEEP, {{"dir/file", 's', 'b'}}},
    {"keep: publish a new file by a link",
     deliver,
     0,
     ACT_KEEP | ACT_NO_REPLACE,
     {{"dir/file", 0, 'b'}}},
    {"keep: publish a batch by links",
     deliver,
     0,
     ACT_KEEP | ACT_NO_REPLACE,
     {{"p/1", 0, 'b'}, {"p/2", 0, 'd'}, {"q/3", 0, 'l'}, {"q/4", 0, 'e'}, {"5", 0, 'a'}}},
    {"discard", discard, 0, ACT_DISCARDS, {{"dir/file", 'a', 'a'}}},
    {"supersede", supersede, 0, ACT_DISCARDS, {{"dir/file", 'a', 'b'}}},
    {"supersede what never was", supersede, 0, ACT_DISCARDS, {{"new/file", 0, 'b'}}},
    {"delete", delete, 0, ACT_OURS, {{"dir/file", 'a', 0}}},
    {"delete a symbolic link", delete, 0, ACT_OURS, {{"link", 'l', 0}}},
    {"delete nothing", delete, 0, ACT_OURS, {{"no/file", 0, 0}}},
    {"delete a stranger", delete, WB_CAT_CONFLICT, 0, {{"dir/file", 's', 's'}}},
    {"mark", mark, 0, ACT_MARKS, {{"file", 'a', 'a'}}},
    {"sweep", sweep, 0, ACT_GARBAGE, {{"dir/file", 'a', 'a'}}},
    {"list", list, 0, 0, {{"1", 'a', 'a'}, {"p/2", 'l', 'l'}, {"p/q/3", 'e', 'e'}}},
    {"look", look, 0, 0, {{"1", 'a', 'a'}, {"p/2", 'l', 'l'}, {"p/q/3", 'b', 'b'}}},
};
const size_t act_count = sizeof(acts) / sizeof(acts[0]);

/* ---- before and after */

static struct wb_store *open_node(const struct act_world *world, struct wb_err *err)
{
    struct wb_store *store;
    return wb_posix_new("node", world->root, &store, err) == WB_OK ? store : NULL;
}

static void make_garbage(const struct act_world *world)
{
    char empty[PLACE_SIZE];
    act_file_make(world->root, WB_STAGING_DIR "/job.old", 'b');
    act_file_make(world->root, WB_STAGING_DIR "/task.old/1", 'c');
    act_file_make(world->root, WB_STAGING_DIR "/task.old/2", 'l');
    act_file_make(world->root, WB_STAGING_DIR "/token-0", 'e');
    (void)snprintf(empty, sizeof(empty), "%s/" WB_STAGING_DIR "/task.older", world->root);
    if (mkdir(empty, 0755) != 0)
        act_die("make a folder");
}

void act_prepare(struct act_world *world)
{
    struct wb_err err;
    char place[PLACE_SIZE];
    const struct act *act = world->act;
    memset(world->memory, 0, sizeof(*world->memory));
    for (size_t i = 0; i < name_count(act); i++)
        if (act->names[i].before)
            act_file_make(world->root, act->names[i].path, act->names[i].before);
    if (act->flags & ACT_GARBAGE)
        make_garbage(world);
    (void)snprintf(place, sizeof(place), "%s/way", world->root);
    if (act->flags & ACT_WAY_OUT && symlink("../out", place) != 0)
        act_die("make a link");
    struct wb_store *store = open_node(world, &err);
    for (size_t i = 0; store && i < name_count(act); i++) {
        struct wb_stat stat;
        if (wb_store_stat(store, WB_PLACE_FINAL, wb_span_str(act->names[i].path), &stat, &err) ==
            WB_OK)
            memcpy(world->memory->replaces[i], stat.tag, WB_TAG_MAX);
    }
    wb_store_close(&store);
}

enum wb_rc act_run(struct act_world *world, struct wb_err *err)
{
    world->memory->runs++;
    struct wb_store *store = open_node(world, err);
    if (!store)
        return WB_ERROR;
    enum wb_rc rc = world->act->run(world, store, err);
    wb_store_close(&store);
    return rc;
}

static bool is_left(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "marker") != 0;
}

bool act_sweeps_clean(struct act_world *world)
{
    char place[PLACE_SIZE];
    int64_t count;
    struct wb_err err;
    bool clean = true;
    struct wb_store *store = open_node(world, &err);
    if (!store || wb_store_sweep(store, 0, &count, &err) != WB_OK)
        clean = false;
    wb_store_close(&store);
    (void)snprintf(place, sizeof(place), "%s/" WB_STAGING_DIR, world->root);
    DIR *folder = opendir(place);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        clean = clean && !is_left(entry->d_name);
    if (folder)
        (void)closedir(folder);
    return clean;
}

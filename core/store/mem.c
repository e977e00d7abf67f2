/* Roots, names and inodes. */
#include "core/store/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/path.h"
#include "core/store/mem_parts.h"

enum { SHOWN_MAX = 300, FILE_MODE = 0644, TICK_NS = 4000000, RANDOM_BYTES = 16 };

#define ROOM_BYTES (1024LL * 1024 * 1024)

struct memory {
    pthread_mutex_t lock;
    struct wb_map *roots; /* name -> struct mem_root */
    uint64_t last_inode;
    wb_mem_hook *hook;
    void *hook_arg;
};

static struct memory memory = {.lock = PTHREAD_MUTEX_INITIALIZER};

void wb_mem_lock(void)
{
    (void)pthread_mutex_lock(&memory.lock);
}

void wb_mem_unlock(void)
{
    (void)pthread_mutex_unlock(&memory.lock);
}

/* ---- the hook ---- */

void wb_mem_set_hook(wb_mem_hook *hook, void *arg)
{
    memory.hook = hook;
    memory.hook_arg = arg;
}

bool wb_mem_is_hooked(void)
{
    return memory.hook != NULL;
}

enum wb_rc wb_mem_ask(struct wb_mem_call *call, struct wb_err *err)
{
    return memory.hook ? memory.hook(memory.hook_arg, call, err) : WB_OK;
}

struct wb_mem_call wb_mem_call_of(const struct mem_store *store, enum wb_mem_step step,
                                  enum wb_place place, struct wb_span name)
{
    return (struct wb_mem_call){.step = step,
                                .root = store->root->name,
                                .bare = store->tree == &store->root->bare,
                                .place = place,
                                .name = name};
}

const char *wb_mem_step_name(enum wb_mem_step step)
{
    static const char *const names[WB_MEM_STEP_COUNT] = {
        [WB_MEM_CHECK] = "check",
        [WB_MEM_MARKER] = "marker",
        [WB_MEM_STAT] = "stat",
        [WB_MEM_LIST] = "list",
        [WB_MEM_OPEN] = "open",
        [WB_MEM_CREATE] = "create",
        [WB_MEM_REOPEN] = "reopen",
        [WB_MEM_PUBLISH_LOOK] = "publish look",
        [WB_MEM_PUBLISH_MOVE] = "publish move",
        [WB_MEM_DISCARD] = "discard",
        [WB_MEM_REMOVE_LOOK] = "remove look",
        [WB_MEM_REMOVE_AWAY] = "remove away",
        [WB_MEM_REMOVE_DROP] = "remove drop",
        [WB_MEM_SWEEP] = "sweep",
        [WB_MEM_FILE_STAT] = "file stat",
        [WB_MEM_READ] = "read",
        [WB_MEM_NEXT_DATA] = "next data",
        [WB_MEM_XATTRS] = "xattrs",
        [WB_MEM_WRITE] = "write",
        [WB_MEM_RANGE_DONE] = "range done",
        [WB_MEM_SEAL] = "seal",
    };
    return names[step];
}

/* ---- inodes ---- */

/* As coarse as a kernel's clock: two changes within one tick look alike. */
static int64_t tick_ns(void)
{
    int64_t now_ns = wb_clock_wall_ns();
    return now_ns - now_ns % TICK_NS;
}

struct mem_inode *wb_mem_inode_new(struct mem_tree *tree, enum wb_file_kind kind)
{
    struct mem_inode *inode = wb_xcalloc(1, sizeof(*inode));
    inode->references = 1;
    inode->tree = tree;
    inode->number = ++memory.last_inode;
    inode->kind = kind;
    inode->mode = FILE_MODE;
    inode->mtime_ns = inode->ctime_ns = tick_ns();
    inode->bytes = wb_buf_make((size_t)tree->room_bytes);
    inode->xattrs = wb_buf_make((size_t)tree->room_bytes);
    return inode;
}

void wb_mem_inode_unref(void *value)
{
    struct mem_inode *inode = value;
    if (--inode->references > 0)
        return;
    inode->tree->used_bytes -= (int64_t)inode->bytes.len;
    wb_buf_free(&inode->bytes);
    wb_buf_free(&inode->xattrs);
    free(inode);
}

void wb_mem_touch(struct mem_inode *inode, bool bytes_changed)
{
    inode->ctime_ns = tick_ns();
    if (bytes_changed)
        inode->mtime_ns = inode->ctime_ns;
}

enum wb_rc wb_mem_resize(struct mem_inode *inode, size_t len, struct wb_err *err)
{
    size_t old = inode->bytes.len;
    int64_t more = (int64_t)len - (int64_t)old;
    if (more > 0 && inode->tree->used_bytes + more > inode->tree->room_bytes)
        return wb_err_set(err, WB_CAT_NO_SPACE, "no room for %lld bytes more", (long long)more);
    if (more > 0) {
        if (wb_buf_reserve(&inode->bytes, (size_t)more, err) != WB_OK)
            return WB_ERROR;
        memset(inode->bytes.data + old, 0, (size_t)more);
    }
    inode->bytes.len = len;
    inode->tree->used_bytes += more;
    return WB_OK;
}

void wb_mem_stat_fill(const struct mem_inode *inode, struct wb_stat *ret)
{
    *ret = (struct wb_stat){
        .mode = inode->mode, .uid = inode->uid, .gid = inode->gid, .changed_ns = inode->ctime_ns};
    ret->version.kind = inode->kind;
    ret->version.size_bytes = (int64_t)inode->bytes.len;
    ret->version.mtime_ns = inode->mtime_ns;
    ret->version.etag = ret->etag;
    (void)snprintf(ret->etag, sizeof(ret->etag), "%llx-%llx", (unsigned long long)inode->number,
                   (unsigned long long)inode->ctime_ns);
    (void)snprintf(ret->tag, sizeof(ret->tag), "%llx-%llx-%llx", (unsigned long long)inode->number,
                   (unsigned long long)inode->bytes.len, (unsigned long long)inode->mtime_ns);
}

/* ---- names ---- */

static struct mem_tree *mounted(struct mem_root *root)
{
    if (root->mount == WB_MEM_AWAY)
        return NULL;
    return root->mount == WB_MEM_BARE ? &root->bare : &root->disk;
}

enum wb_rc wb_mem_here(const struct mem_store *store, struct wb_err *err)
{
    if (mounted(store->root))
        return WB_OK;
    return wb_err_set(err, WB_CAT_UNREACHABLE, "root \"%s\" is away", store->root->name);
}

static enum wb_rc same_root(const struct mem_store *store, struct wb_err *err)
{
    if (wb_mem_here(store, err) != WB_OK)
        return WB_ERROR;
    if (mounted(store->root) == store->tree)
        return WB_OK;
    return wb_err_set(err, WB_CAT_UNREACHABLE, "root \"%s\" is another one than was opened",
                      store->root->name);
}

struct mem_inode *wb_mem_find(const struct mem_store *store, enum wb_place place,
                              struct wb_span name)
{
    return wb_map_get(store->tree->places[place], name);
}

enum wb_rc wb_mem_get(const struct mem_store *store, enum wb_place place, struct wb_span name,
                      struct mem_inode **ret, struct wb_err *err)
{
    char shown[SHOWN_MAX];
    if (place == WB_PLACE_FINAL && wb_path_check(name, err) != WB_OK)
        return WB_ERROR;
    if (wb_mem_here(store, err) != WB_OK)
        return WB_ERROR;
    struct mem_inode *inode = wb_mem_find(store, place, name);
    if (inode) {
        *ret = inode;
        return WB_OK;
    }
    if (same_root(store, err) != WB_OK)
        return WB_ERROR;
    return wb_err_set(err, WB_CAT_NOT_FOUND, "there is no \"%s\"",
                      wb_path_show(name, shown, sizeof(shown)));
}

void wb_mem_name(struct mem_tree *tree, enum wb_place place, struct wb_span name,
                 struct mem_inode *inode)
{
    wb_map_put(tree->places[place], name, inode);
}

struct below {
    struct wb_span folder;
    bool found;
};

static bool look_below(struct wb_span key, void *value, void *arg)
{
    struct below *below = arg;
    size_t len = below->folder.len;
    (void)value;
    below->found =
        key.len > len && key.data[len] == '/' && memcmp(key.data, below->folder.data, len) == 0;
    return !below->found;
}

bool wb_mem_is_folder(const struct mem_store *store, struct wb_span path)
{
    struct below below = {path, false};
    wb_map_each(store->tree->places[WB_PLACE_FINAL], look_below, &below);
    return below.found;
}

enum wb_rc wb_mem_way_check(const struct mem_store *store, struct wb_span path, struct wb_err *err)
{
    enum wb_rc rc = WB_OK;
    if (wb_path_check(path, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 1; i < path.len && rc == WB_OK; i++)
        if (path.data[i] == '/' && wb_mem_find(store, WB_PLACE_FINAL, wb_span_of(path.data, i)))
            rc = wb_err_set(err, WB_CAT_CONFLICT, "a file stands where a folder should be");
    if (rc == WB_OK && wb_mem_is_folder(store, path))
        rc = wb_err_set(err, WB_CAT_CONFLICT, "a folder stands where the file should be");
    if (rc != WB_OK)
        err->retryable = true;
    return rc;
}

/* The marker is no instance here either, though it lies elsewhere. */
enum wb_rc wb_mem_instance_check(const char *instance, struct wb_err *err)
{
    if (strlen(instance) >= WB_INSTANCE_MAX || *instance == 0 || *instance == '/' ||
        strstr(instance, "..") || strcmp(instance, "marker") == 0)
        return wb_err_set(err, WB_CAT_INVALID, "bad instance name \"%.40s\"", instance);
    return WB_OK;
}

/* ---- roots ---- */

static void tree_begin(struct mem_tree *tree, int64_t room_bytes)
{
    tree->room_bytes = room_bytes;
    for (int place = 0; place < 2; place++)
        tree->places[place] = wb_map_new(wb_mem_inode_unref);
}

static void root_free(void *value)
{
    struct mem_root *root = value;
    for (int place = 0; place < 2; place++) {
        wb_map_free(&root->disk.places[place]);
        wb_map_free(&root->bare.places[place]);
    }
    free(root->name);
    free(root);
}

struct mem_root *wb_mem_root_of(const char *name)
{
    if (!memory.roots)
        memory.roots = wb_map_new(root_free);
    struct mem_root *root = wb_map_get(memory.roots, wb_span_str(name));
    if (root)
        return root;
    root = wb_xcalloc(1, sizeof(*root));
    root->name = wb_xstrdup(name);
    tree_begin(&root->disk, ROOM_BYTES);
    tree_begin(&root->bare, ROOM_BYTES);
    wb_map_put(memory.roots, wb_span_str(name), root);
    return root;
}

void wb_mem_reset(void)
{
    wb_mem_lock();
    wb_map_free(&memory.roots);
    memory.last_inode = 0;
    wb_mem_unlock();
}

/* ---- the store ---- */

static void store_close(struct wb_store *base)
{
    free(mem_of(base));
}

static enum wb_rc store_check(struct wb_store *base, int64_t *ret_free_bytes, struct wb_err *err)
{
    struct mem_store *store = mem_of(base);
    struct wb_mem_call call =
        wb_mem_call_of(store, WB_MEM_CHECK, WB_PLACE_FINAL, wb_span_of(NULL, 0));
    if (wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = same_root(store, err);
    if (rc == WB_OK)
        *ret_free_bytes = store->tree->room_bytes - store->tree->used_bytes;
    wb_mem_unlock();
    return rc;
}

static enum wb_rc find_marker(struct mem_store *store, bool make, char *ret, struct wb_err *err)
{
    uint8_t random[RANDOM_BYTES];
    char *marker = store->tree->marker;
    if (wb_mem_here(store, err) != WB_OK)
        return WB_ERROR;
    if (!*marker && !make)
        return wb_err_set(err, WB_CAT_NOT_FOUND, "the root has no marker");
    if (!*marker) {
        wb_random_bytes(random, sizeof(random));
        wb_hex_format(wb_span_of(random, sizeof(random)), marker);
    }
    (void)snprintf(ret, WB_MARKER_MAX, "%s", marker);
    return WB_OK;
}

static enum wb_rc store_marker(struct wb_store *base, bool make, char *ret, struct wb_err *err)
{
    struct mem_store *store = mem_of(base);
    struct wb_mem_call call =
        wb_mem_call_of(store, WB_MEM_MARKER, WB_PLACE_STAGED, wb_span_of(NULL, 0));
    if (wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = find_marker(store, make, ret, err);
    wb_mem_unlock();
    return rc;
}

static enum wb_rc stat_named(const struct mem_store *store, enum wb_place place,
                             struct wb_span name, struct wb_stat *ret, struct wb_err *err)
{
    struct mem_inode *inode;
    if (wb_mem_get(store, place, name, &inode, err) == WB_OK) {
        wb_mem_stat_fill(inode, ret);
        return WB_OK;
    }
    if (err->category != WB_CAT_NOT_FOUND || place != WB_PLACE_FINAL ||
        !wb_mem_is_folder(store, name))
        return WB_ERROR;
    *ret = (struct wb_stat){.version = {.kind = WB_FILE_DIRECTORY}, .changed_ns = -1};
    ret->version.etag = ret->etag;
    return WB_OK;
}

static enum wb_rc store_stat(struct wb_store *base, enum wb_place place, struct wb_span name,
                             struct wb_stat *ret, struct wb_err *err)
{
    struct mem_store *store = mem_of(base);
    struct wb_mem_call call = wb_mem_call_of(store, WB_MEM_STAT, place, name);
    if (wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = stat_named(store, place, name, ret, err);
    wb_mem_unlock();
    if (rc == WB_OK)
        ret->version.etag = ret->etag;
    return rc;
}

/* ---- listing: the visitor may call the store, so the names are gathered first ---- */

struct listing {
    struct wb_span prefix;
    struct wb_arena *arena;
    struct wb_span *paths;
    struct wb_stat *stats;
    size_t count;
};

static bool gather(struct wb_span key, void *value, void *arg)
{
    struct listing *listing = arg;
    struct wb_span prefix = listing->prefix;
    bool below = key.len > prefix.len && key.data[prefix.len] == '/';
    bool listed = prefix.len == 0 || ((below || key.len == prefix.len) &&
                                      memcmp(key.data, prefix.data, prefix.len) == 0);
    if (!listed)
        return true;
    listing->paths[listing->count] = wb_arena_span(listing->arena, key);
    wb_mem_stat_fill(value, &listing->stats[listing->count]);
    listing->count++;
    return true;
}

static enum wb_rc gather_all(struct mem_store *store, struct listing *listing, struct wb_err *err)
{
    wb_mem_lock();
    enum wb_rc rc = wb_mem_here(store, err);
    const struct wb_map *names = store->tree->places[WB_PLACE_FINAL];
    size_t most = wb_map_count(names) + 1;
    listing->paths = wb_arena_alloc(listing->arena, most * sizeof(*listing->paths));
    listing->stats = wb_arena_alloc(listing->arena, most * sizeof(*listing->stats));
    if (rc == WB_OK)
        wb_map_each(names, gather, listing);
    wb_mem_unlock();
    return rc;
}

static enum wb_rc store_list(struct wb_store *base, struct wb_span prefix, wb_store_visit *visit,
                             void *arg, struct wb_err *err)
{
    char shown[SHOWN_MAX];
    struct mem_store *store = mem_of(base);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new((size_t)ROOM_BYTES);
    struct listing listing = {.prefix = prefix, .arena = arena};
    struct wb_mem_call call = wb_mem_call_of(store, WB_MEM_LIST, WB_PLACE_FINAL, prefix);
    if ((prefix.len && wb_path_check(prefix, err) != WB_OK) || wb_mem_ask(&call, err) != WB_OK ||
        gather_all(store, &listing, err) != WB_OK)
        return WB_ERROR;
    if (prefix.len && listing.count == 0)
        return wb_err_set(err, WB_CAT_NOT_FOUND, "there is no \"%s\"",
                          wb_path_show(prefix, shown, sizeof(shown)));
    for (size_t i = 0; i < listing.count; i++) {
        listing.stats[i].version.etag = listing.stats[i].etag;
        if (visit(arg, listing.paths[i], &listing.stats[i], NULL, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

static const struct wb_store_ops ops = {
    .scheme = "mem",
    .close = store_close,
    .check = store_check,
    .marker = store_marker,
    .stat = store_stat,
    .list = store_list,
    .open = wb_mem_open,
    .create = wb_mem_create,
    .reopen = wb_mem_reopen,
    .publish = wb_mem_publish,
    .discard = wb_mem_discard,
    .remove = wb_mem_remove,
    .sweep = wb_mem_sweep,
    .file_stat = wb_mem_file_stat,
    .file_read = wb_mem_file_read,
    .file_next_data = wb_mem_file_next_data,
    .file_xattrs = wb_mem_file_xattrs,
    .file_write = wb_mem_file_write,
    .file_range_done = wb_mem_file_range_done,
    .file_seal = wb_mem_file_seal,
    .file_close = wb_mem_file_close,
};

static const struct wb_store_caps caps = {
    .writes = true,
    .random_writes = true,
    .atomic_publish = true,
    .conditional = true,
    .lists = true,
    .symlinks = true,
    .modes = true,
    .mtimes = true,
    .parallel = 1,
};

enum wb_rc wb_mem_new(const char *node, const char *name, struct wb_store **ret, struct wb_err *err)
{
    struct mem_store *store = wb_xcalloc(1, sizeof(*store));
    store->base.ops = &ops;
    store->base.caps = caps;
    (void)snprintf(store->base.name, sizeof(store->base.name), "%s", node);
    wb_mem_lock();
    store->root = wb_mem_root_of(name);
    store->tree = mounted(store->root);
    enum wb_rc rc = wb_mem_here(store, err);
    wb_mem_unlock();
    if (rc != WB_OK) {
        store_close(&store->base);
        return WB_ERROR;
    }
    *ret = &store->base;
    return WB_OK;
}

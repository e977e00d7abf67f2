/* Final names: publishing, and what ends an instance or a file. The steps are those of a file
 * system, with the same moments between them in which others may come. */
#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/path.h"
#include "core/store/mem_parts.h"

enum { SHOWN_MAX = 300 };

static enum wb_rc neither(const struct wb_publish *item, struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_NOT_FOUND, "instance \"%s\" is neither staged nor published",
                      item->instance);
}

static bool has_tag(const struct mem_inode *inode, const char *tag)
{
    struct wb_stat stat;
    if (!inode)
        return false;
    wb_mem_stat_fill(inode, &stat);
    return strcmp(stat.tag, tag) == 0;
}

/* OK with NULL: it was published before. */
static enum wb_rc look(const struct mem_store *store, const struct wb_publish *item,
                       struct mem_inode **ret, struct wb_err *err)
{
    if (wb_mem_get(store, WB_PLACE_STAGED, wb_span_str(item->instance), ret, err) != WB_OK) {
        *ret = NULL;
        if (err->category != WB_CAT_NOT_FOUND)
            return WB_ERROR;
        return has_tag(wb_mem_find(store, WB_PLACE_FINAL, item->path), item->tag)
                   ? WB_OK
                   : neither(item, err);
    }
    if (!has_tag(*ret, item->tag))
        return wb_err_set(err, WB_CAT_CORRUPT, "instance \"%s\" is not the one that was proved",
                          item->instance);
    return WB_OK;
}

/* Whether what is under the final name, if anything, may give way. */
static enum wb_rc may_replace(const struct mem_store *store, const struct wb_publish *item,
                              struct wb_err *err)
{
    const struct mem_inode *there = wb_mem_find(store, WB_PLACE_FINAL, item->path);
    bool ours = item->replaces && has_tag(there, item->replaces);
    if (!item->keep || !there || ours || has_tag(there, item->tag))
        return WB_OK;
    return wb_store_not_ours(err);
}

static enum wb_rc move(struct mem_store *store, const struct wb_publish *item, struct wb_err *err)
{
    struct wb_span name = wb_span_str(item->instance);
    if (wb_mem_here(store, err) != WB_OK || wb_mem_way_check(store, item->path, err) != WB_OK ||
        may_replace(store, item, err) != WB_OK)
        return WB_ERROR;
    struct mem_inode *inode = wb_map_take(store->tree->places[WB_PLACE_STAGED], name);
    if (!inode)
        return neither(item, err);
    wb_mem_touch(inode, false);
    wb_mem_name(store->tree, WB_PLACE_FINAL, item->path, inode);
    return WB_OK;
}

static enum wb_rc publish_one(struct mem_store *store, struct wb_publish *item, struct wb_err *err)
{
    struct mem_inode *inode;
    struct wb_mem_call call =
        wb_mem_call_of(store, WB_MEM_PUBLISH_LOOK, WB_PLACE_STAGED, wb_span_str(item->instance));
    if (wb_mem_instance_check(item->instance, err) != WB_OK || wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = look(store, item, &inode, err);
    uint64_t number = rc == WB_OK && inode ? inode->number : 0;
    wb_mem_unlock();
    if (rc != WB_OK || !number)
        return rc;
    call = wb_mem_call_of(store, WB_MEM_PUBLISH_MOVE, WB_PLACE_FINAL, item->path);
    call.inode = number;
    if (wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    rc = move(store, item, err);
    wb_mem_unlock();
    call.done = true;
    return rc == WB_OK ? wb_mem_ask(&call, err) : WB_ERROR;
}

enum wb_rc wb_mem_publish(struct wb_store *base, struct wb_publish *items, size_t count,
                          struct wb_err *err)
{
    char shown[SHOWN_MAX];
    (void)err;
    for (size_t i = 0; i < count; i++) {
        items[i].rc = publish_one(mem_of(base), &items[i], &items[i].err);
        if (items[i].rc != WB_OK)
            (void)wb_err_prefix(&items[i].err, "cannot publish \"%s\"",
                                wb_path_show(items[i].path, shown, sizeof(shown)));
    }
    return WB_OK;
}

enum wb_rc wb_mem_discard(struct wb_store *base, const char *instance, struct wb_err *err)
{
    struct mem_store *store = mem_of(base);
    struct wb_mem_call call =
        wb_mem_call_of(store, WB_MEM_DISCARD, WB_PLACE_STAGED, wb_span_str(instance));
    if (wb_mem_instance_check(instance, err) != WB_OK || wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = wb_mem_here(store, err);
    if (rc == WB_OK)
        (void)wb_map_del(store->tree->places[WB_PLACE_STAGED], wb_span_str(instance));
    wb_mem_unlock();
    call.done = true;
    return rc == WB_OK ? wb_mem_ask(&call, err) : WB_ERROR;
}

/* ---- removal ---- */

static enum wb_rc step(struct mem_store *store, enum wb_mem_step step, struct wb_span path,
                       bool done, struct wb_err *err)
{
    struct wb_mem_call call = wb_mem_call_of(store, step, WB_PLACE_FINAL, path);
    call.done = done;
    return wb_mem_ask(&call, err);
}

static enum wb_rc not_ours(struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_CONFLICT, "it is not the file that was replicated");
}

/* Moves the final file to the staged name `token`; `ret_gone` when there is none any more. */
static enum wb_rc move_away(struct mem_store *store, struct wb_span path, const char *token,
                            bool *ret_gone, struct wb_err *err)
{
    struct mem_tree *tree = store->tree;
    if (wb_mem_here(store, err) != WB_OK)
        return WB_ERROR;
    struct mem_inode *inode = wb_map_take(tree->places[WB_PLACE_FINAL], path);
    *ret_gone = inode == NULL;
    if (inode) {
        wb_mem_touch(inode, false);
        wb_mem_name(tree, WB_PLACE_STAGED, wb_span_str(token), inode);
    }
    return WB_OK;
}

/* Drops what was moved away, or puts it back when it is another file, never over a newer one. */
static enum wb_rc drop_moved(struct mem_store *store, struct wb_span path, const char *tag,
                             const char *token, struct wb_err *err)
{
    struct mem_tree *tree = store->tree;
    struct wb_span name = wb_span_str(token);
    if (wb_mem_here(store, err) != WB_OK)
        return WB_ERROR;
    struct mem_inode *inode = wb_map_take(tree->places[WB_PLACE_STAGED], name);
    bool ours = !inode || has_tag(inode, tag);
    if (inode && !ours && !wb_map_get(tree->places[WB_PLACE_FINAL], path))
        wb_mem_name(tree, WB_PLACE_FINAL, path, inode);
    else if (inode)
        wb_mem_inode_unref(inode);
    return ours ? WB_OK : not_ours(err);
}

static enum wb_rc drop(struct mem_store *store, struct wb_span path, const char *tag,
                       const char *token, struct wb_err *err)
{
    if (step(store, WB_MEM_REMOVE_DROP, path, false, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = drop_moved(store, path, tag, token, err);
    wb_mem_unlock();
    return rc == WB_OK ? step(store, WB_MEM_REMOVE_DROP, path, true, err) : WB_ERROR;
}

static enum wb_rc remove_steps(struct mem_store *store, struct wb_span path, const char *tag,
                               const char *token, struct wb_err *err)
{
    bool gone = false;
    struct mem_inode *inode;
    if (step(store, WB_MEM_REMOVE_LOOK, path, false, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = wb_mem_get(store, WB_PLACE_FINAL, path, &inode, err);
    bool ours = rc == WB_OK && has_tag(inode, tag);
    wb_mem_unlock();
    if (rc != WB_OK)
        return err->category == WB_CAT_NOT_FOUND ? drop(store, path, tag, token, err) : WB_ERROR;
    if (!ours)
        return not_ours(err);
    if (step(store, WB_MEM_REMOVE_AWAY, path, false, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    rc = move_away(store, path, token, &gone, err);
    wb_mem_unlock();
    if (rc != WB_OK || step(store, WB_MEM_REMOVE_AWAY, path, true, err) != WB_OK)
        return WB_ERROR;
    return gone ? WB_OK : drop(store, path, tag, token, err);
}

enum wb_rc wb_mem_remove(struct wb_store *base, struct wb_span path, const char *tag,
                         const char *token, struct wb_err *err)
{
    char shown[SHOWN_MAX];
    if (remove_steps(mem_of(base), path, tag, token, err) == WB_OK)
        return WB_OK;
    return wb_err_prefix(err, "cannot delete \"%s\"", wb_path_show(path, shown, sizeof(shown)));
}

/* ---- sweeping ---- */

struct sweep {
    int64_t before_ns;
    struct wb_span found; /* one at a time: a map may not change while it is walked */
};

static bool find_old(struct wb_span key, void *value, void *arg)
{
    struct sweep *sweep = arg;
    const struct mem_inode *inode = value;
    if (inode->ctime_ns > sweep->before_ns)
        return true;
    sweep->found = key;
    return false;
}

enum wb_rc wb_mem_sweep(struct wb_store *base, int64_t age_ms, int64_t *ret_count,
                        struct wb_err *err)
{
    struct mem_store *store = mem_of(base);
    struct sweep sweep = {.before_ns = wb_clock_wall_ns() - age_ms * 1000000};
    struct wb_mem_call call =
        wb_mem_call_of(store, WB_MEM_SWEEP, WB_PLACE_STAGED, wb_span_of(NULL, 0));
    if (wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = wb_mem_here(store, err);
    *ret_count = 0;
    while (rc == WB_OK) {
        sweep.found = wb_span_of(NULL, 0);
        wb_map_each(store->tree->places[WB_PLACE_STAGED], find_old, &sweep);
        if (!sweep.found.data)
            break;
        (void)wb_map_del(store->tree->places[WB_PLACE_STAGED], sweep.found);
        ++*ret_count;
    }
    wb_mem_unlock();
    return rc;
}

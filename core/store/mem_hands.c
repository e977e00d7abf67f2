/* What others do to the disks of mem nodes, and what they see there: mounting, users who write and
 * delete files, a medium that rots. */
#include "core/store/mem_parts.h"

void wb_mem_mount(const char *name, enum wb_mem_mount mount)
{
    wb_mem_lock();
    struct mem_root *root = wb_mem_root_of(name);
    root->mount = mount;
    for (int place = 0; place < 2; place++)
        wb_map_clear(root->bare.places[place]);
    root->bare.marker[0] = 0;
    wb_mem_unlock();
}

void wb_mem_set_room(const char *name, int64_t bytes)
{
    wb_mem_lock();
    wb_mem_root_of(name)->disk.room_bytes = bytes;
    wb_mem_unlock();
}

void wb_mem_put(const char *name, struct wb_span path, enum wb_file_kind kind, struct wb_span bytes,
                int64_t mtime_ns, bool in_place)
{
    struct wb_err err;
    wb_mem_lock();
    struct mem_tree *tree = &wb_mem_root_of(name)->disk;
    struct mem_inode *inode = wb_map_get(tree->places[WB_PLACE_FINAL], path);
    if (!inode || !in_place) {
        inode = wb_mem_inode_new(tree, kind);
        wb_mem_name(tree, WB_PLACE_FINAL, path, inode);
    }
    if (wb_mem_resize(inode, bytes.len, &err) == WB_OK && bytes.len)
        memcpy(inode->bytes.data, bytes.data, bytes.len);
    wb_mem_touch(inode, true);
    if (mtime_ns >= 0)
        inode->mtime_ns = mtime_ns;
    wb_mem_unlock();
}

bool wb_mem_delete(const char *name, struct wb_span path)
{
    wb_mem_lock();
    bool was = wb_map_del(wb_mem_root_of(name)->disk.places[WB_PLACE_FINAL], path);
    wb_mem_unlock();
    return was;
}

bool wb_mem_flip(const char *name, enum wb_place place, struct wb_span path, bool silent)
{
    wb_mem_lock();
    struct mem_inode *inode = wb_map_get(wb_mem_root_of(name)->disk.places[place], path);
    if (inode && inode->bytes.len)
        inode->bytes.data[inode->bytes.len / 2] ^= 1;
    if (inode && !silent)
        wb_mem_touch(inode, true);
    wb_mem_unlock();
    return inode != NULL;
}

bool wb_mem_is_staged(const char *name, struct wb_span instance)
{
    wb_mem_lock();
    bool is = wb_map_get(wb_mem_root_of(name)->disk.places[WB_PLACE_STAGED], instance) != NULL;
    wb_mem_unlock();
    return is;
}

bool wb_mem_peek(const char *name, struct wb_span path, struct wb_span *ret_bytes,
                 struct wb_stat *ret_stat)
{
    wb_mem_lock();
    const struct mem_inode *inode =
        wb_map_get(wb_mem_root_of(name)->disk.places[WB_PLACE_FINAL], path);
    if (inode && ret_bytes)
        *ret_bytes = wb_buf_span(&inode->bytes);
    if (inode && ret_stat)
        wb_mem_stat_fill(inode, ret_stat);
    wb_mem_unlock();
    return inode != NULL;
}

struct visiting {
    void (*visit)(void *arg, struct wb_span path, struct wb_span bytes);
    void *arg;
};

static bool visit_one(struct wb_span key, void *value, void *arg)
{
    const struct visiting *visiting = arg;
    const struct mem_inode *inode = value;
    visiting->visit(visiting->arg, key, wb_buf_span(&inode->bytes));
    return true;
}

void wb_mem_each(const char *name, enum wb_place place,
                 void (*visit)(void *arg, struct wb_span path, struct wb_span bytes), void *arg)
{
    struct visiting visiting = {visit, arg};
    wb_mem_lock();
    wb_map_each(wb_mem_root_of(name)->disk.places[place], visit_one, &visiting);
    wb_mem_unlock();
}

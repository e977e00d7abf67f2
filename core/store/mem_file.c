/* Opened files. Bytes move in pieces, so that what reads a file while another writes it may see
 * some of both, as it may elsewhere. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/path.h"
#include "core/store/mem_parts.h"

enum { SHOWN_MAX = 300 };

static struct wb_mem_call call_of(const struct mem_file *file, enum wb_mem_step step)
{
    struct wb_mem_call call =
        wb_mem_call_of(mem_of(file->base.store), step, file->place, wb_span_str(file->instance));
    call.inode = file->inode->number;
    return call;
}

/* Takes over the reference. */
static struct wb_file *file_new(struct wb_store *store, struct mem_inode *inode,
                                enum wb_place place, const char *instance)
{
    struct mem_file *file = wb_xcalloc(1, sizeof(*file));
    file->base.ops = store->ops;
    file->base.store = store;
    file->inode = inode;
    file->place = place;
    file->size_bytes = -1;
    (void)snprintf(file->instance, sizeof(file->instance), "%s", instance);
    return &file->base;
}

void wb_mem_file_close(struct wb_file *base)
{
    wb_mem_lock();
    wb_mem_inode_unref(mem_file_of(base)->inode);
    wb_mem_unlock();
    free(mem_file_of(base));
}

static enum wb_rc open_named(struct mem_store *store, enum wb_place place, struct wb_span name,
                             struct mem_inode **ret, struct wb_err *err)
{
    char shown[SHOWN_MAX];
    if (wb_mem_get(store, place, name, ret, err) != WB_OK) {
        if (err->category == WB_CAT_NOT_FOUND && place == WB_PLACE_FINAL &&
            wb_mem_is_folder(store, name))
            (void)wb_err_set(err, WB_CAT_UNSUPPORTED, "a folder");
        return WB_ERROR;
    }
    if ((*ret)->kind != WB_FILE_REGULAR && (*ret)->kind != WB_FILE_SYMLINK)
        return wb_err_set(err, WB_CAT_UNSUPPORTED,
                          "\"%s\" is neither a regular file nor a symbolic link",
                          wb_path_show(name, shown, sizeof(shown)));
    (*ret)->references++;
    return WB_OK;
}

enum wb_rc wb_mem_open(struct wb_store *base, enum wb_place place, struct wb_span name, bool medium,
                       struct wb_file **ret, struct wb_err *err)
{
    char instance[WB_INSTANCE_MAX];
    struct mem_inode *inode = NULL;
    struct wb_mem_call call = wb_mem_call_of(mem_of(base), WB_MEM_OPEN, place, name);
    (void)medium;
    if (wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = open_named(mem_of(base), place, name, &inode, err);
    wb_mem_unlock();
    if (rc != WB_OK)
        return WB_ERROR;
    (void)snprintf(instance, sizeof(instance), "%.*s", (int)name.len, (const char *)name.data);
    *ret = file_new(base, inode, place, instance);
    return WB_OK;
}

static enum wb_rc create_named(struct mem_store *store, const char *instance,
                               enum wb_file_kind kind, int64_t size_bytes, struct mem_inode **ret,
                               struct wb_err *err)
{
    if (wb_mem_here(store, err) != WB_OK)
        return WB_ERROR;
    if (wb_mem_find(store, WB_PLACE_STAGED, wb_span_str(instance)))
        return wb_err_set(err, WB_CAT_CONFLICT, "instance \"%s\" is there already", instance);
    struct mem_inode *inode = wb_mem_inode_new(store->tree, kind);
    bool reserve = kind == WB_FILE_REGULAR && size_bytes > 0;
    if (reserve && wb_mem_resize(inode, (size_t)size_bytes, err) != WB_OK) {
        wb_mem_inode_unref(inode);
        return WB_ERROR;
    }
    wb_mem_name(store->tree, WB_PLACE_STAGED, wb_span_str(instance), inode);
    inode->references++;
    *ret = inode;
    return WB_OK;
}

enum wb_rc wb_mem_create(struct wb_store *base, const char *instance, enum wb_file_kind kind,
                         int64_t size_bytes, bool sparse, struct wb_file **ret, struct wb_err *err)
{
    struct mem_inode *inode = NULL;
    struct wb_mem_call call =
        wb_mem_call_of(mem_of(base), WB_MEM_CREATE, WB_PLACE_STAGED, wb_span_str(instance));
    (void)sparse;
    if (wb_mem_instance_check(instance, err) != WB_OK)
        return WB_ERROR;
    if (kind != WB_FILE_REGULAR && kind != WB_FILE_SYMLINK)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "only files and symbolic links can be staged");
    if (wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = create_named(mem_of(base), instance, kind, size_bytes, &inode, err);
    wb_mem_unlock();
    if (rc != WB_OK)
        return WB_ERROR;
    *ret = file_new(base, inode, WB_PLACE_STAGED, instance);
    if (kind == WB_FILE_REGULAR)
        mem_file_of(*ret)->size_bytes = size_bytes;
    return WB_OK;
}

enum wb_rc wb_mem_reopen(struct wb_store *base, const char *instance, struct wb_file **ret,
                         struct wb_err *err)
{
    struct mem_inode *inode = NULL;
    struct wb_mem_call call =
        wb_mem_call_of(mem_of(base), WB_MEM_REOPEN, WB_PLACE_STAGED, wb_span_str(instance));
    if (wb_mem_instance_check(instance, err) != WB_OK || wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = wb_mem_get(mem_of(base), WB_PLACE_STAGED, wb_span_str(instance), &inode, err);
    if (rc == WB_OK)
        inode->references++;
    wb_mem_unlock();
    if (rc == WB_OK)
        *ret = file_new(base, inode, WB_PLACE_STAGED, instance);
    return rc;
}

enum wb_rc wb_mem_file_stat(struct wb_file *base, struct wb_stat *ret, struct wb_err *err)
{
    struct mem_file *file = mem_file_of(base);
    struct wb_mem_call call = call_of(file, WB_MEM_FILE_STAT);
    if (wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = wb_mem_here(mem_of(base->store), err);
    if (rc == WB_OK)
        wb_mem_stat_fill(file->inode, ret);
    wb_mem_unlock();
    return rc;
}

/* ---- bytes ---- */

static size_t piece_len(size_t left)
{
    return wb_mem_is_hooked() && left > WB_MEM_PIECE ? WB_MEM_PIECE : left;
}

static enum wb_rc read_piece(struct mem_file *file, int64_t offset, uint8_t *out, size_t len,
                             size_t *ret_len, struct wb_err *err)
{
    struct wb_mem_call call = call_of(file, WB_MEM_READ);
    call.offset = offset;
    if (wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = wb_mem_here(mem_of(file->base.store), err);
    const struct wb_buf *bytes = &file->inode->bytes;
    size_t left = (size_t)offset < bytes->len ? bytes->len - (size_t)offset : 0;
    *ret_len = left < len ? left : len;
    if (rc == WB_OK && *ret_len)
        memcpy(out, bytes->data + offset, *ret_len);
    wb_mem_unlock();
    call.done = true;
    call.bytes = out;
    call.len = *ret_len;
    return rc == WB_OK ? wb_mem_ask(&call, err) : WB_ERROR;
}

enum wb_rc wb_mem_file_read(struct wb_file *base, int64_t offset, void *buffer, size_t len,
                            size_t *ret_len, struct wb_err *err)
{
    size_t got = 0;
    while (got < len) {
        size_t more;
        size_t want = piece_len(len - got);
        if (read_piece(mem_file_of(base), offset + (int64_t)got, (uint8_t *)buffer + got, want,
                       &more, err) != WB_OK)
            return WB_ERROR;
        got += more;
        if (more < want)
            break;
    }
    *ret_len = got;
    return WB_OK;
}

enum wb_rc wb_mem_file_next_data(struct wb_file *base, int64_t offset, int64_t *ret_start,
                                 int64_t *ret_end, struct wb_err *err)
{
    struct mem_file *file = mem_file_of(base);
    struct wb_mem_call call = call_of(file, WB_MEM_NEXT_DATA);
    if (wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    int64_t size = (int64_t)file->inode->bytes.len;
    wb_mem_unlock();
    *ret_start = offset < size ? offset : size;
    *ret_end = size;
    return WB_OK;
}

enum wb_rc wb_mem_file_xattrs(struct wb_file *base, struct wb_buf *xattrs, struct wb_err *err)
{
    struct mem_file *file = mem_file_of(base);
    struct wb_mem_call call = call_of(file, WB_MEM_XATTRS);
    if (wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = wb_buf_append(xattrs, wb_buf_span(&file->inode->xattrs), err);
    wb_mem_unlock();
    return rc;
}

static enum wb_rc put_piece(struct mem_file *file, int64_t offset, struct wb_span bytes,
                            bool *ret_changed, struct wb_err *err)
{
    struct mem_inode *inode = file->inode;
    size_t end = (size_t)offset + bytes.len;
    *ret_changed = end > inode->bytes.len ||
                   !wb_span_eq(bytes, wb_span_of(inode->bytes.data + offset, bytes.len));
    if (wb_mem_here(mem_of(file->base.store), err) != WB_OK ||
        (end > inode->bytes.len && wb_mem_resize(inode, end, err) != WB_OK))
        return WB_ERROR;
    if (bytes.len)
        memcpy(inode->bytes.data + offset, bytes.data, bytes.len);
    wb_mem_touch(inode, true);
    return WB_OK;
}

static enum wb_rc write_piece(struct mem_file *file, int64_t offset, struct wb_span bytes,
                              struct wb_err *err)
{
    uint8_t piece[WB_MEM_PIECE];
    struct wb_mem_call call = call_of(file, WB_MEM_WRITE);
    call.offset = offset;
    call.len = bytes.len;
    if (wb_mem_is_hooked()) {
        memcpy(piece, bytes.data, bytes.len);
        call.bytes = piece;
        if (wb_mem_ask(&call, err) != WB_OK)
            return WB_ERROR;
        bytes = wb_span_of(piece, call.len);
    }
    wb_mem_lock();
    enum wb_rc rc = put_piece(file, offset, bytes, &call.changed, err);
    wb_mem_unlock();
    call.done = true;
    return rc == WB_OK ? wb_mem_ask(&call, err) : WB_ERROR;
}

enum wb_rc wb_mem_file_write(struct wb_file *base, int64_t offset, struct wb_span bytes,
                             struct wb_err *err)
{
    for (size_t put = 0; put < bytes.len;) {
        size_t len = piece_len(bytes.len - put);
        if (write_piece(mem_file_of(base), offset + (int64_t)put, wb_span_of(bytes.data + put, len),
                        err) != WB_OK)
            return WB_ERROR;
        put += len;
    }
    return WB_OK;
}

enum wb_rc wb_mem_file_range_done(struct wb_file *base, int64_t offset, int64_t length,
                                  char *ret_tag, struct wb_err *err)
{
    struct wb_mem_call call = call_of(mem_file_of(base), WB_MEM_RANGE_DONE);
    (void)length;
    call.offset = offset;
    ret_tag[0] = 0;
    return wb_mem_ask(&call, err);
}

static enum wb_rc seal(struct mem_file *file, const struct wb_meta *meta, char *ret_tag,
                       struct wb_err *err)
{
    struct wb_stat sealed;
    struct mem_inode *inode = file->inode;
    if (wb_mem_here(mem_of(file->base.store), err) != WB_OK)
        return WB_ERROR;
    inode->mode = meta->set_mode ? meta->mode : inode->mode;
    inode->uid = meta->set_owner ? meta->uid : inode->uid;
    inode->gid = meta->set_group ? meta->gid : inode->gid;
    wb_buf_clear(&inode->xattrs);
    if (wb_buf_append(&inode->xattrs, meta->xattrs, err) != WB_OK)
        return WB_ERROR;
    wb_mem_touch(inode, false);
    inode->mtime_ns = meta->mtime_ns;
    if (file->size_bytes >= 0 && (int64_t)inode->bytes.len != file->size_bytes)
        return wb_err_set(err, WB_CAT_CORRUPT, "staged \"%s\" has %zu bytes, not %lld",
                          file->instance, inode->bytes.len, (long long)file->size_bytes);
    wb_mem_stat_fill(inode, &sealed);
    (void)snprintf(ret_tag, WB_TAG_MAX, "%s", sealed.tag);
    return WB_OK;
}

enum wb_rc wb_mem_file_seal(struct wb_file *base, const struct wb_meta *meta,
                            const char *const *range_tags, size_t count, char *ret_tag,
                            struct wb_err *err)
{
    struct mem_file *file = mem_file_of(base);
    struct wb_mem_call call = call_of(file, WB_MEM_SEAL);
    (void)range_tags;
    (void)count;
    if (wb_mem_ask(&call, err) != WB_OK)
        return WB_ERROR;
    wb_mem_lock();
    enum wb_rc rc = seal(file, meta, ret_tag, err);
    wb_mem_unlock();
    call.done = true;
    return rc == WB_OK ? wb_mem_ask(&call, err) : WB_ERROR;
}

/* Opened files: reading, and writing of instances. A symbolic link is a file whose bytes are its
 * text; it has no descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/store/posix_parts.h"

enum { SHOWN_MAX = 300, LINK_MAX_BYTES = 4095, WRITE_BACK_LEAST = 1024 * 1024, BLOCK_UNIT = 512 };

static struct posix_file *of(struct wb_file *file)
{
    return (struct posix_file *)file;
}

static int64_t to_ns(struct statx_timestamp time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static enum wb_file_kind kind_of(mode_t mode)
{
    if (S_ISREG(mode))
        return WB_FILE_REGULAR;
    if (S_ISLNK(mode))
        return WB_FILE_SYMLINK;
    return S_ISDIR(mode) ? WB_FILE_DIRECTORY : WB_FILE_SPECIAL;
}

int wb_posix_look(int fd, const char *name, struct statx *ret)
{
    int flags = AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH);
    return statx(fd, name, flags, STATX_BASIC_STATS | STATX_BTIME, ret);
}

/* The number of an inode is given to the next file as soon as one is gone; the time of its birth,
 * where the file system has it, tells the two. */
static void tag_fill(const struct statx *info, char tag[WB_TAG_MAX])
{
    int64_t born_ns = info->stx_mask & STATX_BTIME ? to_ns(info->stx_btime) : 0;
    (void)snprintf(tag, WB_TAG_MAX, "%llx-%llx-%llx-%llx", (unsigned long long)info->stx_ino,
                   (unsigned long long)info->stx_size, (unsigned long long)to_ns(info->stx_mtime),
                   (unsigned long long)born_ns);
}

void wb_posix_stat_fill(const struct statx *info, struct wb_stat *ret)
{
    *ret = (struct wb_stat){
        .mode = info->stx_mode & 07777, .uid = info->stx_uid, .gid = info->stx_gid};
    ret->version.kind = kind_of(info->stx_mode);
    ret->version.size_bytes = (int64_t)info->stx_size;
    ret->version.mtime_ns = to_ns(info->stx_mtime);
    ret->version.etag = ret->etag;
    ret->changed_ns = to_ns(info->stx_ctime);
    ret->sparse = S_ISREG(info->stx_mode) && info->stx_blocks * BLOCK_UNIT < info->stx_size;
    (void)snprintf(ret->etag, sizeof(ret->etag), "%llx-%llx", (unsigned long long)info->stx_ino,
                   (unsigned long long)to_ns(info->stx_ctime));
    tag_fill(info, ret->tag);
}

static struct posix_file *file_new(struct wb_store *store)
{
    struct posix_file *file = wb_xcalloc(1, sizeof(*file));
    file->base.ops = store->ops;
    file->base.store = store;
    file->fd = -1;
    file->size_bytes = -1;
    file->link = wb_buf_make(LINK_MAX_BYTES);
    return file;
}

void wb_posix_file_close(struct wb_file *base)
{
    struct posix_file *file = of(base);
    wb_posix_close_fd(&file->fd);
    wb_buf_free(&file->link);
    free(file);
}

static enum wb_rc link_read(int folder, const char *name, const struct statx *info,
                            struct posix_file *file, struct wb_err *err)
{
    if (wb_buf_reserve(&file->link, LINK_MAX_BYTES, err) != WB_OK)
        return WB_ERROR;
    ssize_t len = readlinkat(folder, name, (char *)file->link.data, LINK_MAX_BYTES);
    if (len < 0)
        return wb_err_errno(err, errno, "cannot read a link");
    file->link.len = (size_t)len;
    wb_posix_stat_fill(info, &file->link_stat);
    return WB_OK;
}

/* Drops what the cache holds of a file, so that the next read comes from the medium. */
static enum wb_rc drop_cache(int fd, struct wb_err *err)
{
    if (fdatasync(fd) != 0 && errno != EROFS && errno != EINVAL && errno != EBADF)
        return wb_err_errno(err, errno, "cannot sync before reading from the medium");
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return WB_OK;
}

static enum wb_rc open_named(int folder, const char *name, bool medium, struct posix_file *file,
                             struct wb_err *err)
{
    struct statx info;
    if (wb_posix_look(folder, name, &info) != 0)
        return wb_err_errno(err, errno, "cannot look at it");
    if (S_ISLNK(info.stx_mode))
        return link_read(folder, name, &info, file, err);
    if (!S_ISREG(info.stx_mode))
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "neither a regular file nor a symbolic link");
    /* It may have become something else since: neither block on it nor read it. */
    file->fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file->fd < 0 || wb_posix_look(file->fd, "", &info) != 0)
        return wb_err_errno(err, errno, "cannot open it");
    if (!S_ISREG(info.stx_mode))
        return wb_err_set(err, WB_CAT_CHANGED, "became another kind of file");
    (void)posix_fadvise(file->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return medium ? drop_cache(file->fd, err) : WB_OK;
}

enum wb_rc wb_posix_open(struct wb_store *store, enum wb_place place, struct wb_span path,
                         bool medium, struct wb_file **ret, struct wb_err *err)
{
    char name[256];
    char shown[SHOWN_MAX];
    int folder WB_AUTO(wb_posix_close_fd) = -1;
    if (wb_posix_parent_fd(posix_of(store), place, path, false, name, &folder, err) != WB_OK)
        return wb_posix_lacks(posix_of(store), err);
    struct posix_file *file = file_new(store);
    if (open_named(folder, name, medium, file, err) != WB_OK) {
        wb_posix_file_close(&file->base);
        (void)wb_err_prefix(err, "\"%s\"", wb_path_show(path, shown, sizeof(shown)));
        return wb_posix_lacks(posix_of(store), err);
    }
    *ret = &file->base;
    return WB_OK;
}

enum wb_rc wb_posix_instance_check(const char *instance, struct wb_err *err)
{
    if (strlen(instance) >= WB_INSTANCE_MAX || *instance == 0 || *instance == '/' ||
        strstr(instance, "..") || wb_posix_is_marker(instance))
        return wb_err_set(err, WB_CAT_INVALID, "bad instance name \"%.40s\"", instance);
    return WB_OK;
}

static enum wb_rc size_set(int fd, int64_t size_bytes, bool sparse, struct wb_err *err)
{
    if (size_bytes <= 0)
        return WB_OK;
    if (!sparse && fallocate(fd, 0, 0, size_bytes) == 0)
        return WB_OK;
    if (!sparse && errno != EOPNOTSUPP && errno != ENOSYS)
        return wb_err_errno(err, errno, "cannot reserve %lld bytes", (long long)size_bytes);
    if (ftruncate(fd, size_bytes) != 0)
        return wb_err_errno(err, errno, "cannot set the size to %lld", (long long)size_bytes);
    return WB_OK;
}

static enum wb_rc regular_create(struct posix_store *store, struct posix_file *file, bool sparse,
                                 struct wb_err *err)
{
    char name[256];
    int folder WB_AUTO(wb_posix_close_fd) = -1;
    struct wb_span path = wb_span_str(file->instance);
    if (wb_posix_parent_fd(store, WB_PLACE_STAGED, path, true, name, &folder, err) != WB_OK)
        return WB_ERROR;
    file->fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file->fd < 0)
        return wb_posix_staging_failed(errno, file->instance, err);
    if (size_set(file->fd, file->size_bytes, sparse, err) == WB_OK)
        return WB_OK;
    (void)unlinkat(folder, name, 0);
    return WB_ERROR;
}

enum wb_rc wb_posix_create(struct wb_store *store, const char *instance, enum wb_file_kind kind,
                           int64_t size_bytes, bool sparse, struct wb_file **ret,
                           struct wb_err *err)
{
    if (wb_posix_instance_check(instance, err) != WB_OK)
        return WB_ERROR;
    if (kind != WB_FILE_REGULAR && kind != WB_FILE_SYMLINK)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "only files and symbolic links can be staged");
    struct posix_file *file = file_new(store);
    file->writing = true;
    file->size_bytes = size_bytes;
    (void)snprintf(file->instance, sizeof(file->instance), "%s", instance);
    if (kind == WB_FILE_REGULAR && regular_create(posix_of(store), file, sparse, err) != WB_OK) {
        wb_posix_file_close(&file->base);
        return WB_ERROR;
    }
    *ret = &file->base;
    return WB_OK;
}

enum wb_rc wb_posix_reopen(struct wb_store *store, const char *instance, struct wb_file **ret,
                           struct wb_err *err)
{
    char name[256];
    int folder WB_AUTO(wb_posix_close_fd) = -1;
    if (wb_posix_instance_check(instance, err) != WB_OK ||
        wb_posix_parent_fd(posix_of(store), WB_PLACE_STAGED, wb_span_str(instance), false, name,
                           &folder, err) != WB_OK)
        return WB_ERROR;
    int fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return wb_err_errno(err, errno, "cannot open the instance \"%s\"", instance);
    struct posix_file *file = file_new(store);
    file->writing = true;
    file->fd = fd;
    (void)snprintf(file->instance, sizeof(file->instance), "%s", instance);
    *ret = &file->base;
    return WB_OK;
}

enum wb_rc wb_posix_file_stat(struct wb_file *base, struct wb_stat *ret, struct wb_err *err)
{
    struct posix_file *file = of(base);
    struct statx info;
    if (file->fd < 0) {
        *ret = file->link_stat;
        ret->version.etag = ret->etag;
        return WB_OK;
    }
    if (wb_posix_look(file->fd, "", &info) != 0)
        return wb_err_errno(err, errno, "cannot look at an opened file");
    wb_posix_stat_fill(&info, ret);
    return WB_OK;
}

static size_t link_copy(const struct posix_file *file, int64_t offset, void *buffer, size_t len)
{
    if (offset < 0 || (size_t)offset >= file->link.len)
        return 0;
    size_t left = file->link.len - (size_t)offset;
    size_t take = left < len ? left : len;
    memcpy(buffer, file->link.data + offset, take);
    return take;
}

enum wb_rc wb_posix_file_read(struct wb_file *base, int64_t offset, void *buffer, size_t len,
                              size_t *ret_len, struct wb_err *err)
{
    struct posix_file *file = of(base);
    size_t got = 0;
    if (file->fd < 0) {
        *ret_len = link_copy(file, offset, buffer, len);
        return WB_OK;
    }
    while (got < len) {
        ssize_t more = pread(file->fd, (char *)buffer + got, len - got, offset + (int64_t)got);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return wb_err_errno(err, errno, "cannot read at %lld",
                                (long long)offset + (long long)got);
        if (more == 0)
            break;
        got += (size_t)more;
    }
    *ret_len = got;
    return WB_OK;
}

enum wb_rc wb_posix_file_next_data(struct wb_file *base, int64_t offset, int64_t *ret_start,
                                   int64_t *ret_end, struct wb_err *err)
{
    struct posix_file *file = of(base);
    struct wb_stat now;
    if (wb_posix_file_stat(base, &now, err) != WB_OK)
        return WB_ERROR;
    int64_t size = now.version.size_bytes;
    off_t start = file->fd < 0 ? offset : lseek(file->fd, offset, SEEK_DATA);
    if (start < 0 && errno == ENXIO) {
        *ret_start = *ret_end = size;
        return WB_OK;
    }
    off_t end = file->fd < 0 || start < 0 ? -1 : lseek(file->fd, start, SEEK_HOLE);
    *ret_start = start < 0 ? offset : start;
    *ret_end = end < 0 ? size : end;
    return WB_OK;
}

enum wb_rc wb_posix_file_write(struct wb_file *base, int64_t offset, struct wb_span bytes,
                               struct wb_err *err)
{
    struct posix_file *file = of(base);
    if (file->fd < 0) {
        if (offset != (int64_t)file->link.len)
            return wb_err_set(err, WB_CAT_INTERNAL, "a link's text is written in order");
        return wb_buf_append(&file->link, bytes, err);
    }
    for (size_t put = 0; put < bytes.len;) {
        ssize_t more = pwrite(file->fd, bytes.data + put, bytes.len - put, offset + (int64_t)put);
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return wb_err_errno(err, more < 0 ? errno : EIO, "cannot write \"%s\" at %lld",
                                file->instance, (long long)offset + (long long)put);
        put += (size_t)more;
    }
    return WB_OK;
}

enum wb_rc wb_posix_file_range_done(struct wb_file *base, int64_t offset, int64_t length,
                                    char *ret_tag, struct wb_err *err)
{
    struct posix_file *file = of(base);
    ret_tag[0] = 0;
    if (file->fd < 0 || length < WRITE_BACK_LEAST)
        return WB_OK;
    /* Only begins: the disk works while the verifier reads the cache; publish waits for it. */
    if (sync_file_range(file->fd, offset, length, SYNC_FILE_RANGE_WRITE) != 0 && errno != ENOSYS &&
        errno != EINVAL && errno != ESPIPE)
        return wb_err_errno(err, errno, "cannot write \"%s\" back", file->instance);
    return WB_OK;
}

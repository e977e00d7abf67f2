/* Mode, owner, times and extended attributes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/store/posix_parts.h"

enum { XATTR_NAMES_MAX = 65536, XATTR_VALUE_MAX = 65536, LENGTH_BYTES = 4 };
enum { NS_A_SECOND = 1000000000 };

static enum wb_rc append_value(struct wb_buf *out, const char *name, const uint8_t *value,
                               size_t len, struct wb_err *err)
{
    uint8_t length[LENGTH_BYTES];
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        length[i] = (uint8_t)(len >> (8 * i));
    if (wb_buf_append(out, wb_span_of(name, strlen(name) + 1), err) != WB_OK ||
        wb_buf_append(out, wb_span_of(length, sizeof(length)), err) != WB_OK)
        return WB_ERROR;
    return wb_buf_append(out, wb_span_of(value, len), err);
}

enum wb_rc wb_posix_file_xattrs(struct wb_file *base, struct wb_buf *xattrs, struct wb_err *err)
{
    struct posix_file *file = (struct posix_file *)base;
    char *names WB_AUTO(wb_free_ptr) = wb_xcalloc(1, XATTR_NAMES_MAX);
    uint8_t *value WB_AUTO(wb_free_ptr) = wb_xcalloc(1, XATTR_VALUE_MAX);
    ssize_t total = file->fd < 0 ? 0 : flistxattr(file->fd, names, XATTR_NAMES_MAX);
    if (total < 0)
        return errno == EOPNOTSUPP ? WB_OK : wb_err_errno(err, errno, "cannot list attributes");
    for (const char *name = names; name < names + total; name += strlen(name) + 1) {
        ssize_t len = fgetxattr(file->fd, name, value, XATTR_VALUE_MAX);
        if (len < 0)
            return wb_err_errno(err, errno, "cannot read attribute \"%s\"", name);
        if (append_value(xattrs, name, value, (size_t)len, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

static enum wb_rc set_xattrs(int fd, struct wb_span xattrs, struct wb_err *err)
{
    const uint8_t *at = xattrs.data;
    const uint8_t *end = at + xattrs.len;
    while (at < end) {
        const uint8_t *nul = memchr(at, 0, (size_t)(end - at));
        if (!nul || end - nul < 1 + LENGTH_BYTES)
            return wb_err_set(err, WB_CAT_INTERNAL, "attributes broken");
        size_t len = 0;
        for (unsigned i = 0; i < LENGTH_BYTES; i++)
            len |= (size_t)nul[1 + i] << (8 * i);
        const uint8_t *value = nul + 1 + LENGTH_BYTES;
        if (len > (size_t)(end - value))
            return wb_err_set(err, WB_CAT_INTERNAL, "attributes broken");
        if (fsetxattr(fd, (const char *)at, value, len, 0) != 0)
            return wb_err_errno(err, errno, "cannot set attribute \"%s\"", (const char *)at);
        at = value + len;
    }
    return WB_OK;
}

/* Before 1970 as well: nanoseconds always count forwards. */
static void times_of(const struct wb_meta *meta, struct timespec times[2])
{
    int64_t ns = meta->mtime_ns % NS_A_SECOND;
    int64_t back = ns < 0 ? 1 : 0;
    times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
    times[1] = (struct timespec){.tv_sec = meta->mtime_ns / NS_A_SECOND - back,
                                 .tv_nsec = ns + back * NS_A_SECOND};
}

static uid_t owner_of(const struct wb_meta *meta)
{
    return meta->set_owner ? meta->uid : (uid_t)-1;
}

static gid_t group_of(const struct wb_meta *meta)
{
    return meta->set_group ? meta->gid : (gid_t)-1;
}

static enum wb_rc set_regular(struct posix_file *file, const struct wb_meta *meta,
                              struct wb_err *err)
{
    struct timespec times[2];
    times_of(meta, times);
    /* A change of owner clears the set-id bits, hence before the mode; the time comes last. */
    if ((meta->set_owner || meta->set_group) &&
        fchown(file->fd, owner_of(meta), group_of(meta)) != 0)
        return wb_err_errno(err, errno, "cannot set the owner");
    if (meta->xattrs.len && set_xattrs(file->fd, meta->xattrs, err) != WB_OK)
        return WB_ERROR;
    if (meta->set_mode && fchmod(file->fd, meta->mode) != 0)
        return wb_err_errno(err, errno, "cannot set the mode");
    if (futimens(file->fd, times) != 0)
        return wb_err_errno(err, errno, "cannot set the time");
    return WB_OK;
}

static enum wb_rc make_link(struct posix_file *file, const struct wb_meta *meta, struct statx *info,
                            struct wb_err *err)
{
    char name[256];
    struct timespec times[2];
    int folder WB_AUTO(wb_posix_close_fd) = -1;
    times_of(meta, times);
    if (wb_posix_parent_fd((struct posix_store *)file->base.store, WB_PLACE_STAGED,
                           wb_span_str(file->instance), true, name, &folder, err) != WB_OK)
        return WB_ERROR;
    const char *text = wb_buf_cstr(&file->link);
    if (symlinkat(text, folder, name) != 0)
        return wb_err_errno(err, errno, "cannot stage the link \"%s\"", file->instance);
    bool own = meta->set_owner || meta->set_group;
    if ((own && fchownat(folder, name, owner_of(meta), group_of(meta), AT_SYMLINK_NOFOLLOW) != 0) ||
        utimensat(folder, name, times, AT_SYMLINK_NOFOLLOW) != 0 ||
        wb_posix_look(folder, name, info) != 0)
        return wb_err_errno(err, errno, "cannot set a link's owner or time");
    return WB_OK;
}

enum wb_rc wb_posix_file_seal(struct wb_file *base, const struct wb_meta *meta,
                              const char *const *range_tags, size_t count, char *ret_tag,
                              struct wb_err *err)
{
    struct posix_file *file = (struct posix_file *)base;
    struct statx info;
    struct wb_stat sealed;
    (void)range_tags;
    (void)count;
    if (file->fd < 0) {
        if (make_link(file, meta, &info, err) != WB_OK)
            return WB_ERROR;
    } else {
        if (set_regular(file, meta, err) != WB_OK)
            return WB_ERROR;
        if (wb_posix_look(file->fd, "", &info) != 0)
            return wb_err_errno(err, errno, "cannot look at \"%s\"", file->instance);
        if (file->size_bytes >= 0 && (int64_t)info.stx_size != file->size_bytes)
            return wb_err_set(err, WB_CAT_CORRUPT, "staged \"%s\" has %lld bytes, not %lld",
                              file->instance, (long long)info.stx_size,
                              (long long)file->size_bytes);
    }
    wb_posix_stat_fill(&info, &sealed);
    (void)snprintf(ret_tag, WB_TAG_MAX, "%s", sealed.tag);
    return WB_OK;
}

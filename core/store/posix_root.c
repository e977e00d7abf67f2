/* The root, the staging folder, and the way to anything beneath them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/store/posix.h"
#include "core/store/posix_parts.h"

enum { SHOWN_MAX = 300, DIR_MODE = 0755, STAGING_MODE = 0700 };

void wb_posix_close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

int wb_posix_open_beneath(int root, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static int open_or_make(int root, char *folder)
{
    int fd = wb_posix_open_beneath(root, folder);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = 0;
    int parent WB_AUTO(wb_posix_close_fd) = slash ? open_or_make(root, folder) : dup(root);
    if (slash)
        *slash = '/';
    if (parent < 0)
        return -1;
    if (mkdirat(parent, slash ? slash + 1 : folder, DIR_MODE) != 0 && errno != EEXIST)
        return -1;
    /* A folder is as durable as its entry in the one above. */
    if (wb_posix_sync_folder(parent) != 0)
        return -1;
    return wb_posix_open_beneath(root, folder);
}

enum wb_rc wb_posix_staging_failed(int errnum, const char *name, struct wb_err *err)
{
    (void)wb_err_errno(err, errnum, "cannot stage \"%s\"", name);
    err->retryable = true;
    return WB_ERROR;
}

static enum wb_rc make_staging(struct posix_store *store, struct wb_err *err)
{
    if (mkdirat(store->root_fd, WB_STAGING_DIR, STAGING_MODE) != 0 && errno != EEXIST)
        return wb_posix_staging_failed(errno, WB_STAGING_DIR, err);
    /* Whoever made it may have ended before this. */
    if (wb_posix_sync_folder(store->root_fd) != 0)
        return wb_posix_staging_failed(errno, WB_STAGING_DIR, err);
    store->staging_fd = wb_posix_open_beneath(store->root_fd, WB_STAGING_DIR);
    if (store->staging_fd < 0)
        return wb_posix_staging_failed(errno, WB_STAGING_DIR, err);
    return WB_OK;
}

/* A folder that was removed can be held open, but nothing can be made in it. */
static bool is_removed(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && info.st_nlink == 0;
}

enum wb_rc wb_posix_place_fd(struct posix_store *store, enum wb_place place, int *ret_fd,
                             struct wb_err *err)
{
    int fd = -1;
    enum wb_rc rc = WB_OK;
    (void)pthread_mutex_lock(&store->lock);
    if (place == WB_PLACE_STAGED && is_removed(store->staging_fd))
        wb_posix_close_fd(&store->staging_fd);
    if (place == WB_PLACE_STAGED && store->staging_fd < 0)
        rc = make_staging(store, err);
    if (rc == WB_OK) {
        int own = place == WB_PLACE_STAGED ? store->staging_fd : store->root_fd;
        fd = fcntl(own, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            rc = wb_err_errno(err, errno, "cannot use the root of \"%s\"", store->base.name);
    }
    (void)pthread_mutex_unlock(&store->lock);
    *ret_fd = fd;
    return rc;
}

static enum wb_rc folder_failed(int errnum, bool make, struct wb_span path, struct wb_err *err)
{
    char shown[SHOWN_MAX];
    (void)wb_err_errno(err, errnum, "cannot open the folder of \"%s\"",
                       wb_path_show(path, shown, sizeof(shown)));
    /* A file or a link where a folder should be: it may go away when its own delete arrives. */
    if (make && (errnum == ENOTDIR || errnum == ELOOP)) {
        err->category = WB_CAT_CONFLICT;
        err->retryable = true;
    } else if (!make && errnum == ELOOP) {
        err->category = WB_CAT_NOT_FOUND;
    }
    return WB_ERROR;
}

enum wb_rc wb_posix_parent_fd(struct posix_store *store, enum wb_place place, struct wb_span path,
                              bool make, char name[256], int *ret_fd, struct wb_err *err)
{
    char folder[WB_PATH_MAX + 1];
    int root WB_AUTO(wb_posix_close_fd) = -1;
    if (path.len == 0 || path.len > WB_PATH_MAX)
        return wb_err_set(err, WB_CAT_INVALID, "name of %zu bytes", path.len);
    /* A final name of the staging area would be somebody's instance. */
    if (place == WB_PLACE_FINAL && wb_path_check(path, err) != WB_OK)
        return WB_ERROR;
    memcpy(folder, path.data, path.len);
    folder[path.len] = 0;
    char *slash = strrchr(folder, '/');
    const char *last = slash ? slash + 1 : folder;
    if (strlen(last) > WB_PATH_PART_MAX || *last == 0)
        return wb_err_set(err, WB_CAT_INVALID, "last part of the name is too long or empty");
    memcpy(name, last, strlen(last) + 1);
    if (wb_posix_place_fd(store, place, &root, err) != WB_OK)
        return WB_ERROR;
    if (!slash) {
        *ret_fd = root;
        root = -1;
        return WB_OK;
    }
    *slash = 0;
    int fd = make ? open_or_make(root, folder) : wb_posix_open_beneath(root, folder);
    if (fd < 0)
        return folder_failed(errno, make, path, err);
    *ret_fd = fd;
    return WB_OK;
}

/* ---- the store itself ---- */

static void store_close(struct wb_store *base)
{
    struct posix_store *store = posix_of(base);
    wb_posix_close_fd(&store->root_fd);
    wb_posix_close_fd(&store->staging_fd);
    (void)pthread_mutex_destroy(&store->lock);
    (void)pthread_mutex_destroy(&store->sync_lock);
    (void)pthread_cond_destroy(&store->sync_done);
    free(store->root_path);
    free(store);
}

/* The node is at fault here, not a file: that may pass whatever it is. */
static enum wb_rc root_failed(const struct posix_store *store, int errnum, struct wb_err *err)
{
    (void)wb_err_errno(err, errnum, "root \"%s\" cannot be opened", store->root_path);
    if (err->category == WB_CAT_NOT_FOUND)
        err->category = WB_CAT_UNREACHABLE;
    err->retryable = true;
    return WB_ERROR;
}

static enum wb_rc root_open(const struct posix_store *store, int *ret_fd, struct stat *ret_info,
                            struct wb_err *err)
{
    *ret_fd = open(store->root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_fd < 0 || fstat(*ret_fd, ret_info) != 0)
        return root_failed(store, errno, err);
    return WB_OK;
}

/* The path may lead to another folder than it did: unmounted, replaced. What was opened is kept, so
 * that nothing is ever written to the one instead of the other. */
static enum wb_rc root_same(const struct posix_store *store, struct wb_err *err)
{
    struct stat info;
    int fd WB_AUTO(wb_posix_close_fd) = -1;
    if (root_open(store, &fd, &info, err) != WB_OK)
        return WB_ERROR;
    if (info.st_dev == store->root_dev && info.st_ino == store->root_ino)
        return WB_OK;
    return wb_err_set(err, WB_CAT_UNREACHABLE, "root \"%s\" is another folder than was opened",
                      store->root_path);
}

enum wb_rc wb_posix_lacks(struct posix_store *store, struct wb_err *err)
{
    struct wb_err root_err;
    if (err->category == WB_CAT_NOT_FOUND && root_same(store, &root_err) != WB_OK)
        *err = root_err;
    return WB_ERROR;
}

/* Looks into the folder: a medium that fails shows it here and not in what the kernel remembers. */
static enum wb_rc root_reads(const struct posix_store *store, struct wb_err *err)
{
    int fd = openat(store->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        int errnum = errno;
        wb_posix_close_fd(&fd);
        return root_failed(store, errnum, err);
    }
    errno = 0;
    bool failed = !readdir(folder) && errno != 0;
    int errnum = errno;
    (void)closedir(folder);
    return failed ? root_failed(store, errnum, err) : WB_OK;
}

static enum wb_rc store_check(struct wb_store *base, int64_t *ret_free_bytes, struct wb_err *err)
{
    struct posix_store *store = posix_of(base);
    struct statvfs space;
    if (root_same(store, err) != WB_OK || root_reads(store, err) != WB_OK)
        return WB_ERROR;
    if (fstatvfs(store->root_fd, &space) == 0)
        *ret_free_bytes = (int64_t)(space.f_bavail * space.f_frsize);
    else if (errno == ENOSYS)
        *ret_free_bytes = -1;
    else
        return root_failed(store, errno, err);
    return WB_OK;
}

static enum wb_rc store_stat(struct wb_store *base, enum wb_place place, struct wb_span path,
                             struct wb_stat *ret, struct wb_err *err)
{
    struct posix_store *store = posix_of(base);
    char name[256];
    char shown[SHOWN_MAX];
    struct statx info;
    int fd WB_AUTO(wb_posix_close_fd) = -1;
    if (wb_posix_parent_fd(store, place, path, false, name, &fd, err) == WB_OK) {
        if (wb_posix_look(fd, name, &info) == 0) {
            wb_posix_stat_fill(&info, ret);
            return WB_OK;
        }
        (void)wb_err_errno(err, errno, "cannot look at \"%s\"",
                           wb_path_show(path, shown, sizeof(shown)));
    }
    return wb_posix_lacks(store, err);
}

static const struct wb_store_ops ops = {
    .scheme = "file",
    .close = store_close,
    .check = store_check,
    .marker = wb_posix_marker,
    .stat = store_stat,
    .list = wb_posix_list,
    .open = wb_posix_open,
    .create = wb_posix_create,
    .reopen = wb_posix_reopen,
    .publish = wb_posix_publish,
    .discard = wb_posix_discard,
    .remove = wb_posix_remove,
    .sweep = wb_posix_sweep,
    .file_stat = wb_posix_file_stat,
    .file_read = wb_posix_file_read,
    .file_next_data = wb_posix_file_next_data,
    .file_xattrs = wb_posix_file_xattrs,
    .file_write = wb_posix_file_write,
    .file_range_done = wb_posix_file_range_done,
    .file_seal = wb_posix_file_seal,
    .file_close = wb_posix_file_close,
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
    .sparse = true,
    .parallel = 1,
};

enum wb_rc wb_posix_new(const char *node, const char *path, struct wb_store **ret,
                        struct wb_err *err)
{
    struct stat info;
    struct posix_store *store = wb_xcalloc(1, sizeof(*store));
    store->base.ops = &ops;
    store->base.caps = caps;
    (void)snprintf(store->base.name, sizeof(store->base.name), "%s", node);
    store->root_path = wb_xstrdup(path);
    store->root_fd = store->staging_fd = -1;
    (void)pthread_mutex_init(&store->lock, NULL);
    (void)pthread_mutex_init(&store->sync_lock, NULL);
    (void)pthread_cond_init(&store->sync_done, NULL);
    if (root_open(store, &store->root_fd, &info, err) != WB_OK) {
        store_close(&store->base);
        return WB_ERROR;
    }
    store->root_dev = info.st_dev;
    store->root_ino = info.st_ino;
    *ret = &store->base;
    return WB_OK;
}

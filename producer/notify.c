#include "producer/notify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/map.h"
#include "core/base/path.h"

enum { READ_BYTES = 64 * 1024, SHOWN_MAX = 300, DEPTH_MAX = 256, PATH_BYTES = 4 * WB_PATH_MAX };

static const uint32_t mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                             IN_MODIFY | IN_ATTRIB | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK;

struct wb_notify {
    int fd;
    int root;               /* descriptor of the root; -1 when it is not there */
    struct wb_map *folders; /* watch descriptor -> struct wb_buf, the path */
    char *root_path;
    struct wb_buf top; /* what wb_notify_watch was asked for */
    int top_watch;     /* its watch descriptor, -1: none */
    dev_t top_dev;
    ino_t top_ino;
};

static void path_free(void *value)
{
    wb_buf_free(value);
    free(value);
}

/* A new instance of the kernel's: watches and events of the former one are gone. */
static enum wb_rc renew(struct wb_notify *notify, struct wb_err *err)
{
    if (notify->fd >= 0)
        (void)close(notify->fd);
    wb_map_clear(notify->folders);
    notify->top_watch = -1;
    notify->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (notify->fd >= 0)
        return WB_OK;
    if (errno == EMFILE)
        return wb_err_set(err, WB_CAT_LIMIT,
                          "the kernel gives this user no more inotify instances; raise the limit: "
                          "sysctl fs.inotify.max_user_instances=1024");
    return wb_err_errno(err, errno, "cannot watch \"%s\"", notify->root_path);
}

enum wb_rc wb_notify_new(const char *root, struct wb_notify **ret, struct wb_err *err)
{
    struct wb_notify *notify = wb_xcalloc(1, sizeof(*notify));
    notify->folders = wb_map_new(path_free);
    notify->root_path = wb_xstrdup(root);
    notify->top = wb_buf_make(2 * WB_PATH_MAX);
    notify->root = -1;
    notify->top_watch = -1;
    notify->fd = -1;
    if (renew(notify, err) != WB_OK) {
        wb_notify_free(&notify);
        return WB_ERROR;
    }
    *ret = notify;
    return WB_OK;
}

void wb_notify_free(struct wb_notify **notify)
{
    if (!*notify)
        return;
    if ((*notify)->fd >= 0)
        (void)close((*notify)->fd);
    if ((*notify)->root >= 0)
        (void)close((*notify)->root);
    wb_map_free(&(*notify)->folders);
    wb_buf_free(&(*notify)->top);
    free((*notify)->root_path);
    free(*notify);
    *notify = NULL;
}

/* ---- watches ---- */

static enum wb_rc join(struct wb_span folder, const char *name, struct wb_buf *out,
                       struct wb_err *err)
{
    wb_buf_clear(out);
    if (wb_buf_append(out, folder, err) != WB_OK ||
        (folder.len && wb_buf_append(out, wb_span_str("/"), err) != WB_OK))
        return WB_ERROR;
    return wb_buf_append(out, wb_span_str(name), err);
}

static enum wb_rc too_many(const struct wb_notify *notify, struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_LIMIT,
                      "the kernel watches no more than these %zu folders; raise the limit: sysctl "
                      "fs.inotify.max_user_watches=1048576",
                      wb_map_count(notify->folders));
}

/* Gone meanwhile is fine: its parent tells so. */
static enum wb_rc watch_one(struct wb_notify *notify, int folder_fd, struct wb_span path,
                            struct wb_err *err)
{
    char link[64];
    char shown[SHOWN_MAX];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", folder_fd);
    int number = inotify_add_watch(notify->fd, link, mask & ~(uint32_t)IN_DONT_FOLLOW);
    if (number < 0 && errno == ENOSPC)
        return too_many(notify, err);
    if (number < 0)
        return errno == ENOENT ? WB_OK
                               : wb_err_errno(err, errno, "cannot watch folder \"%s\"",
                                              wb_path_show(path, shown, sizeof(shown)));
    struct wb_buf *copy = wb_xcalloc(1, sizeof(*copy));
    *copy = wb_buf_make(2 * WB_PATH_MAX);
    if (wb_buf_append(copy, path, err) != WB_OK) {
        path_free(copy);
        return WB_ERROR;
    }
    wb_map_put(notify->folders, wb_span_of(&number, sizeof(number)), copy);
    if (wb_span_eq(path, wb_buf_span(&notify->top)))
        notify->top_watch = number;
    return WB_OK;
}

static enum wb_rc watch_tree(struct wb_notify *notify, int fd, struct wb_span path, int depth,
                             struct wb_err *err);

static enum wb_rc watch_entries(struct wb_notify *notify, DIR *folder, struct wb_span path,
                                int depth, struct wb_err *err)
{
    struct wb_buf inner WB_AUTO(wb_buf_free) = wb_buf_make(2 * WB_PATH_MAX);
    for (struct dirent *entry; (entry = readdir(folder));) {
        bool skipped = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                       (path.len == 0 && strcmp(entry->d_name, WB_STAGING_DIR) == 0);
        if (skipped || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
            continue;
        int fd =
            openat(dirfd(folder), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (join(path, entry->d_name, &inner, err) != WB_OK) {
            (void)close(fd);
            return WB_ERROR;
        }
        if (watch_tree(notify, fd, wb_buf_span(&inner), depth + 1, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

/* Takes the descriptor over. First the watch, then the listing: nothing falls between. */
static enum wb_rc watch_tree(struct wb_notify *notify, int fd, struct wb_span path, int depth,
                             struct wb_err *err)
{
    enum wb_rc rc = watch_one(notify, fd, path, err);
    DIR *folder = rc == WB_OK && depth < DEPTH_MAX ? fdopendir(fd) : NULL;
    if (!folder) {
        (void)close(fd);
        return rc;
    }
    rc = watch_entries(notify, folder, path, depth, err);
    (void)closedir(folder);
    return rc;
}

static int open_folder(struct wb_notify *notify, struct wb_span path)
{
    struct wb_err ignored;
    struct wb_buf name WB_AUTO(wb_buf_free) = wb_buf_make(2 * WB_PATH_MAX);
    if (notify->root < 0 ||
        wb_buf_append(&name, path.len ? path : wb_span_str("."), &ignored) != WB_OK) {
        errno = notify->root < 0 ? ENOENT : ENAMETOOLONG;
        return -1;
    }
    return openat(notify->root, wb_buf_cstr(&name),
                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Not there, no folder or not ours to read: the listing says so. */
static enum wb_rc add(struct wb_notify *notify, struct wb_span path, struct wb_err *err)
{
    int fd = open_folder(notify, path);
    if (fd >= 0)
        return watch_tree(notify, fd, path, 0, err);
    return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES
               ? WB_OK
               : wb_err_errno(err, errno, "cannot watch \"%s\"", notify->root_path);
}

static bool stat_top(const struct wb_notify *notify, struct stat *ret)
{
    struct wb_err ignored;
    struct wb_buf path WB_AUTO(wb_buf_free) = wb_buf_make(PATH_BYTES);
    return wb_buf_printf(&path, &ignored, "%s/", notify->root_path) == WB_OK &&
           wb_buf_append(&path, wb_buf_span(&notify->top), &ignored) == WB_OK &&
           stat(wb_buf_cstr(&path), ret) == 0 && S_ISDIR(ret->st_mode);
}

enum wb_rc wb_notify_watch(struct wb_notify *notify, struct wb_span prefix, struct wb_err *err)
{
    struct stat top;
    wb_buf_clear(&notify->top);
    if (wb_buf_append(&notify->top, prefix, err) != WB_OK || renew(notify, err) != WB_OK)
        return WB_ERROR;
    if (notify->root >= 0)
        (void)close(notify->root);
    /* Looked at first: a folder that takes its place meanwhile is found to be another one. */
    bool there = stat_top(notify, &top);
    notify->top_dev = there ? top.st_dev : 0;
    notify->top_ino = there ? top.st_ino : 0;
    notify->root = open(notify->root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return add(notify, wb_buf_span(&notify->top), err);
}

bool wb_notify_lost(const struct wb_notify *notify)
{
    struct stat top;
    return notify->top_watch < 0 || !stat_top(notify, &top) || top.st_dev != notify->top_dev ||
           top.st_ino != notify->top_ino;
}

/* ---- what happened ---- */

struct forgetting {
    struct wb_notify *notify;
    struct wb_span path;
    int found[64];
    size_t count;
};

static bool find_below(struct wb_span key, void *value, void *arg)
{
    struct forgetting *forgetting = arg;
    struct wb_span path = wb_buf_span(value);
    struct wb_span top = forgetting->path;
    bool below = path.len >= top.len && memcmp(path.data, top.data, top.len) == 0 &&
                 (path.len == top.len || path.data[top.len] == '/');
    if (below)
        memcpy(&forgetting->found[forgetting->count++], key.data, sizeof(int));
    return forgetting->count < sizeof(forgetting->found) / sizeof(forgetting->found[0]);
}

/* A folder that moved away would go on telling under its old name. */
static void forget_below(struct wb_notify *notify, struct wb_span path)
{
    struct forgetting forgetting = {.notify = notify, .path = path};
    do {
        forgetting.count = 0;
        wb_map_each(notify->folders, find_below, &forgetting);
        for (size_t i = 0; i < forgetting.count; i++) {
            (void)inotify_rm_watch(notify->fd, forgetting.found[i]);
            (void)wb_map_del(notify->folders, wb_span_of(&forgetting.found[i], sizeof(int)));
        }
    } while (forgetting.count > 0);
}

static enum wb_notify_kind kind_of(uint32_t bits)
{
    if (bits & (IN_DELETE | IN_MOVED_FROM))
        return bits & IN_ISDIR ? WB_NOTIFY_NO_FOLDER : WB_NOTIFY_GONE;
    if (bits & IN_ISDIR)
        return bits & (IN_CREATE | IN_MOVED_TO) ? WB_NOTIFY_FOLDER : WB_NOTIFY_OVERFLOW;
    return bits & (IN_CLOSE_WRITE | IN_MOVED_TO) ? WB_NOTIFY_WRITTEN : WB_NOTIFY_TOUCHED;
}

struct telling {
    struct wb_notify *notify;
    struct wb_buf path;
    enum wb_rc (*visit)(void *arg, enum wb_notify_kind kind, struct wb_span path,
                        struct wb_err *err);
    void *arg;
};

static enum wb_rc tell(struct telling *telling, const struct inotify_event *event,
                       struct wb_err *err)
{
    struct wb_notify *notify = telling->notify;
    if (event->mask & IN_Q_OVERFLOW)
        return telling->visit(telling->arg, WB_NOTIFY_OVERFLOW, wb_span_of(NULL, 0), err);
    struct wb_span number = wb_span_of(&event->wd, sizeof(event->wd));
    if (event->mask & IN_IGNORED) {
        /* Nobody told the kernel to: the folder is gone, or its file system is. */
        if (wb_map_del(notify->folders, number) && event->wd == notify->top_watch)
            notify->top_watch = -1;
        return WB_OK;
    }
    const struct wb_buf *folder = wb_map_get(notify->folders, number);
    if (!folder || event->len == 0)
        return WB_OK;
    if (join(wb_buf_span(folder), event->name, &telling->path, err) != WB_OK)
        return WB_ERROR;
    struct wb_span path = wb_buf_span(&telling->path);
    enum wb_notify_kind kind = kind_of(event->mask);
    if (folder->len == 0 && strcmp(event->name, WB_STAGING_DIR) == 0)
        return WB_OK;
    if (kind == WB_NOTIFY_OVERFLOW) /* a folder's attributes: nothing of ours */
        return WB_OK;
    if (kind == WB_NOTIFY_NO_FOLDER)
        forget_below(notify, path);
    if (kind == WB_NOTIFY_FOLDER && add(notify, path, err) != WB_OK)
        return WB_ERROR;
    return telling->visit(telling->arg, kind, path, err);
}

enum wb_rc wb_notify_poll(struct wb_notify *notify, int timeout_ms,
                          enum wb_rc (*visit)(void *arg, enum wb_notify_kind kind,
                                              struct wb_span path, struct wb_err *err),
                          void *arg, struct wb_err *err)
{
    _Alignas(struct inotify_event) char buffer[READ_BYTES];
    struct pollfd ready = {.fd = notify->fd, .events = POLLIN};
    (void)poll(&ready, 1, timeout_ms);
    ssize_t len = read(notify->fd, buffer, sizeof(buffer));
    if (len < 0)
        return errno == EAGAIN || errno == EINTR
                   ? WB_OK
                   : wb_err_errno(err, errno, "cannot read what changed");
    struct telling telling = {notify, wb_buf_make(2 * WB_PATH_MAX), visit, arg};
    enum wb_rc rc = WB_OK;
    for (ssize_t at = 0; at < len && rc == WB_OK;) {
        const struct inotify_event *event = (const struct inotify_event *)(buffer + at);
        rc = tell(&telling, event, err);
        at += (ssize_t)(sizeof(*event) + event->len);
    }
    wb_buf_free(&telling.path);
    return rc;
}

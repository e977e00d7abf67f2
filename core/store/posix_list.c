/* Walking a node: one descriptor a level, at most DEPTH_MAX levels, links never followed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/path.h"
#include "core/store/posix_parts.h"

enum { DEPTH_MAX = 256, SHOWN_MAX = 300 };

struct walk {
    wb_store_visit *visit;
    void *arg;
    struct wb_err *err;
    size_t len;
    char path[WB_PATH_MAX + WB_PATH_PART_MAX + 2];
};

static enum wb_rc walk_folder(struct walk *walk, int fd, int depth);

static enum wb_rc tell_problem(struct walk *walk, int errnum, const char *what)
{
    struct wb_err problem;
    char shown[SHOWN_MAX];
    struct wb_span path = wb_span_of(walk->path, walk->len);
    (void)wb_err_errno(&problem, errnum, "%s \"%s\"", what,
                       wb_path_show(path, shown, sizeof(shown)));
    return walk->visit(walk->arg, path, NULL, &problem, walk->err);
}

static enum wb_rc walk_entry(struct walk *walk, int fd, const char *name, int depth)
{
    struct statx info;
    struct wb_stat stat;
    if (wb_posix_look(fd, name, &info) != 0)
        return errno == ENOENT ? WB_OK : tell_problem(walk, errno, "cannot look at");
    wb_posix_stat_fill(&info, &stat);
    if (!S_ISDIR(info.stx_mode))
        return walk->visit(walk->arg, wb_span_of(walk->path, walk->len), &stat, NULL, walk->err);
    int inner = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0)
        return errno == ENOENT ? WB_OK : tell_problem(walk, errno, "cannot open folder");
    return walk_folder(walk, inner, depth + 1);
}

static bool is_skipped(const char *name, int depth)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
           (depth == 0 && strcmp(name, WB_STAGING_DIR) == 0);
}

static void close_folder(DIR **folder)
{
    if (*folder)
        (void)closedir(*folder);
}

/* Takes over `fd`. */
static enum wb_rc walk_folder(struct walk *walk, int fd, int depth)
{
    DIR *folder WB_AUTO(close_folder) = fdopendir(fd);
    size_t before = walk->len;
    if (!folder || depth > DEPTH_MAX) {
        int errnum = folder ? ELOOP : errno;
        if (!folder)
            (void)close(fd);
        return tell_problem(walk, errnum, "cannot walk");
    }
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(folder))) {
        if (is_skipped(entry->d_name, before == 0 ? 0 : 1))
            continue;
        int len = snprintf(walk->path + before, sizeof(walk->path) - before, "%s%s",
                           before ? "/" : "", entry->d_name);
        walk->len = before + (size_t)len;
        if (walk->len > WB_PATH_MAX) {
            walk->len = before;
            if (tell_problem(walk, ENAMETOOLONG, "a path is too long in") != WB_OK)
                return WB_ERROR;
            continue;
        }
        if (walk_entry(walk, fd, entry->d_name, depth) != WB_OK)
            return WB_ERROR;
        walk->len = before;
    }
    /* What could not be read is no end of the folder. */
    return errno ? tell_problem(walk, errno, "cannot read folder") : WB_OK;
}

enum wb_rc wb_posix_list(struct wb_store *base, struct wb_span prefix, wb_store_visit *visit,
                         void *arg, struct wb_err *err)
{
    struct posix_store *store = posix_of(base);
    struct walk walk = {.visit = visit, .arg = arg, .err = err};
    char name[256];
    int fd WB_AUTO(wb_posix_close_fd) = -1;
    if (prefix.len == 0) {
        if (wb_posix_place_fd(store, WB_PLACE_FINAL, &fd, err) != WB_OK)
            return WB_ERROR;
        int root = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return root < 0 ? wb_err_errno(err, errno, "cannot open the root")
                        : walk_folder(&walk, root, 0);
    }
    if (wb_path_check(prefix, err) != WB_OK ||
        wb_posix_parent_fd(store, WB_PLACE_FINAL, prefix, false, name, &fd, err) != WB_OK)
        return WB_ERROR;
    struct stat info;
    if (fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return wb_err_errno(err, errno, "cannot look at \"%s\"", name);
    memcpy(walk.path, prefix.data, prefix.len);
    walk.len = prefix.len;
    return walk_entry(&walk, fd, name, 0);
}

/* What cannot be looked at or removed does not keep the rest: the first such is told at the end. */
struct sweep {
    struct posix_store *store;
    int64_t before_ns;
    int64_t count;
    bool failed;
    struct wb_err *err;
};

static void sweep_failed(struct sweep *sweep, const struct wb_err *problem)
{
    if (!sweep->failed)
        *sweep->err = *problem;
    sweep->failed = true;
}

static enum wb_rc sweep_visit(void *arg, struct wb_span path, const struct wb_stat *stat,
                              const struct wb_err *problem, struct wb_err *err)
{
    struct sweep *sweep = arg;
    struct wb_err failed;
    char instance[WB_INSTANCE_MAX];
    (void)err;
    if (problem)
        sweep_failed(sweep, problem);
    if (problem || path.len >= sizeof(instance) || stat->changed_ns > sweep->before_ns)
        return WB_OK;
    memcpy(instance, path.data, path.len);
    instance[path.len] = 0;
    if (wb_posix_is_marker(instance))
        return WB_OK;
    if (wb_posix_drop(sweep->store, instance, false, &failed) == WB_OK)
        sweep->count++;
    else
        sweep_failed(sweep, &failed);
    return WB_OK;
}

/* Folders of batches in which nothing was staged, or whose last instance went with its process. */
static void sweep_folders(const struct sweep *sweep, int staging)
{
    struct statx info;
    struct wb_stat stat;
    const struct dirent *entry;
    DIR *folder WB_AUTO(close_folder) = fdopendir(staging);
    if (!folder)
        (void)close(staging);
    while (folder && (entry = readdir(folder))) {
        if (is_skipped(entry->d_name, 0) || wb_posix_look(staging, entry->d_name, &info) != 0)
            continue;
        wb_posix_stat_fill(&info, &stat);
        if (S_ISDIR(info.stx_mode) && stat.changed_ns <= sweep->before_ns)
            (void)unlinkat(staging, entry->d_name, AT_REMOVEDIR);
    }
}

static int open_again(int folder)
{
    return openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

enum wb_rc wb_posix_sweep(struct wb_store *base, int64_t age_ms, int64_t *ret_count,
                          struct wb_err *err)
{
    struct sweep sweep = {
        .store = posix_of(base), .before_ns = wb_clock_wall_ns() - age_ms * 1000000, .err = err};
    struct walk walk = {.visit = sweep_visit, .arg = &sweep, .err = err};
    int fd WB_AUTO(wb_posix_close_fd) = -1;
    if (wb_posix_place_fd(sweep.store, WB_PLACE_STAGED, &fd, err) != WB_OK)
        return WB_ERROR;
    int staging = open_again(fd);
    if (staging < 0)
        return wb_err_errno(err, errno, "cannot open the staging folder");
    if (walk_folder(&walk, staging, 0) != WB_OK)
        return WB_ERROR;
    staging = open_again(fd);
    if (staging >= 0)
        sweep_folders(&sweep, staging);
    if (sweep.failed)
        return WB_ERROR;
    *ret_count = sweep.count;
    return WB_OK;
}

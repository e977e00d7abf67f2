#include "tests/crash/model.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PLACE_SIZE = PATH_MAX + 64 };

void model_begin(struct model *model, const char *root)
{
    memset(model, 0, sizeof(*model));
    (void)snprintf(model->root, sizeof(model->root), "%s", root);
}

static const struct model_node *find(const struct model *model, ino_t inode)
{
    for (int i = 0; i < model->count; i++)
        if (model->nodes[i].inode == inode)
            return &model->nodes[i];
    return NULL;
}

static struct model_node *node_of(struct model *model, ino_t inode)
{
    for (int i = 0; i < model->count; i++)
        if (model->nodes[i].inode == inode)
            return &model->nodes[i];
    if (model->count == MODEL_NODES)
        abort();
    model->nodes[model->count] = (struct model_node){.inode = inode};
    return &model->nodes[model->count++];
}

/* What descriptor `fd` of the process is, or the name in it, the link itself. */
static bool stat_in(pid_t pid, uint64_t fd, const char *name, struct stat *ret)
{
    char place[PLACE_SIZE];
    (void)snprintf(place, sizeof(place), "/proc/%d/fd/%d%s%s", pid, (int)fd, name ? "/" : "",
                   name ? name : "");
    return fstatat(AT_FDCWD, place, ret, name ? AT_SYMLINK_NOFOLLOW : 0) == 0;
}

static bool read_name(pid_t pid, uint64_t address, char name[MODEL_NAME])
{
    uint64_t page_left = 4096 - address % 4096;
    size_t len = page_left < MODEL_NAME ? page_left : MODEL_NAME;
    struct iovec to = {name, len};
    struct iovec from[2] = {{(void *)address, len}, {0}};
    ssize_t got = process_vm_readv(pid, &to, 1, from, 1, 0);
    if (got <= 0 || memchr(name, 0, (size_t)got))
        return got > 0;
    to = (struct iovec){name + got, MODEL_NAME - (size_t)got};
    from[0] = (struct iovec){(void *)(address + (size_t)got), MODEL_NAME - (size_t)got};
    return process_vm_readv(pid, &to, 1, from, 1, 0) > 0;
}

static void is_unsynced(struct model *model, pid_t pid, uint64_t fd)
{
    struct stat info;
    if (stat_in(pid, fd, NULL, &info))
        node_of(model, info.st_ino)->unsynced = true;
}

static void is_removed(struct model *model, pid_t pid, uint64_t fd, uint64_t name_at)
{
    struct stat info;
    if (!stat_in(pid, fd, NULL, &info) || model->removal_count == MODEL_REMOVALS)
        abort();
    node_of(model, info.st_ino)->removed = true;
    struct model_removal *removal = &model->removals[model->removal_count++];
    removal->folder = info.st_ino;
    if (!read_name(pid, name_at, removal->name))
        abort();
}

static bool is_final(const struct model *model, pid_t pid, uint64_t fd)
{
    char link[64];
    char place[PATH_MAX];
    char staging[300];
    (void)snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, (int)fd);
    ssize_t len = readlink(link, place, sizeof(place) - 1);
    if (len < 0)
        return false;
    place[len] = 0;
    (void)snprintf(staging, sizeof(staging), "%s/.waybill", model->root);
    return strncmp(place, staging, strlen(staging)) != 0;
}

/* A name was made in a folder: under a final one only what is on the medium may be. */
static void named(struct model *model, pid_t pid, uint64_t folder, uint64_t name_at,
                  const char *call)
{
    char name[MODEL_NAME];
    struct stat info;
    is_unsynced(model, pid, folder);
    if (!read_name(pid, name_at, name) || !stat_in(pid, folder, name, &info) ||
        !is_final(model, pid, folder))
        return;
    const struct model_node *node = find(model, info.st_ino);
    if (!node || S_ISLNK(info.st_mode) || S_ISDIR(info.st_mode) || !(node->unsynced || node->lost))
        return;
    if (!model->broken[0])
        (void)snprintf(model->broken, sizeof(model->broken), "%s to \"%s\" of bytes that %s", call,
                       name, node->lost ? "failed to sync" : "were not synced");
}

static void opened(struct model *model, pid_t pid, const struct call *call, int64_t fd)
{
    struct stat info;
    if (!(call->args[2] & O_CREAT) || !stat_in(pid, (uint64_t)fd, NULL, &info))
        return;
    *node_of(model, info.st_ino) = (struct model_node){.inode = info.st_ino, .unsynced = true};
    is_unsynced(model, pid, call->args[0]);
}

static void forget_removals(struct model *model, ino_t folder)
{
    int kept = 0;
    for (int i = 0; i < model->removal_count; i++)
        if (model->removals[i].folder != folder)
            model->removals[kept++] = model->removals[i];
    model->removal_count = kept;
}

static void synced(struct model *model, struct model_node *node, bool well)
{
    if (well && node->removed)
        forget_removals(model, node->inode);
    if (well)
        node->unsynced = node->removed = false;
    else if (node->unsynced)
        node->lost = true;
}

static void on_sync(struct model *model, pid_t pid, const struct call *call, bool well)
{
    struct stat info;
    if (call->number == SYS_syncfs) {
        for (int i = 0; i < model->count; i++)
            synced(model, &model->nodes[i], well);
    } else if (stat_in(pid, call->args[0], NULL, &info)) {
        struct model_node *node = node_of(model, info.st_ino);
        synced(model, node, well);
        /* A folder that failed to sync can be synced: its names are not in pages. */
        node->lost = node->lost && !S_ISDIR(info.st_mode);
    }
}

static void on_change(struct model *model, pid_t pid, const struct call *call, int64_t real)
{
    switch (call->number) {
    case SYS_openat:
        opened(model, pid, call, real);
        break;
    case SYS_mkdirat:
        is_unsynced(model, pid, call->args[0]);
        break;
    case SYS_unlinkat:
        if (!(call->args[2] & AT_REMOVEDIR))
            is_removed(model, pid, call->args[0], call->args[1]);
        break;
    case SYS_symlinkat:
        is_unsynced(model, pid, call->args[1]);
        break;
    case SYS_renameat:
    case SYS_renameat2:
        /* A rename out of the staging area is undone as a whole, or not. */
        if (is_final(model, pid, call->args[0]))
            is_removed(model, pid, call->args[0], call->args[1]);
        named(model, pid, call->args[2], call->args[3], "rename");
        break;
    case SYS_linkat:
        named(model, pid, call->args[2], call->args[3], "link");
        break;
    case SYS_pwrite64:
    case SYS_write:
    case SYS_fallocate:
    case SYS_ftruncate:
    case SYS_fchmod:
    case SYS_fsetxattr:
        is_unsynced(model, pid, call->args[0]);
        break;
    case SYS_utimensat:
        if (!call->args[1]) /* futimens */
            is_unsynced(model, pid, call->args[0]);
        break;
    default:
        break;
    }
}

void model_watch(void *arg, pid_t pid, const struct call *call, int64_t real, int64_t told)
{
    struct model *model = arg;
    if (call->number == SYS_fsync || call->number == SYS_fdatasync || call->number == SYS_syncfs)
        on_sync(model, pid, call, told == 0);
    else if (real >= 0)
        on_change(model, pid, call, real);
}

static bool is_kept(const struct model *model, ino_t inode)
{
    const struct model_node *node = find(model, inode);
    return !node || (!node->unsynced && !node->lost);
}

static bool names_kept(const struct model *model, const char *place)
{
    struct stat info;
    if (lstat(place, &info) != 0)
        return true;
    const struct model_node *node = find(model, info.st_ino);
    return !node || (!node->unsynced && !node->removed);
}

bool model_keeps_removed(const struct model *model, const char *name)
{
    for (int i = 0; i < model->removal_count; i++)
        if (strcmp(model->removals[i].name, name) == 0)
            return false;
    return true;
}

bool model_keeps_made(const struct model *model, const char *path)
{
    struct stat info;
    char place[PLACE_SIZE];
    (void)snprintf(place, sizeof(place), "%s/%s", model->root, path);
    const struct model_node *node = lstat(place, &info) == 0 ? find(model, info.st_ino) : NULL;
    return !node || !node->unsynced;
}

bool model_keeps(const struct model *model, const char *path, bool above)
{
    char place[PLACE_SIZE];
    struct stat info;
    (void)snprintf(place, sizeof(place), "%s/%s", model->root, path);
    if (lstat(place, &info) == 0 && S_ISREG(info.st_mode) && !is_kept(model, info.st_ino))
        return false;
    do {
        *strrchr(place, '/') = 0;
        if (!names_kept(model, place))
            return false;
    } while (above && strlen(place) > strlen(model->root));
    return true;
}

/* Publishing is durable or did not happen: bytes are synced, then renamed, then the folder is
 * synced. A few files are synced one by one, a batch by one sync of the file system before the
 * renames and one after. What failed to sync is lost and discarded: a second sync would lie. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/store/posix_parts.h"

enum { ONE_BY_ONE_MOST = 4, SHOWN_MAX = 300 };

static enum wb_rc tag_of(int folder, const char *name, char tag[WB_TAG_MAX], struct wb_err *err)
{
    struct statx info;
    struct wb_stat stat;
    if (wb_posix_look(folder, name, &info) != 0)
        return wb_err_errno(err, errno, "cannot look at it");
    wb_posix_stat_fill(&info, &stat);
    memcpy(tag, stat.tag, WB_TAG_MAX);
    return WB_OK;
}

static enum wb_rc sync_folder(int folder, struct wb_err *err)
{
    return wb_posix_sync_folder(folder) == 0 ? WB_OK
                                             : wb_err_errno(err, errno, "cannot sync the folder");
}

static enum wb_rc sync_file(int folder, const char *name, struct wb_err *err)
{
    struct stat info;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return wb_err_errno(err, errno, "cannot look at the staged file");
    if (S_ISLNK(info.st_mode))
        return WB_OK;
    int fd WB_AUTO(wb_posix_close_fd) = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return wb_err_errno(err, errno, "cannot sync the staged file");
    return WB_OK;
}

/* The folder of a staged batch goes with its last instance. */
static void remove_empty_folder(struct posix_store *store, const char *instance)
{
    struct wb_err ignored;
    char folder[WB_INSTANCE_MAX];
    const char *slash = strrchr(instance, '/');
    int staging WB_AUTO(wb_posix_close_fd) = -1;
    if (!slash || wb_posix_place_fd(store, WB_PLACE_STAGED, &staging, &ignored) != WB_OK)
        return;
    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - instance), instance);
    (void)unlinkat(staging, folder, AT_REMOVEDIR);
}

/* An instance that is not staged any more: published by an earlier call, or gone. */
static enum wb_rc published_before(struct posix_store *store, const struct wb_publish *item,
                                   struct wb_err *err)
{
    char name[256];
    char tag[WB_TAG_MAX];
    int folder WB_AUTO(wb_posix_close_fd) = -1;
    if (wb_posix_parent_fd(store, WB_PLACE_FINAL, item->path, false, name, &folder, err) != WB_OK ||
        tag_of(folder, name, tag, err) != WB_OK) {
        if (err->category != WB_CAT_NOT_FOUND)
            return WB_ERROR;
    } else if (strcmp(tag, item->tag) == 0) {
        return sync_folder(folder, err);
    }
    return wb_err_set(err, WB_CAT_NOT_FOUND, "instance \"%s\" is neither staged nor published",
                      item->instance);
}

/* `ret_linked`: it has another name, the final one of a publish that ended between link and unlink.
 */
static enum wb_rc staged_check(int staged, const char *name, const struct wb_publish *item,
                               bool *ret_linked, struct wb_err *err)
{
    struct statx info;
    struct wb_stat stat;
    if (wb_posix_look(staged, name, &info) != 0)
        return wb_err_errno(err, errno, "cannot look at it");
    wb_posix_stat_fill(&info, &stat);
    *ret_linked = info.stx_nlink > 1;
    if (strcmp(stat.tag, item->tag) != 0)
        return wb_err_set(err, WB_CAT_CORRUPT, "instance \"%s\" is not the one that was proved",
                          item->instance);
    return WB_OK;
}

/* Where the file system lacks the flag, a link fails likewise when the name is taken. */
static int rename_new(int from, const char *from_name, int to, const char *to_name)
{
    if (renameat2(from, from_name, to, to_name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    return linkat(from, from_name, to, to_name, 0) == 0 ? unlinkat(from, from_name, 0) : -1;
}

/* Whether what is under the final name is the file that may be replaced. Somebody who puts another
 * one there between this look and the rename loses it: no call replaces one file but not another.
 */
static enum wb_rc may_replace(int folder, const char *name, const struct wb_publish *item,
                              bool *ret_there, struct wb_err *err)
{
    char tag[WB_TAG_MAX];
    *ret_there = tag_of(folder, name, tag, err) == WB_OK;
    if (!*ret_there)
        return err->category == WB_CAT_NOT_FOUND ? WB_OK : WB_ERROR;
    bool ours = item->replaces && strcmp(tag, item->replaces) == 0;
    if (ours || strcmp(tag, item->tag) == 0)
        return WB_OK;
    return wb_store_not_ours(err);
}

static enum wb_rc rename_keeping(int staged, const char *staged_name, int folder, const char *name,
                                 const struct wb_publish *item, struct wb_err *err)
{
    bool there;
    if (may_replace(folder, name, item, &there, err) != WB_OK)
        return WB_ERROR;
    int rc = there ? renameat(staged, staged_name, folder, name)
                   : rename_new(staged, staged_name, folder, name);
    if (rc == 0)
        return WB_OK;
    return errno == EEXIST ? wb_store_not_ours(err)
                           : wb_err_errno(err, errno, "cannot rename to the final name");
}

static enum wb_rc rename_to_final(struct posix_store *store, int staged, const char *staged_name,
                                  const struct wb_publish *item, bool sync, struct wb_err *err)
{
    char name[256];
    int folder WB_AUTO(wb_posix_close_fd) = -1;
    if (wb_posix_parent_fd(store, WB_PLACE_FINAL, item->path, true, name, &folder, err) != WB_OK)
        return WB_ERROR;
    if (item->keep) {
        if (rename_keeping(staged, staged_name, folder, name, item, err) != WB_OK)
            return WB_ERROR;
    } else if (renameat(staged, staged_name, folder, name) != 0) {
        return wb_err_errno(err, errno, "cannot rename to the final name");
    }
    return sync ? sync_folder(folder, err) : WB_OK;
}

static enum wb_rc publish_one(struct posix_store *store, struct wb_publish *item, bool sync,
                              struct wb_err *err)
{
    char name[256];
    bool linked = false;
    int staged WB_AUTO(wb_posix_close_fd) = -1;
    struct wb_span path = wb_span_str(item->instance);
    if (wb_posix_instance_check(item->instance, err) != WB_OK)
        return WB_ERROR;
    if (wb_posix_parent_fd(store, WB_PLACE_STAGED, path, false, name, &staged, err) != WB_OK ||
        staged_check(staged, name, item, &linked, err) != WB_OK)
        return err->category == WB_CAT_NOT_FOUND ? published_before(store, item, err) : WB_ERROR;
    if (sync && sync_file(staged, name, err) != WB_OK) {
        (void)unlinkat(staged, name, 0);
        return WB_ERROR;
    }
    if (rename_to_final(store, staged, name, item, sync, err) != WB_OK)
        return WB_ERROR;
    /* A rename of one name of a file to another of its names does nothing. */
    if (linked && unlinkat(staged, name, 0) != 0 && errno != ENOENT)
        return wb_err_errno(err, errno, "cannot remove the staged name");
    remove_empty_folder(store, item->instance);
    return WB_OK;
}

/* Which of them failed to sync is not known, and the next sync of the file system would say yes. */
static void discard_all(struct posix_store *store, const struct wb_publish *items, size_t count)
{
    struct wb_err ignored;
    for (size_t i = 0; i < count; i++)
        (void)!wb_posix_drop(store, items[i].instance, false, &ignored);
}

enum wb_rc wb_posix_publish(struct wb_store *base, struct wb_publish *items, size_t count,
                            struct wb_err *err)
{
    struct posix_store *store = posix_of(base);
    char shown[SHOWN_MAX];
    bool each = count <= ONE_BY_ONE_MOST;
    if (!each && wb_posix_sync_all(store, err) != WB_OK) {
        discard_all(store, items, count);
        return WB_ERROR;
    }
    for (size_t i = 0; i < count; i++) {
        items[i].rc = publish_one(store, &items[i], each, &items[i].err);
        if (items[i].rc != WB_OK)
            (void)wb_err_prefix(&items[i].err, "cannot publish \"%s\"",
                                wb_path_show(items[i].path, shown, sizeof(shown)));
    }
    return each ? WB_OK : wb_posix_sync_all(store, err);
}

enum wb_rc wb_posix_drop(struct posix_store *store, const char *instance, bool sync,
                         struct wb_err *err)
{
    char name[256];
    int folder WB_AUTO(wb_posix_close_fd) = -1;
    struct wb_span path = wb_span_str(instance);
    if (wb_posix_instance_check(instance, err) != WB_OK)
        return WB_ERROR;
    enum wb_rc found = wb_posix_parent_fd(store, WB_PLACE_STAGED, path, false, name, &folder, err);
    if (found != WB_OK && err->category != WB_CAT_NOT_FOUND)
        return WB_ERROR;
    if (found == WB_OK && unlinkat(folder, name, 0) != 0 && errno != ENOENT)
        return wb_err_errno(err, errno, "cannot discard \"%s\"", instance);
    if (sync && found != WB_OK && wb_posix_place_fd(store, WB_PLACE_STAGED, &folder, err) != WB_OK)
        return WB_ERROR;
    if (sync && wb_posix_sync_folder(folder) != 0)
        return wb_err_errno(err, errno, "cannot sync the discard of \"%s\"", instance);
    if (found == WB_OK)
        remove_empty_folder(store, instance);
    return WB_OK;
}

/* Synced even when there is none any more: whoever removed it may have ended before that, and a
 * power cut would bring it back for a publish that comes late. */
enum wb_rc wb_posix_discard(struct wb_store *base, const char *instance, struct wb_err *err)
{
    return wb_posix_drop(posix_of(base), instance, true, err);
}

/* What was moved away turned out to be another file: back it goes, but never over a newer one. */
static enum wb_rc put_back(int staging, const char *token, int folder, const char *name,
                           struct wb_err *err)
{
    if (rename_new(staging, token, folder, name) != 0) {
        if (errno != EEXIST)
            return wb_err_errno(err, errno, "cannot put \"%s\" back", name);
        (void)unlinkat(staging, token, 0);
    }
    /* Its way back must not be the one half of this that a power cut undoes. */
    if (sync_folder(folder, err) != WB_OK)
        return WB_ERROR;
    return wb_err_set(err, WB_CAT_CONFLICT, "it is not the file that was replicated");
}

static enum wb_rc unlink_moved(int staging, const char *token, struct wb_err *err)
{
    if (unlinkat(staging, token, 0) != 0 && errno != ENOENT)
        return wb_err_errno(err, errno, "cannot remove what was moved away");
    return WB_OK;
}

/* Nothing is there any more, maybe by an earlier call that ended before it was durable. */
static enum wb_rc removed_before(int staging, int folder, const char *token, struct wb_err *err)
{
    return sync_folder(folder, err) == WB_OK ? unlink_moved(staging, token, err) : WB_ERROR;
}

static enum wb_rc remove_in(int staging, int folder, const char *name, const char *tag,
                            const char *token, struct wb_err *err)
{
    char found[WB_TAG_MAX];
    if (tag_of(folder, name, found, err) != WB_OK)
        return err->category == WB_CAT_NOT_FOUND ? removed_before(staging, folder, token, err)
                                                 : WB_ERROR;
    if (strcmp(found, tag) != 0)
        return wb_err_set(err, WB_CAT_CONFLICT, "it is not the file that was replicated");
    if (renameat(folder, name, staging, token) != 0)
        return errno == ENOENT ? removed_before(staging, folder, token, err)
                               : wb_err_errno(err, errno, "cannot move it away");
    if (tag_of(staging, token, found, err) != WB_OK)
        return WB_ERROR;
    if (strcmp(found, tag) != 0)
        return put_back(staging, token, folder, name, err);
    return sync_folder(folder, err) == WB_OK ? unlink_moved(staging, token, err) : WB_ERROR;
}

enum wb_rc wb_posix_remove(struct wb_store *base, struct wb_span path, const char *tag,
                           const char *token, struct wb_err *err)
{
    struct posix_store *store = posix_of(base);
    char name[256];
    char shown[SHOWN_MAX];
    int staging WB_AUTO(wb_posix_close_fd) = -1;
    int folder WB_AUTO(wb_posix_close_fd) = -1;
    if (wb_posix_place_fd(store, WB_PLACE_STAGED, &staging, err) != WB_OK)
        return WB_ERROR;
    if (wb_posix_parent_fd(store, WB_PLACE_FINAL, path, false, name, &folder, err) != WB_OK)
        return err->category == WB_CAT_NOT_FOUND ? unlink_moved(staging, token, err) : WB_ERROR;
    if (remove_in(staging, folder, name, tag, token, err) != WB_OK)
        return wb_err_prefix(err, "cannot delete \"%s\"", wb_path_show(path, shown, sizeof(shown)));
    return WB_OK;
}

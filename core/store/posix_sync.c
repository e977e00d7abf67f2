/* Group commit. A failed write-back is reported once per descriptor, so only one thread may ask at
 * a time, and all who waited for that sync must hear of it: each caller waits for a sync that began
 * after its call, and fails if that one did. */
#include <errno.h>
#include <unistd.h>

#include "core/store/posix_parts.h"

/* An XFS that shut itself down takes its changes back and then has nothing left to write for a
 * folder: fsync says yes to what is lost. It says so to whoever looks afterwards. */
int wb_posix_sync_folder(int fd)
{
    struct stat info;
    return fsync(fd) == 0 ? fstat(fd, &info) : -1;
}

/* Runs sync number `mine` on behalf of all who wait for it; the lock is held on entry and exit. */
static void lead(struct posix_store *store)
{
    struct wb_err err;
    int fd WB_AUTO(wb_posix_close_fd) = -1;
    store->sync_running = true;
    uint64_t mine = ++store->sync_started;
    (void)pthread_mutex_unlock(&store->sync_lock);
    enum wb_rc rc = wb_posix_place_fd(store, WB_PLACE_STAGED, &fd, &err);
    struct stat info;
    if (rc == WB_OK && (syncfs(fd) != 0 || fstat(fd, &info) != 0))
        rc = wb_err_errno(&err, errno, "cannot sync the file system");
    (void)pthread_mutex_lock(&store->sync_lock);
    if (rc != WB_OK) {
        store->sync_failed = mine;
        store->sync_err = err;
    }
    store->sync_finished = mine;
    store->sync_running = false;
    (void)pthread_cond_broadcast(&store->sync_done);
}

enum wb_rc wb_posix_sync_all(struct posix_store *store, struct wb_err *err)
{
    (void)pthread_mutex_lock(&store->sync_lock);
    uint64_t wanted = store->sync_started + 1;
    while (store->sync_finished < wanted) {
        if (store->sync_running)
            (void)pthread_cond_wait(&store->sync_done, &store->sync_lock);
        else
            lead(store);
    }
    /* A later failure counts as well: it may be ours, and a copy more is cheap. */
    bool failed = store->sync_failed >= wanted;
    if (failed)
        *err = store->sync_err;
    (void)pthread_mutex_unlock(&store->sync_lock);
    return failed ? WB_ERROR : WB_OK;
}

/* Between the files of the posix backend only. */
#ifndef WB_STORE_POSIX_PARTS_H
#define WB_STORE_POSIX_PARTS_H

#include <pthread.h>
#include <sys/stat.h>

#include "core/store/store.h"

struct posix_store {
    struct wb_store base; /* first */
    char *root_path;
    int root_fd; /* as opened: never another folder */
    dev_t root_dev;
    ino_t root_ino;
    pthread_mutex_t lock; /* of staging_fd */
    int staging_fd;       /* -1: not made yet */
    /* group commit: see posix_sync.c */
    pthread_mutex_t sync_lock;
    pthread_cond_t sync_done;
    bool sync_running;
    uint64_t sync_started; /* syncs begun and finished so far */
    uint64_t sync_finished;
    uint64_t sync_failed;   /* number of the last one that failed; 0: none */
    struct wb_err sync_err; /* of that one */
};

struct posix_file {
    struct wb_file base; /* first */
    int fd;              /* -1: a symbolic link */
    bool writing;
    int64_t size_bytes; /* writing: declared; -1: not known */
    char instance[WB_INSTANCE_MAX];
    struct wb_buf link; /* text of a symbolic link */
    struct wb_stat link_stat;
};

static inline struct posix_store *posix_of(struct wb_store *store)
{
    return (struct posix_store *)store;
}

/* ---- posix_root.c ---- */

/* A copy of the root's or the staging folder's descriptor that the caller closes; staging is made
 * on first use. Errors as a fallible call. */
enum wb_rc wb_posix_place_fd(struct posix_store *store, enum wb_place place, int *ret_fd,
                             struct wb_err *err) WB_MUST_USE;
/* Splits off the last part and opens its folder beneath the place's root, no link followed; makes
 * missing folders when `make`. The caller closes the fd. `ret_name` is NUL-terminated, in `name`.
 */
enum wb_rc wb_posix_parent_fd(struct posix_store *store, enum wb_place place, struct wb_span path,
                              bool make, char name[256], int *ret_fd,
                              struct wb_err *err) WB_MUST_USE;
/* An error of the staging area, which is the node's fault and no file's: it may pass, whatever it
 * is. Returns WB_ERROR. */
enum wb_rc wb_posix_staging_failed(int errnum, const char *name, struct wb_err *err);
/* Opens a folder beneath another, no link followed; as open(2). */
int wb_posix_open_beneath(int root, const char *path);
/* UNREACHABLE instead of NOT_FOUND in `err` when the root is not the one that was opened: only a
 * node that is there can be said to lack a file. Other errors stay. Returns WB_ERROR. */
enum wb_rc wb_posix_lacks(struct posix_store *store, struct wb_err *err);
/* close(2) for WB_AUTO. */
void wb_posix_close_fd(int *fd);

/* ---- posix_marker.c: marker of store.h ---- */
enum wb_rc wb_posix_marker(struct wb_store *store, bool make, char *ret,
                           struct wb_err *err) WB_MUST_USE;
/* True for the name of the marker in the staging area, which no instance has. */
bool wb_posix_is_marker(const char *name);

/* ---- posix_file.c ---- */

/* INVALID for what is no name of an instance. */
enum wb_rc wb_posix_instance_check(const char *instance, struct wb_err *err) WB_MUST_USE;
/* What statx says of a name in a folder, or of the opened file itself ("" for its name); a link is
 * never followed. -1 and errno. */
int wb_posix_look(int fd, const char *name, struct statx *ret);
/* The same as the store's callers see it. */
void wb_posix_stat_fill(const struct statx *info, struct wb_stat *ret);
enum wb_rc wb_posix_open(struct wb_store *store, enum wb_place place, struct wb_span name,
                         bool medium, struct wb_file **ret, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_posix_create(struct wb_store *store, const char *instance, enum wb_file_kind kind,
                           int64_t size_bytes, bool sparse, struct wb_file **ret,
                           struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_posix_reopen(struct wb_store *store, const char *instance, struct wb_file **ret,
                           struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_posix_file_stat(struct wb_file *file, struct wb_stat *ret,
                              struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_posix_file_read(struct wb_file *file, int64_t offset, void *buffer, size_t len,
                              size_t *ret_len, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_posix_file_next_data(struct wb_file *file, int64_t offset, int64_t *ret_start,
                                   int64_t *ret_end, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_posix_file_write(struct wb_file *file, int64_t offset, struct wb_span bytes,
                               struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_posix_file_range_done(struct wb_file *file, int64_t offset, int64_t length,
                                    char *ret_tag, struct wb_err *err) WB_MUST_USE;
void wb_posix_file_close(struct wb_file *file);

/* ---- posix_meta.c: file_xattrs and file_seal of store.h ---- */
enum wb_rc wb_posix_file_xattrs(struct wb_file *file, struct wb_buf *xattrs,
                                struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_posix_file_seal(struct wb_file *file, const struct wb_meta *meta,
                              const char *const *range_tags, size_t count, char *ret_tag,
                              struct wb_err *err) WB_MUST_USE;

/* ---- posix_publish.c ---- */

/* publish, discard and remove of store.h. */
enum wb_rc wb_posix_publish(struct wb_store *store, struct wb_publish *items, size_t count,
                            struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_posix_discard(struct wb_store *store, const char *instance,
                            struct wb_err *err) WB_MUST_USE;
/* Removes an instance; `sync`: durably. */
enum wb_rc wb_posix_drop(struct posix_store *store, const char *instance, bool sync,
                         struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_posix_remove(struct wb_store *store, struct wb_span path, const char *tag,
                           const char *token, struct wb_err *err) WB_MUST_USE;

/* ---- posix_list.c ---- */

/* list and sweep of store.h. */
enum wb_rc wb_posix_list(struct wb_store *store, struct wb_span prefix, wb_store_visit *visit,
                         void *arg, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_posix_sweep(struct wb_store *store, int64_t age_ms, int64_t *ret_count,
                          struct wb_err *err) WB_MUST_USE;

/* ---- posix_sync.c ---- */

/* Makes what was made in, moved to and removed from a folder durable; as fsync(2). */
int wb_posix_sync_folder(int fd);
/* Makes everything written to the node's file system before the call durable. Callers that come
 * while a sync runs share the next one. */
enum wb_rc wb_posix_sync_all(struct posix_store *store, struct wb_err *err) WB_MUST_USE;

#endif

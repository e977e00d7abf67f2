/* Between the files of the WebDAV backend only. */
#ifndef WB_STORE_DAV_PARTS_H
#define WB_STORE_DAV_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/map.h"
#include "core/store/dav.h"
#include "core/store/http.h"

enum {
    DAV_SHOWN_MAX = 300,
    DAV_PATHS_MAX = 64 * 1024 * 1024, /* of one call: escaped names, headers */
    DAV_BUFFER_MOST = 1024 * 1024,    /* a file up to this goes in one request */
    DAV_DATES_BACK_S = 2 * 3600,      /* how far back a date may be that tells files apart */
};

/* What a server does with what is written, found by trying. */
struct dav_powers {
    bool puts_make_folders;
    bool moves_make_folders;
    bool refuses_taken;  /* PUT with If-None-Match: * */
    bool keeps_existing; /* MOVE with Overwrite: F */
    bool deletes_first;  /* MOVE with Overwrite: T */
    bool writes_ranges;  /* PUT with Content-Range, in place */
    bool tags_by_date;   /* PUT with Date: the ETag is made of that and the size, nothing else */
};

struct dav_store {
    struct wb_store base; /* first */
    struct wb_http *http;
    bool is_dav;
    struct wb_buf root; /* the root's path as bytes, with a slash at its end */
    pthread_mutex_t lock;
    pthread_mutex_t probe_lock;
    bool is_probed;
    struct dav_powers powers; /* once probed */
    struct wb_map *folders;   /* escaped paths of those that are there */
    struct wb_map *own;       /* staged names that this store made */
    int64_t root_seen_ns;     /* when the look began that last saw the root to be there */
    atomic_uint dates;        /* drawn so far */
};

/* One resource of a listing. */
struct dav_entry {
    struct wb_span path; /* relative to the root, decoded, without a slash at its end */
    int status;          /* 0 or 200: as it should be */
    bool is_folder;
    struct wb_stat stat;
};

typedef enum wb_rc dav_visit(void *arg, const struct dav_entry *entry, struct wb_err *err);

static inline struct dav_store *dav_of(struct wb_store *store)
{
    return (struct dav_store *)store;
}

/* ---- dav.c ---- */

/* Whether the root is there, looked at anew unless somebody began that after `since_ns`:
 * UNREACHABLE otherwise. */
enum wb_rc wb_dav_root(struct dav_store *store, int64_t since_ns, struct wb_err *err) WB_MUST_USE;
/* A NOT_FOUND in `err`, of a question put at that time, that is the root's becomes UNREACHABLE.
 * Returns WB_ERROR. */
enum wb_rc wb_dav_lacks(struct dav_store *store, int64_t since_ns, struct wb_err *err) WB_MUST_USE;

/* ---- dav_name.c ---- */

/* The escaped path of a name as a request wants it, "/…", in the arena; of a folder with a slash at
 * its end. The empty name is the place itself. */
char *wb_dav_path(struct wb_arena *arena, enum wb_place place, struct wb_span name, bool folder);
/* The header line that names where to move to. */
char *wb_dav_destination(const struct dav_store *store, struct wb_arena *arena, const char *path);
/* The decoded path below the root that a reply's href means, appended to `ret`; a slash at its end
 * is dropped and told. INVALID for what lies elsewhere. */
enum wb_rc wb_dav_href(const struct dav_store *store, struct wb_span href, struct wb_buf *ret,
                       bool *ret_folder, struct wb_err *err) WB_MUST_USE;
/* INVALID for what can't be the name of an instance. */
enum wb_rc wb_dav_instance_check(const char *instance, struct wb_err *err) WB_MUST_USE;
/* Makes the folder that `path` (escaped) is in and all above it, those that are known to be there
 * left out; `anew`: none is. */
enum wb_rc wb_dav_folders(struct dav_store *store, const char *path, bool anew,
                          struct wb_err *err) WB_MUST_USE;

/* ---- dav_stat.c ---- */

/* A file's state from validators as they came; NULL: none. `date`: the server's time, NULL: ours.
 */
void wb_dav_stat_fill(int64_t size_bytes, const char *etag, const char *modified, const char *date,
                      struct wb_stat *ret);
/* The same from the head of a reply about a file of this size. */
void wb_dav_stat_of(const struct wb_http_reply *reply, int64_t size_bytes, struct wb_stat *ret);
enum wb_rc wb_dav_stat(struct wb_store *base, enum wb_place place, struct wb_span name,
                       struct wb_stat *ret, struct wb_err *err) WB_MUST_USE;
/* The tag of a file of which its server knows but size and second. */
void wb_dav_tag_make(int64_t modified_s, int64_t size_bytes, char ret[WB_TAG_MAX]);
/* Whether a HEAD of the escaped path finds nothing. False with `err` set when that cannot be told.
 */
bool wb_dav_is_absent(struct dav_store *store, const char *path, struct wb_err *err);
/* By an escaped path. */
enum wb_rc wb_dav_stat_path(struct dav_store *store, const char *path, struct wb_stat *ret,
                            struct wb_err *err) WB_MUST_USE;
/* What a HEAD said of the file: NOT_FOUND, or UNSUPPORTED when only PROPFIND can tell. */
enum wb_rc wb_dav_stat_head(const struct wb_http_reply *reply, struct wb_stat *ret,
                            struct wb_err *err) WB_MUST_USE;

/* ---- dav_list.c ---- */

/* Visits what a PROPFIND of the escaped folder or file tells, itself included. `ret_date` (32
 * bytes, may be NULL): the server's time. */
enum wb_rc wb_dav_propfind(struct dav_store *store, const char *path, const char *depth,
                           dav_visit *visit, void *arg, char *ret_date,
                           struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_dav_list(struct wb_store *base, struct wb_span prefix, wb_store_visit *visit,
                       void *arg, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_dav_sweep(struct wb_store *base, int64_t age_ms, int64_t *ret_count,
                        struct wb_err *err) WB_MUST_USE;

/* ---- dav_read.c and dav_write.c: files of store.h ---- */

struct dav_file {
    struct wb_file base; /* first */
    struct wb_arena *arena;
    enum wb_place place;
    struct wb_span name;
    const char *path; /* escaped */
    bool writing;

    /* reading */
    struct wb_stat stat; /* of what was opened */
    int64_t seen_ms;     /* when that was so; 0: it may have changed since */
    bool is_read;        /* from then on it stays that very file */
    struct wb_http_stream *stream;
    struct wb_http_reply reply;
    int64_t at;           /* of the stream */
    int64_t until;        /* where it ends */
    int64_t window_bytes; /* how much is asked for next */
    int64_t expect_from;
    int64_t expect_until;

    /* writing */
    char instance[WB_INSTANCE_MAX];
    int64_t size_bytes; /* declared; -1: not known */
    int64_t written;    /* in order, so far */
    int64_t date_s;     /* that it was sent with; 0: none */
    struct wb_buf buffer;
    bool is_made;  /* the instance is there */
    bool by_range; /* ranges in place */
    bool is_sealed;
};

static inline struct dav_file *dav_file_of(struct wb_file *file)
{
    return (struct dav_file *)file;
}

/* Of nothing yet; never NULL. The caller closes. */
struct dav_file *wb_dav_file_new(struct wb_store *store, enum wb_place place, struct wb_span name);
/* Files of store.h. */
void wb_dav_file_close(struct wb_file *base);
enum wb_rc wb_dav_open(struct wb_store *base, enum wb_place place, struct wb_span name, bool medium,
                       struct wb_file **ret, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_dav_file_stat(struct wb_file *base, struct wb_stat *ret,
                            struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_dav_file_read(struct wb_file *base, int64_t offset, void *buffer, size_t len,
                            size_t *ret_len, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_dav_file_next_data(struct wb_file *base, int64_t offset, int64_t *ret_start,
                                 int64_t *ret_end, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_dav_file_xattrs(struct wb_file *base, struct wb_buf *xattrs,
                              struct wb_err *err) WB_MUST_USE;
void wb_dav_file_expect(struct wb_file *base, int64_t offset, int64_t length);
enum wb_rc wb_dav_create(struct wb_store *base, const char *instance, enum wb_file_kind kind,
                         int64_t size_bytes, bool sparse, struct wb_file **ret,
                         struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_dav_reopen(struct wb_store *base, const char *instance, struct wb_file **ret,
                         struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_dav_file_write(struct wb_file *base, int64_t offset, struct wb_span bytes,
                             struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_dav_file_range_done(struct wb_file *base, int64_t offset, int64_t length,
                                  char *ret_tag, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_dav_file_seal(struct wb_file *base, const struct wb_meta *meta,
                            const char *const *range_tags, size_t count, char *ret_tag,
                            struct wb_err *err) WB_MUST_USE;
/* What a writer must do that its instance exists, if it should: called by close. */
void wb_dav_write_end(struct dav_file *file);
/* One PUT of these bytes with these headers (NULL: none), folders made as needed; fails unless it
 * is done. `reply` is the caller's. */
enum wb_rc wb_dav_put(struct dav_store *store, const char *path, struct wb_span bytes,
                      const char *const *headers, struct wb_http_reply *reply,
                      struct wb_err *err) WB_MUST_USE;

/* ---- dav_publish.c: publish of store.h ---- */
enum wb_rc wb_dav_publish(struct wb_store *base, struct wb_publish *items, size_t count,
                          struct wb_err *err) WB_MUST_USE;

/* ---- dav_remove.c ---- */

/* One MOVE, folders not made. */
enum wb_rc wb_dav_move(struct dav_store *store, const char *from, const char *to, bool overwrite,
                       struct wb_http_reply *reply, struct wb_err *err) WB_MUST_USE;
/* DELETE; WB_OK as well when there is none. Of a folder it takes all that is in it. */
enum wb_rc wb_dav_delete(struct dav_store *store, const char *path, struct wb_err *err) WB_MUST_USE;
/* The folder of a staged batch goes with its last instance. */
void wb_dav_drop_folder(struct dav_store *store, const char *instance);
enum wb_rc wb_dav_discard(struct wb_store *base, const char *instance,
                          struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_dav_remove(struct wb_store *base, struct wb_span path, const char *tag,
                         const char *token, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_dav_marker(struct wb_store *base, bool make, char *ret,
                         struct wb_err *err) WB_MUST_USE;

/* ---- dav_probe.c ---- */

/* Finds what the server does with what is written, once. */
enum wb_rc wb_dav_prepare(struct wb_store *base, struct wb_err *err) WB_MUST_USE;

#endif

/* Storage nodes: the one interface through which every byte of a node is read and written.
 *
 * A backend is an ops table and a capability struct (one pair of files); it never retries, never
 * logs, and sets the class of each error where it is born (scope is left unknown: the caller knows
 * whether the node is source or target). Callers use the inline wrappers below. A store may be used
 * by many threads at once; a file handle by one at a time.
 *
 * Two places: FINAL names are what the users of the node see, relative to its root
 * (core/base/path.h says which are valid). STAGED names are instances: `<name>` or
 * `<folder>/<name>` below the staging area, which no user sees. An instance is created once (never
 * twice under one name), written, sealed, and then published or discarded. Nothing outside the root
 * is ever touched. */
#ifndef WB_STORE_STORE_H
#define WB_STORE_STORE_H

#include "core/base/buf.h"
#include "core/base/config.h"
#include "core/base/version.h"

enum { WB_ETAG_MAX = 128, WB_TAG_MAX = 128, WB_INSTANCE_MAX = 200, WB_MARKER_MAX = 64 };

enum wb_place { WB_PLACE_FINAL, WB_PLACE_STAGED };

/* What a backend can do; the planner and the docs read it. */
struct wb_store_caps {
    bool writes;         /* can be a target */
    bool random_writes;  /* ranges of one instance in any order, by several workers */
    bool whole_ranges;   /* a range is written from start to end, and is there once it is done */
    bool atomic_publish; /* a reader sees the old or the new file, nothing else */
    bool conditional;    /* publish and remove can't hit a file that came meanwhile */
    bool lists;          /* can be walked */
    bool symlinks;
    bool modes;  /* mode, owner, group, extended attributes */
    bool mtimes; /* keeps the time of a file that is published */
    bool sparse;
    int32_t parallel;          /* files of a batch that are best under way at once, at least 1 */
    int64_t range_least_bytes; /* smallest range but the last (S3 parts: 5 MiB); 0: any */
    int32_t range_most;        /* most ranges of an instance; 0: any number */
};

struct wb_stat {
    struct wb_version version; /* version.etag points at `etag` */
    char etag[WB_ETAG_MAX];    /* changes with any change of the file, metadata included */
    char tag[WB_TAG_MAX];      /* identity of this very file; stays when it is published */
    uint32_t mode;             /* permission bits; 0 where the backend has none */
    uint32_t uid;
    uint32_t gid;
    bool sparse;
    int64_t changed_ns; /* last change of any kind, metadata included; -1 where not known */
};

/* What travels with a file besides its bytes. xattrs: `name NUL value-length(4 bytes LE) value`,
 * repeated; at most 64 KiB. */
struct wb_meta {
    int64_t mtime_ns;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    bool set_mode;
    bool set_owner;
    bool set_group;
    struct wb_span xattrs;
};

struct wb_store;
struct wb_file;

/* One instance to publish, and what came of it. */
struct wb_publish {
    const char *instance;
    const char *tag; /* of the proved instance: another one is never published */
    struct wb_span path;
    bool keep;            /* replace nothing but the file with the tag `replaces` */
    const char *replaces; /* "" or NULL: there should be none */
    enum wb_rc rc;
    struct wb_err err; /* NOT_FOUND: neither staged nor published: copy again */
};

/* Called for each regular file, symlink and special file below a prefix, in any order; `path` and
 * `stat` are borrowed. WB_ERROR ends the listing with that error. `problem` non-NULL: this name
 * could not be looked at (permission …), `stat` is then NULL. */
typedef enum wb_rc wb_store_visit(void *arg, struct wb_span path, const struct wb_stat *stat,
                                  const struct wb_err *problem, struct wb_err *err);

/* Every callback: arguments never NULL unless said; on WB_ERROR `ret_…` are untouched. */
struct wb_store_ops {
    const char *scheme;

    /* Frees all; open files must be closed before. */
    void (*close)(struct wb_store *store);

    /* Cheap probe: the root is there, can be read and is the one that was opened. UNREACHABLE when
     * it is away or another one (open the node anew then), otherwise as the node's fault is; all
     * can be tried again. `ret_free_bytes` -1 where not known. */
    enum wb_rc (*check)(struct wb_store *store, int64_t *ret_free_bytes, struct wb_err *err);

    /* Before the first write: what can only be found out by writing becomes capabilities, and what
     * cannot be a target says so. Cheap when it was done. NULL: there is nothing to find out. */
    enum wb_rc (*prepare)(struct wb_store *store, struct wb_err *err);

    /* The marker of the root, a text of the node's own by which it is known again: `ret` holds
     * WB_MARKER_MAX. `make`: one is drawn when there is none, durably; what is there is never
     * replaced. NOT_FOUND when there is none; nothing is made or changed without `make`. */
    enum wb_rc (*marker)(struct wb_store *store, bool make, char *ret, struct wb_err *err);

    /* Looks at a name, never follows a link at its end. NOT_FOUND only when the node is healthy and
     * really lacks it (a parent that is no directory counts as lacking it). */
    enum wb_rc (*stat)(struct wb_store *store, enum wb_place place, struct wb_span name,
                       struct wb_stat *ret, struct wb_err *err);

    /* Walks below `prefix` ("" for all), staging area excluded, links never followed. */
    enum wb_rc (*list)(struct wb_store *store, struct wb_span prefix, wb_store_visit *visit,
                       void *arg, struct wb_err *err);

    /* Opens for reading what the name means now; the handle stays with that very file whatever
     * happens to the name. `medium`: reads come from the medium, not from a cache, where the
     * backend can. UNSUPPORTED for directories and special files. The caller closes. */
    enum wb_rc (*open)(struct wb_store *store, enum wb_place place, struct wb_span name,
                       bool medium, struct wb_file **ret, struct wb_err *err);

    /* Makes a new instance (CONFLICT when the name is taken) that will hold `size_bytes` bytes (-1:
     * not known) and be a file of `kind` (REGULAR, SYMLINK); folders of its name are made.
     * `sparse`: don't allocate ahead. NO_SPACE early where that can be told. The caller closes. */
    enum wb_rc (*create)(struct wb_store *store, const char *instance, enum wb_file_kind kind,
                         int64_t size_bytes, bool sparse, struct wb_file **ret, struct wb_err *err);

    /* Opens an instance that exists for writing ranges; never creates: NOT_FOUND. */
    enum wb_rc (*reopen)(struct wb_store *store, const char *instance, struct wb_file **ret,
                         struct wb_err *err);

    /* Publishes `count` sealed instances under their final names, making folders as needed,
     * replacing what is there atomically, each at most once: an instance whose tag is already under
     * the final name counts as published. With `keep` a file that is not the named one stays:
     * CONFLICT, not to be tried again. When this returns WB_OK each item has its own rc, and
     * each with WB_OK is durable. WB_ERROR: nothing can be said of any of them. */
    enum wb_rc (*publish)(struct wb_store *store, struct wb_publish *items, size_t count,
                          struct wb_err *err);

    /* Removes an instance (all its parts), durably enough that it can never be published later.
     * WB_OK as well when there is none. `tag` as in publish, or "" when unknown. */
    enum wb_rc (*discard)(struct wb_store *store, const char *instance, struct wb_err *err);

    /* Removes the final file durably if it is the one with `tag`: moved away to the staged name
     * `token`, checked there, put back if it is another one (never over something newer). WB_OK as
     * well when it is not there; CONFLICT when another file is. */
    enum wb_rc (*remove)(struct wb_store *store, struct wb_span path, const char *tag,
                         const char *token, struct wb_err *err);

    /* Discards instances nobody wrote to for `age_ms`. */
    enum wb_rc (*sweep)(struct wb_store *store, int64_t age_ms, int64_t *ret_count,
                        struct wb_err *err);

    /* ---- files ---- */

    /* The state of the opened file now (not of its name). */
    enum wb_rc (*file_stat)(struct wb_file *file, struct wb_stat *ret, struct wb_err *err);

    /* This stretch is about to be read in order: a request may ask for all of it. NULL: of no use.
     */
    void (*file_expect)(struct wb_file *file, int64_t offset, int64_t length);

    /* Reads up to `len` bytes at `offset`; fewer only at the end of the file. */
    enum wb_rc (*file_read)(struct wb_file *file, int64_t offset, void *buffer, size_t len,
                            size_t *ret_len, struct wb_err *err);

    /* The next stretch of data at or after `offset`: [ret_start, ret_end); both are the file's size
     * when only a hole is left. Backends without holes say [offset, size). */
    enum wb_rc (*file_next_data)(struct wb_file *file, int64_t offset, int64_t *ret_start,
                                 int64_t *ret_end, struct wb_err *err);

    /* Fills what `xattrs` (may be NULL: not wanted) needs; appended to the buf. */
    enum wb_rc (*file_xattrs)(struct wb_file *file, struct wb_buf *xattrs, struct wb_err *err);

    enum wb_rc (*file_write)(struct wb_file *file, int64_t offset, struct wb_span bytes,
                             struct wb_err *err);

    /* A range is in: hands it to the medium (begins write-back) and gives its part tag ("" where
     * the backend has none; `ret_tag` holds WB_TAG_MAX). Length 0, of a file that has bytes and of
     * which none was written: from here on others may reopen the instance for its ranges. */
    enum wb_rc (*file_range_done)(struct wb_file *file, int64_t offset, int64_t length,
                                  char *ret_tag, struct wb_err *err);

    /* All bytes are in: sets the metadata and gives the identity. Durability is publish's. Ranges:
     * `count` tags in order (NULL where the backend has none). The file must still be closed. */
    enum wb_rc (*file_seal)(struct wb_file *file, const struct wb_meta *meta,
                            const char *const *range_tags, size_t count, char *ret_tag,
                            struct wb_err *err);

    void (*file_close)(struct wb_file *file);
};

/* The one error for a file that has to stay where ours should go. Returns WB_ERROR. */
static inline enum wb_rc wb_store_not_ours(struct wb_err *err)
{
    (void)wb_err_set(err, WB_CAT_CONFLICT, "a file that is not ours is there");
    err->retryable = false;
    return WB_ERROR;
}

/* Backends embed these as their first member. */
struct wb_store {
    const struct wb_store_ops *ops;
    struct wb_store_caps caps;
    char name[64]; /* of the node */
};

struct wb_file {
    const struct wb_store_ops *ops;
    struct wb_store *store;
};

/* Opens a node by its URL through the registry of backends (stack.c), decorators included. USAGE
 * for a bad URL or unknown scheme or option, UNREACHABLE when the node is not there. The caller
 * closes. `options`: pairs in key, value order, NULL-terminated, or NULL. `secret`: its name, ""
 * when the node has none. */
enum wb_rc wb_store_open(const char *node, const char *url, const char *const *options,
                         const char *secret, const struct wb_config *config, struct wb_store **ret,
                         struct wb_err *err) WB_MUST_USE;

/* Checks a URL and options without touching the node: for `node add`. */
enum wb_rc wb_store_check_url(const char *url, const char *const *options,
                              struct wb_err *err) WB_MUST_USE;

static inline void wb_store_close(struct wb_store **store)
{
    if (*store)
        (*store)->ops->close(*store);
    *store = NULL;
}

static inline enum wb_rc wb_store_check(struct wb_store *store, int64_t *ret_free_bytes,
                                        struct wb_err *err)
{
    return store->ops->check(store, ret_free_bytes, err);
}

static inline enum wb_rc wb_store_prepare(struct wb_store *store, struct wb_err *err)
{
    return store->ops->prepare ? store->ops->prepare(store, err) : WB_OK;
}

static inline enum wb_rc wb_store_marker(struct wb_store *store, bool make, char *ret,
                                         struct wb_err *err)
{
    return store->ops->marker(store, make, ret, err);
}

static inline enum wb_rc wb_store_stat(struct wb_store *store, enum wb_place place,
                                       struct wb_span name, struct wb_stat *ret, struct wb_err *err)
{
    return store->ops->stat(store, place, name, ret, err);
}

static inline enum wb_rc wb_store_list(struct wb_store *store, struct wb_span prefix,
                                       wb_store_visit *visit, void *arg, struct wb_err *err)
{
    return store->ops->list(store, prefix, visit, arg, err);
}

static inline enum wb_rc wb_store_read(struct wb_store *store, enum wb_place place,
                                       struct wb_span name, bool medium, struct wb_file **ret,
                                       struct wb_err *err)
{
    return store->ops->open(store, place, name, medium, ret, err);
}

static inline enum wb_rc wb_store_create(struct wb_store *store, const char *instance,
                                         enum wb_file_kind kind, int64_t size_bytes, bool sparse,
                                         struct wb_file **ret, struct wb_err *err)
{
    return store->ops->create(store, instance, kind, size_bytes, sparse, ret, err);
}

static inline enum wb_rc wb_store_reopen(struct wb_store *store, const char *instance,
                                         struct wb_file **ret, struct wb_err *err)
{
    return store->ops->reopen(store, instance, ret, err);
}

static inline enum wb_rc wb_store_publish(struct wb_store *store, struct wb_publish *items,
                                          size_t count, struct wb_err *err)
{
    return store->ops->publish(store, items, count, err);
}

static inline enum wb_rc wb_store_discard(struct wb_store *store, const char *instance,
                                          struct wb_err *err)
{
    return store->ops->discard(store, instance, err);
}

static inline enum wb_rc wb_store_remove(struct wb_store *store, struct wb_span path,
                                         const char *tag, const char *token, struct wb_err *err)
{
    return store->ops->remove(store, path, tag, token, err);
}

static inline enum wb_rc wb_store_sweep(struct wb_store *store, int64_t age_ms, int64_t *ret_count,
                                        struct wb_err *err)
{
    return store->ops->sweep(store, age_ms, ret_count, err);
}

static inline enum wb_rc wb_file_stat(struct wb_file *file, struct wb_stat *ret, struct wb_err *err)
{
    return file->ops->file_stat(file, ret, err);
}

static inline void wb_file_expect(struct wb_file *file, int64_t offset, int64_t length)
{
    if (file->ops->file_expect)
        file->ops->file_expect(file, offset, length);
}

static inline enum wb_rc wb_file_read(struct wb_file *file, int64_t offset, void *buffer,
                                      size_t len, size_t *ret_len, struct wb_err *err)
{
    return file->ops->file_read(file, offset, buffer, len, ret_len, err);
}

static inline enum wb_rc wb_file_next_data(struct wb_file *file, int64_t offset, int64_t *ret_start,
                                           int64_t *ret_end, struct wb_err *err)
{
    return file->ops->file_next_data(file, offset, ret_start, ret_end, err);
}

static inline enum wb_rc wb_file_xattrs(struct wb_file *file, struct wb_buf *xattrs,
                                        struct wb_err *err)
{
    return file->ops->file_xattrs(file, xattrs, err);
}

static inline enum wb_rc wb_file_write(struct wb_file *file, int64_t offset, struct wb_span bytes,
                                       struct wb_err *err)
{
    return file->ops->file_write(file, offset, bytes, err);
}

static inline enum wb_rc wb_file_range_done(struct wb_file *file, int64_t offset, int64_t length,
                                            char *ret_tag, struct wb_err *err)
{
    return file->ops->file_range_done(file, offset, length, ret_tag, err);
}

static inline enum wb_rc wb_file_seal(struct wb_file *file, const struct wb_meta *meta,
                                      const char *const *range_tags, size_t count, char *ret_tag,
                                      struct wb_err *err)
{
    return file->ops->file_seal(file, meta, range_tags, count, ret_tag, err);
}

static inline void wb_file_close(struct wb_file **file)
{
    if (*file)
        (*file)->ops->file_close(*file);
    *file = NULL;
}

#endif

/* Between the files of the memory backend only. */
#ifndef WB_STORE_MEM_PARTS_H
#define WB_STORE_MEM_PARTS_H

#include "core/base/map.h"
#include "core/store/mem.h"

/* A file, for as long as a name or a handle refers to it. */
struct mem_inode {
    int references;
    struct mem_tree *tree; /* whose room it takes */
    uint64_t number;
    enum wb_file_kind kind;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    int64_t mtime_ns;
    int64_t ctime_ns;
    struct wb_buf bytes;
    struct wb_buf xattrs;
};

/* What is mounted: names and the room that their files take. */
struct mem_tree {
    int64_t used_bytes;
    int64_t room_bytes;
    char marker[WB_MARKER_MAX]; /* "": none was made */
    struct wb_map *places[2];   /* by enum wb_place: name -> struct mem_inode */
};

struct mem_root {
    char *name;
    enum wb_mem_mount mount;
    struct mem_tree disk;
    struct mem_tree bare; /* the folder below the mount */
};

struct mem_store {
    struct wb_store base; /* first */
    struct mem_root *root;
    struct mem_tree *tree; /* that was opened; it stays when another one is mounted */
};

struct mem_file {
    struct wb_file base; /* first */
    struct mem_inode *inode;
    enum wb_place place;
    int64_t size_bytes; /* declared; -1: not known */
    char instance[WB_INSTANCE_MAX];
};

static inline struct mem_store *mem_of(struct wb_store *store)
{
    return (struct mem_store *)store;
}

static inline struct mem_file *mem_file_of(struct wb_file *file)
{
    return (struct mem_file *)file;
}

/* ---- mem.c ---- */

/* One lock for all roots: never held while the hook runs. */
void wb_mem_lock(void);
void wb_mem_unlock(void);
/* Asks the hook, if any. */
enum wb_rc wb_mem_ask(struct wb_mem_call *call, struct wb_err *err) WB_MUST_USE;
bool wb_mem_is_hooked(void);
/* A call on a store, with what is known of it. */
struct wb_mem_call wb_mem_call_of(const struct mem_store *store, enum wb_mem_step step,
                                  enum wb_place place, struct wb_span name);

/* UNREACHABLE while the root is away. With the lock held, as all that follow. */
enum wb_rc wb_mem_here(const struct mem_store *store, struct wb_err *err) WB_MUST_USE;
/* NULL when there is none. */
struct mem_inode *wb_mem_find(const struct mem_store *store, enum wb_place place,
                              struct wb_span name);
/* The same; NOT_FOUND only of the root that is there, else UNREACHABLE. */
enum wb_rc wb_mem_get(const struct mem_store *store, enum wb_place place, struct wb_span name,
                      struct mem_inode **ret, struct wb_err *err) WB_MUST_USE;
struct mem_inode *wb_mem_inode_new(struct mem_tree *tree, enum wb_file_kind kind);
void wb_mem_inode_unref(void *inode);
/* Takes place of what has the name; one reference goes to the name. */
void wb_mem_name(struct mem_tree *tree, enum wb_place place, struct wb_span name,
                 struct mem_inode *inode);
/* Notes a change at this time. */
void wb_mem_touch(struct mem_inode *inode, bool bytes_changed);
/* NO_SPACE when the root has no room for so many bytes; zeros where it grows. */
enum wb_rc wb_mem_resize(struct mem_inode *inode, size_t len, struct wb_err *err) WB_MUST_USE;
void wb_mem_stat_fill(const struct mem_inode *inode, struct wb_stat *ret);
/* True when `path` is a folder: some final name lies below it. */
bool wb_mem_is_folder(const struct mem_store *store, struct wb_span path);
/* CONFLICT when a file stands where a folder of `path` should be, or a folder where it should. */
enum wb_rc wb_mem_way_check(const struct mem_store *store, struct wb_span path,
                            struct wb_err *err) WB_MUST_USE;

/* INVALID for what can't be the name of an instance. */
enum wb_rc wb_mem_instance_check(const char *instance, struct wb_err *err) WB_MUST_USE;

/* Made when it is first asked for; lives until wb_mem_reset. The lock is held. */
struct mem_root *wb_mem_root_of(const char *name);

/* ---- mem_file.c: files of store.h ---- */
enum wb_rc wb_mem_open(struct wb_store *store, enum wb_place place, struct wb_span name,
                       bool medium, struct wb_file **ret, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_mem_create(struct wb_store *store, const char *instance, enum wb_file_kind kind,
                         int64_t size_bytes, bool sparse, struct wb_file **ret,
                         struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_mem_reopen(struct wb_store *store, const char *instance, struct wb_file **ret,
                         struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_mem_file_stat(struct wb_file *file, struct wb_stat *ret,
                            struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_mem_file_read(struct wb_file *file, int64_t offset, void *buffer, size_t len,
                            size_t *ret_len, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_mem_file_next_data(struct wb_file *file, int64_t offset, int64_t *ret_start,
                                 int64_t *ret_end, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_mem_file_xattrs(struct wb_file *file, struct wb_buf *xattrs,
                              struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_mem_file_write(struct wb_file *file, int64_t offset, struct wb_span bytes,
                             struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_mem_file_range_done(struct wb_file *file, int64_t offset, int64_t length,
                                  char *ret_tag, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_mem_file_seal(struct wb_file *file, const struct wb_meta *meta,
                            const char *const *range_tags, size_t count, char *ret_tag,
                            struct wb_err *err) WB_MUST_USE;
void wb_mem_file_close(struct wb_file *file);

/* ---- mem_publish.c: final names of store.h ---- */
enum wb_rc wb_mem_publish(struct wb_store *store, struct wb_publish *items, size_t count,
                          struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_mem_discard(struct wb_store *store, const char *instance,
                          struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_mem_remove(struct wb_store *store, struct wb_span path, const char *tag,
                         const char *token, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_mem_sweep(struct wb_store *store, int64_t age_ms, int64_t *ret_count,
                        struct wb_err *err) WB_MUST_USE;

#endif

/* Storage in memory: `mem://NAME`. A root belongs to the process and has its name for as long as
 * the process lives, whatever stores are opened on it. It behaves as a file system does: files have
 * an identity that a rename keeps, times of the clock with the grain of a kernel's, and room that
 * ends. Besides store.h there is what a user of the node would do (write a file, delete one, take
 * the disk away), and a hook that sees each step of each call before and after it: for faults. */
#ifndef WB_STORE_MEM_H
#define WB_STORE_MEM_H

#include "core/store/store.h"

/* `name` is the root's; it is made when it is new. UNREACHABLE while it is away. */
enum wb_rc wb_mem_new(const char *node, const char *name, struct wb_store **ret,
                      struct wb_err *err) WB_MUST_USE;

/* ---- what users of the node do ---- */

/* A regular file or link of these bytes under `path`: written into the file that is there
 * (`in_place`), else a new one in its place. `mtime_ns` -1: now. */
void wb_mem_put(const char *name, struct wb_span path, enum wb_file_kind kind, struct wb_span bytes,
                int64_t mtime_ns, bool in_place);
/* False when there was none. */
bool wb_mem_delete(const char *name, struct wb_span path);
/* Somebody or the medium flips a bit of a file's bytes, if it has any: in silence, or with a new
 * time. False when there is no such file. */
bool wb_mem_flip(const char *name, enum wb_place place, struct wb_span path, bool silent);
/* False once it was published or discarded. */
bool wb_mem_is_staged(const char *name, struct wb_span instance);
/* What a reader of the final name sees; false when there is none. The bytes are borrowed until the
 * file changes; both outputs may be NULL. */
bool wb_mem_peek(const char *name, struct wb_span path, struct wb_span *ret_bytes,
                 struct wb_stat *ret_stat);
/* Visits final names, or instances, in order of birth. */
void wb_mem_each(const char *name, enum wb_place place,
                 void (*visit)(void *arg, struct wb_span path, struct wb_span bytes), void *arg);

/* Takes the root away, or brings it back as it was. */
enum wb_mem_mount {
    WB_MEM_MOUNTED,
    WB_MEM_AWAY, /* no such folder */
    WB_MEM_BARE  /* the mount point is there, an empty folder */
};
void wb_mem_mount(const char *name, enum wb_mem_mount mount);
/* How many bytes all files of the root may hold together. */
void wb_mem_set_room(const char *name, int64_t bytes);
/* Forgets all roots. All stores must have been closed. */
void wb_mem_reset(void);

/* ---- faults ---- */

/* The steps of the calls of store.h, where a real one could be interrupted. */
enum wb_mem_step {
    WB_MEM_CHECK,
    WB_MEM_MARKER,
    WB_MEM_STAT,
    WB_MEM_LIST,
    WB_MEM_OPEN,
    WB_MEM_CREATE,
    WB_MEM_REOPEN,
    WB_MEM_PUBLISH_LOOK, /* at the instance */
    WB_MEM_PUBLISH_MOVE,
    WB_MEM_DISCARD,
    WB_MEM_REMOVE_LOOK, /* at the final name */
    WB_MEM_REMOVE_AWAY,
    WB_MEM_REMOVE_DROP,
    WB_MEM_SWEEP,
    WB_MEM_FILE_STAT,
    WB_MEM_READ, /* a piece of at most WB_MEM_PIECE */
    WB_MEM_NEXT_DATA,
    WB_MEM_XATTRS,
    WB_MEM_WRITE, /* a piece */
    WB_MEM_RANGE_DONE,
    WB_MEM_SEAL,
    WB_MEM_STEP_COUNT
};

enum { WB_MEM_PIECE = 1024 };

struct wb_mem_call {
    enum wb_mem_step step;
    bool done; /* false: before the step, true: after it */
    const char *root;
    enum wb_place place;
    struct wb_span name; /* path or instance; of PUBLISH_MOVE and later steps of a removal: path */
    uint64_t inode;      /* 0: not known */
    int64_t offset;      /* READ, WRITE */
    uint8_t *bytes;      /* READ: what is given (after); WRITE: what will be written (before) */
    size_t len;          /* WRITE: may be made less: the rest is lost and nobody told */
    bool bare;           /* it is the folder below the mount */
    bool changed;        /* WRITE (after): the file holds other bytes than before */
};

/* Before: WB_ERROR fails the step, which has then no effect. After: the effect stays and the caller
 * is told of a failure. Called without locks held. */
typedef enum wb_rc wb_mem_hook(void *arg, struct wb_mem_call *call, struct wb_err *err);

/* NULL: none. Before any thread starts. */
void wb_mem_set_hook(wb_mem_hook *hook, void *arg);

/* "publish move", …; static. */
const char *wb_mem_step_name(enum wb_mem_step step);

#endif

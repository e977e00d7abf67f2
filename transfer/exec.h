/* What the operations of transfer share while one task is executed; several of its files at once
 * where its nodes are far, each thread with a copy of `wb_exec` of its own. */
#ifndef WB_TRANSFER_EXEC_H
#define WB_TRANSFER_EXEC_H

#include "core/base/hash.h"
#include "core/stage/fan.h"
#include "core/stage/worker.h"

enum { WB_NONCE_HEX = 16 };

struct wb_exec {
    const struct wb_worker_env *env;
    struct wb_magic *magic;
    struct wb_hasher *hasher;
    int64_t grain_ms;
    const struct wb_task *task;
    struct wb_report *report;
    struct wb_arena *arena;
    struct wb_store *source; /* what is read: the source, or the node of a replica; NULL: nothing */
    struct wb_store *target; /* NULL where the operation needs none */
    bool replica;            /* `source` is the node of a replica */
    char nonce[WB_NONCE_HEX + 1]; /* of this execution: no other will ever draw it */
};

/* Executes one file of the task into its result, whose outcome is FAILED until set otherwise. */
typedef void wb_exec_file(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                          struct wb_result *result);

/* PROBE: looks at the source, its version and MIME by content. */
void wb_exec_probe(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                   struct wb_result *result);
/* COPY: a whole file to an instance of its own, sealed. */
void wb_exec_copy(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                  struct wb_result *result);
/* OPEN: makes the instance that ranges are written into. */
void wb_exec_open(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                  struct wb_result *result);
/* RANGE: copies ranges into an open instance. */
void wb_exec_range(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                   struct wb_result *result);
/* SEAL: metadata and identity once all ranges are in. */
void wb_exec_seal(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                  struct wb_result *result);
/* DISCARD: removes an instance; done as well when there is none. */
void wb_exec_discard(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                     struct wb_result *result);
/* DELETE: removes from the target what the source really lacks. */
void wb_exec_delete(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                    struct wb_result *result);
/* CHECK: looks at a side of the node, not at a file. */
void wb_exec_check(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                   struct wb_result *result);
/* PUBLISH: all files of the task at once: one sync for a batch. */
void wb_exec_publish(struct wb_exec *exec, struct wb_result *results);

/* The result failed for `err`, which is copied; scope and phase are set where they are unknown. */
void wb_exec_fail(struct wb_exec *exec, struct wb_result *result, enum wb_scope scope,
                  const char *phase, const struct wb_err *err);
/* Gives the stores back. */
void wb_exec_close(struct wb_exec *exec);
/* EXPIRED once the task's `not_after` has passed: nothing may take effect any more. */
enum wb_rc wb_exec_check_time(const struct wb_exec *exec, struct wb_err *err) WB_MUST_USE;
/* Puts what was seen at the source into the result. */
void wb_exec_set_version(struct wb_exec *exec, struct wb_result *result,
                         const struct wb_version *version);

/* ---- source.c ---- */

/* Opens the file at the source, waits out its clock's grain, and looks at it: what is read from the
 * handle later belongs to `ret_stat` if a second look finds the same. A replica must be like the
 * task's version. False when the result says it all already (absent, failed). The caller closes. */
bool wb_source_open(struct wb_exec *exec, const struct wb_task_file *file, struct wb_file **ret,
                    struct wb_stat *ret_stat, struct wb_result *result);
/* CHANGED unless the opened file still is what it was. */
enum wb_rc wb_source_check(struct wb_file *file, const struct wb_version *version,
                           struct wb_err *err) WB_MUST_USE;
/* What the opened file must remain while the task is executed: the task's version, or what a
 * replica was when it was opened, since its etag is its own. */
const struct wb_version *wb_source_wanted(const struct wb_exec *exec,
                                          const struct wb_task_file *file,
                                          const struct wb_stat *stat);
/* What travels with the file besides its bytes, as the task's options ask. `xattrs` keeps them. */
enum wb_rc wb_source_meta(struct wb_exec *exec, struct wb_file *file, const struct wb_stat *stat,
                          struct wb_buf *xattrs, struct wb_meta *ret,
                          struct wb_err *err) WB_MUST_USE;

/* ---- present.c: what the target holds before anything is copied there ---- */

/* True when `known` still is at the source and our file on the target. */
bool wb_present_is_current(struct wb_exec *exec, const struct wb_task_file *file,
                           const struct wb_version *version);
/* True when the result says it all: the target holds a file that may be the same (PRESENT: the
 * source was read and digested) or one that is not ours and has to stay (failed). */
bool wb_present_found(struct wb_exec *exec, const struct wb_task_file *file, struct wb_file *from,
                      const struct wb_stat *stat, struct wb_result *result);

/* ---- whole.c ---- */

/* Reads a whole file once, to an opened instance or (`to` NULL) for its digests only, and fills
 * range, digests and bytes of the result. The source must still be `stat` afterwards, and have the
 * digest that the event claims. */
enum wb_rc wb_whole_read(struct wb_exec *exec, const struct wb_task_file *file,
                         struct wb_file *from, struct wb_file *to, const struct wb_stat *stat,
                         struct wb_result *result, struct wb_err *err) WB_MUST_USE;

/* ---- bytes.c ---- */

/* Moves [offset, offset + length) from one opened file to another (NULL: nowhere) and feeds the
 * hasher; holes are left out where `sparse`. With `keeps` what is
 * there already is not written. `guard` (may be NULL) is asked before each write. */
enum wb_rc wb_bytes_copy(struct wb_exec *exec, struct wb_file *from, struct wb_file *to,
                         int64_t offset, int64_t length, bool sparse, bool keeps,
                         enum wb_rc (*guard)(void *arg, struct wb_err *err), void *arg,
                         struct wb_err *err) WB_MUST_USE;

/* ---- mime.c ---- */

/* libmagic for one thread, loaded when first asked. Never NULL. */
struct wb_magic *wb_magic_new(void);
void wb_magic_free(struct wb_magic **magic);
/* By the file's first bytes; static or the thread's until the next call; "" when it can't tell. */
const char *wb_magic_mime(struct wb_magic *magic, struct wb_exec *exec, struct wb_file *file);

#endif

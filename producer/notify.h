/* The kernel's inotify on all folders of a tree, by their paths below its root (inotify(7)). One
 * thread. */
#ifndef WB_PRODUCER_NOTIFY_H
#define WB_PRODUCER_NOTIFY_H

#include "core/base/buf.h"

struct wb_notify;

enum wb_notify_kind {
    WB_NOTIFY_WRITTEN,   /* closed after writing, moved here, or a link made: look now */
    WB_NOTIFY_TOUCHED,   /* being written or its attributes changed: look when it is left alone */
    WB_NOTIFY_GONE,      /* deleted or moved away */
    WB_NOTIFY_FOLDER,    /* a folder came; it is watched already: list what is in it */
    WB_NOTIFY_NO_FOLDER, /* a folder went */
    WB_NOTIFY_OVERFLOW   /* the kernel lost events: look at everything */
};

/* `root` is absolute; nothing is watched yet. The caller closes. */
enum wb_rc wb_notify_new(const char *root, struct wb_notify **ret, struct wb_err *err) WB_MUST_USE;
void wb_notify_free(struct wb_notify **notify); /* NULL is fine */

/* Forgets all watches and what they had to tell, then watches the folder `prefix` (empty: the root)
 * and all below it. What is listed after this call is complete: later changes are told. No such
 * folder is no error (see wb_notify_lost). LIMIT with what to raise when the kernel watches no
 * more. */
enum wb_rc wb_notify_watch(struct wb_notify *notify, struct wb_span prefix,
                           struct wb_err *err) WB_MUST_USE;

/* Whether the folder given to wb_notify_watch is another one now than the one that is watched, or
 * one of them is not there: nothing tells when it comes back, so ask from time to time. */
bool wb_notify_lost(const struct wb_notify *notify);

/* Waits up to `timeout_ms` and tells what happened; the visitor borrows the path. */
enum wb_rc wb_notify_poll(struct wb_notify *notify, int timeout_ms,
                          enum wb_rc (*visit)(void *arg, enum wb_notify_kind kind,
                                              struct wb_span path, struct wb_err *err),
                          void *arg, struct wb_err *err) WB_MUST_USE;

#endif

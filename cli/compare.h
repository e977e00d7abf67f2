/* Two trees of two stores compared by name, kind and bytes, in bounded memory: the names of both go
 * through an SQLite file that has no name, the bytes through two buffers. The log is never asked.
 */
#ifndef WB_CLI_COMPARE_H
#define WB_CLI_COMPARE_H

#include "core/store/store.h"

/* The letters of rclone's `check --combined`
 * (https://rclone.org/commands/rclone_check/). */
enum wb_compare_mark {
    WB_COMPARE_SAME = '=',
    WB_COMPARE_MISSING_TARGET = '+',
    WB_COMPARE_MISSING_SOURCE = '-',
    WB_COMPARE_DIFFER = '*',
    WB_COMPARE_ERROR = '!',
    WB_COMPARE_SPECIAL = ' ' /* not of rclone: a device, socket or fifo, which is never copied */
};

struct wb_compare_side {
    struct wb_store *store;
    struct wb_span prefix; /* folder or file; empty: all */
};

/* One file: `path` is relative to the prefixes; `why` says what differs or failed, "" else. */
typedef enum wb_rc wb_compare_visit(void *arg, enum wb_compare_mark mark, struct wb_span path,
                                    const char *why, struct wb_err *err);

struct wb_compare_options {
    const char *scratch_dir; /* for the list of names */
    bool medium;             /* read from the medium where the backend can */
    int64_t deadline_ms;     /* on the monotonic clock; 0: none */
};

/* Visits every name of both in byte order. Errors: a side that cannot be listed, the visitor's,
 * TIMEOUT past the deadline; an error of one file is its mark. */
enum wb_rc wb_compare_trees(const struct wb_compare_side *source,
                            const struct wb_compare_side *target,
                            const struct wb_compare_options *options, wb_compare_visit *visit,
                            void *arg, struct wb_err *err) WB_MUST_USE;

#endif

/* Results and errors.
 *
 * A fallible function returns `enum wb_rc` (must be used) and fills the caller's `struct wb_err`.
 * The class (scope, category, retryable) is set where the error is born; callers add context with
 * wb_err_prefix but never change the class. Only the planner acts on it. Nobody logs what it
 * returns.
 */
#ifndef WB_BASE_ERR_H
#define WB_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

#define WB_MUST_USE __attribute__((warn_unused_result))
#define WB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum wb_rc { WB_OK = 0, WB_ERROR = -1 };

/* Where the fault lies. The numbers are those of the Avro enum `Scope`. */
enum wb_scope {
    WB_SCOPE_UNKNOWN,
    WB_SCOPE_SOURCE,
    WB_SCOPE_TARGET,
    WB_SCOPE_TRANSFER,
    WB_SCOPE_LOG,
    WB_SCOPE_COUNT
};

/* What kind of fault it is. One row each in err.c says its name, whether trying again helps by
 * default, and the exit code it leads to. The numbers are those of the Avro enum `Category`. */
enum wb_category {
    WB_CAT_UNKNOWN,
    WB_CAT_INTERNAL,  /* a bug or a broken invariant */
    WB_CAT_USAGE,     /* bad flag, config, rule or argument */
    WB_CAT_NOT_FOUND, /* no such file, node, rule, instance */
    WB_CAT_CHANGED,  /* the source changed while it was read; the target is not what was expected */
    WB_CAT_CORRUPT,  /* digests differ */
    WB_CAT_DENIED,   /* permission, credentials */
    WB_CAT_NO_SPACE, /* full disk, quota */
    WB_CAT_READ_ONLY,   /* the target does not take writes */
    WB_CAT_IO,          /* the medium failed */
    WB_CAT_UNREACHABLE, /* no connection, root missing or not the right one */
    WB_CAT_TIMEOUT,     /* no answer or no progress in time */
    WB_CAT_THROTTLED,   /* asked to come back later */
    WB_CAT_UNSUPPORTED, /* special file, missing capability */
    WB_CAT_INVALID,     /* a path, record or reply that breaks its format or bounds */
    WB_CAT_LIMIT,       /* a configured bound reached */
    WB_CAT_CONFLICT,    /* a stranger's file is where ours should go */
    WB_CAT_EXPIRED,     /* a task past its not_after */
    WB_CAT_CANCELLED,   /* by a person or at shutdown */
    WB_CAT_COUNT
};

enum { WB_ERR_TEXT_MAX = 512, WB_ERR_CODE_MAX = 32, WB_ERR_PHASE_MAX = 16 };

struct wb_err {
    enum wb_scope scope;
    enum wb_category category;
    bool retryable;
    int32_t retry_after_ms;       /* 0: the planner's own back-off */
    char phase[WB_ERR_PHASE_MAX]; /* probe, copy, prove, publish, …; "" when none */
    char code[WB_ERR_CODE_MAX];   /* ENOSPC, HTTP 503, SlowDown, …; "" when none */
    char text[WB_ERR_TEXT_MAX];   /* lower case, cause first, one line, no full stop */
};

/* Fills `err` (never NULL) from a category with its default retryability and a formatted text;
 * always returns WB_ERROR so that `return wb_err_set(…)` reads straight. Control characters in the
 * text are replaced, so that an error is one line whatever a name holds. */
enum wb_rc wb_err_set(struct wb_err *err, enum wb_category category, const char *fmt, ...)
    WB_PRINTF(3, 4);

/* The same with scope and phase. */
enum wb_rc wb_err_at(struct wb_err *err, enum wb_scope scope, const char *phase,
                     enum wb_category category, const char *fmt, ...) WB_PRINTF(5, 6);

/* From an errno value: category and code (its symbolic name, e.g. ENOSPC) come from one table;
 * the text is `<formatted>: <strerror>`. */
enum wb_rc wb_err_errno(struct wb_err *err, int errnum, const char *fmt, ...) WB_PRINTF(3, 4);

/* Puts `<formatted>: ` before the text, truncating the end; the class stays. Returns WB_ERROR. */
enum wb_rc wb_err_prefix(struct wb_err *err, const char *fmt, ...) WB_PRINTF(2, 3);

/* Sets scope and phase where they are still unknown or empty. */
void wb_err_place(struct wb_err *err, enum wb_scope scope, const char *phase);

/* True once an error was set (category is not unknown). */
bool wb_err_is_set(const struct wb_err *err);

/* Stable names as used in records, JSON and metrics ("no_space"); "unknown" for numbers out of
 * range. The `_parse` forms return UNKNOWN for a name they do not know. */
const char *wb_category_name(enum wb_category category);
enum wb_category wb_category_parse(const char *name);
const char *wb_scope_name(enum wb_scope scope);
enum wb_scope wb_scope_parse(const char *name);

/* The process exit code that INTERFACE fixes for a category (1, 2, 4, 6, 7 or 8). */
int wb_category_exit_code(enum wb_category category);

/* The message and its class in the form of the command line's errors, without the program's name:
 * `cannot …: no space left on device (target, publish, ENOSPC)`. Writes at most `size` bytes. */
void wb_err_format(const struct wb_err *err, char *out, unsigned long size);

#endif

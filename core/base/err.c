#include "core/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct category_row {
    const char *name;
    bool retryable;
    int exit_code;
};

static const struct category_row categories[WB_CAT_COUNT] = {
    [WB_CAT_UNKNOWN] = {"unknown", true, 1},
    [WB_CAT_INTERNAL] = {"internal", false, 1},
    [WB_CAT_USAGE] = {"usage", false, 2},
    [WB_CAT_NOT_FOUND] = {"not_found", true, 4},
    [WB_CAT_CHANGED] = {"changed", true, 3},
    [WB_CAT_CORRUPT] = {"corrupt", true, 3},
    [WB_CAT_DENIED] = {"denied", false, 7},
    [WB_CAT_NO_SPACE] = {"no_space", true, 7},
    [WB_CAT_READ_ONLY] = {"read_only", true, 7},
    [WB_CAT_IO] = {"io", true, 7},
    [WB_CAT_UNREACHABLE] = {"unreachable", true, 7},
    [WB_CAT_TIMEOUT] = {"timeout", true, 8},
    [WB_CAT_THROTTLED] = {"throttled", true, 7},
    [WB_CAT_UNSUPPORTED] = {"unsupported", false, 3},
    [WB_CAT_INVALID] = {"invalid", false, 2},
    [WB_CAT_LIMIT] = {"limit", false, 8},
    [WB_CAT_CONFLICT] = {"conflict", true, 3},
    [WB_CAT_EXPIRED] = {"expired", true, 8},
    [WB_CAT_CANCELLED] = {"cancelled", true, 1},
};

static const char *const scopes[WB_SCOPE_COUNT] = {
    [WB_SCOPE_UNKNOWN] = "unknown",   [WB_SCOPE_SOURCE] = "source", [WB_SCOPE_TARGET] = "target",
    [WB_SCOPE_TRANSFER] = "transfer", [WB_SCOPE_LOG] = "log",
};

struct errno_row {
    int number;
    enum wb_category category;
};

static const struct errno_row errnos[] = {
    {ENOENT, WB_CAT_NOT_FOUND},
    {ENOTDIR, WB_CAT_NOT_FOUND},
    {EACCES, WB_CAT_DENIED},
    {EPERM, WB_CAT_DENIED},
    {ELOOP, WB_CAT_DENIED},
    {EXDEV, WB_CAT_DENIED},
    {ENOSPC, WB_CAT_NO_SPACE},
    {EDQUOT, WB_CAT_NO_SPACE},
    {EROFS, WB_CAT_READ_ONLY},
    {EIO, WB_CAT_IO},
    {ESTALE, WB_CAT_UNREACHABLE},
    {ENODEV, WB_CAT_UNREACHABLE},
    {ENXIO, WB_CAT_UNREACHABLE},
    {ENOMEDIUM, WB_CAT_UNREACHABLE},
    {ENOTCONN, WB_CAT_UNREACHABLE},
    {ECONNREFUSED, WB_CAT_UNREACHABLE},
    {ECONNRESET, WB_CAT_UNREACHABLE},
    {ECONNABORTED, WB_CAT_UNREACHABLE},
    {EHOSTUNREACH, WB_CAT_UNREACHABLE},
    {EHOSTDOWN, WB_CAT_UNREACHABLE},
    {ENETUNREACH, WB_CAT_UNREACHABLE},
    {ENETDOWN, WB_CAT_UNREACHABLE},
    {ETIMEDOUT, WB_CAT_TIMEOUT},
    {EEXIST, WB_CAT_CONFLICT},
    {EISDIR, WB_CAT_CONFLICT},
    {ENOTEMPTY, WB_CAT_CONFLICT},
    {ENAMETOOLONG, WB_CAT_INVALID},
    {EINVAL, WB_CAT_INVALID},
    {EILSEQ, WB_CAT_INVALID},
    {EFBIG, WB_CAT_LIMIT},
    {EMFILE, WB_CAT_IO},
    {ENFILE, WB_CAT_IO},
    {ENOMEM, WB_CAT_IO},
    {EOPNOTSUPP, WB_CAT_UNSUPPORTED},
    {ENOSYS, WB_CAT_UNSUPPORTED},
    {EAGAIN, WB_CAT_IO},
    {EBUSY, WB_CAT_IO},
    {EINTR, WB_CAT_IO},
    {EMLINK, WB_CAT_LIMIT},
};

/* An error is one line, whatever bytes a file name brought into it. */
static void make_one_line(char *text)
{
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
}

static void class_set(struct wb_err *err, enum wb_category category)
{
    memset(err, 0, sizeof(*err));
    err->category = category;
    err->retryable = categories[category].retryable;
}

static void text_set(struct wb_err *err, const char *fmt, va_list args) WB_PRINTF(2, 0);

static void text_set(struct wb_err *err, const char *fmt, va_list args)
{
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
    make_one_line(err->text);
}

enum wb_rc wb_err_set(struct wb_err *err, enum wb_category category, const char *fmt, ...)
{
    va_list args;
    class_set(err, category);
    va_start(args, fmt);
    text_set(err, fmt, args);
    va_end(args);
    return WB_ERROR;
}

enum wb_rc wb_err_at(struct wb_err *err, enum wb_scope scope, const char *phase,
                     enum wb_category category, const char *fmt, ...)
{
    va_list args;
    class_set(err, category);
    wb_err_place(err, scope, phase);
    va_start(args, fmt);
    text_set(err, fmt, args);
    va_end(args);
    return WB_ERROR;
}

static enum wb_category errno_category(int errnum)
{
    for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
        if (errnos[i].number == errnum)
            return errnos[i].category;
    return WB_CAT_IO;
}

enum wb_rc wb_err_errno(struct wb_err *err, int errnum, const char *fmt, ...)
{
    va_list args;
    class_set(err, errno_category(errnum));
    va_start(args, fmt);
    text_set(err, fmt, args);
    va_end(args);
    const char *name = strerrorname_np(errnum);
    (void)snprintf(err->code, sizeof(err->code), "%s", name ? name : "E?");
    size_t len = strlen(err->text);
    const char *why = strerrordesc_np(errnum);
    (void)snprintf(err->text + len, sizeof(err->text) - len, ": %s", why ? why : "unknown error");
    return WB_ERROR;
}

enum wb_rc wb_err_prefix(struct wb_err *err, const char *fmt, ...)
{
    char rest[WB_ERR_TEXT_MAX];
    va_list args;
    memcpy(rest, err->text, sizeof(rest));
    va_start(args, fmt);
    text_set(err, fmt, args);
    va_end(args);
    size_t len = strlen(err->text);
    (void)snprintf(err->text + len, sizeof(err->text) - len, ": %.*s", WB_ERR_TEXT_MAX - 1, rest);
    return WB_ERROR;
}

void wb_err_place(struct wb_err *err, enum wb_scope scope, const char *phase)
{
    if (err->scope == WB_SCOPE_UNKNOWN)
        err->scope = scope;
    if (!err->phase[0])
        (void)snprintf(err->phase, sizeof(err->phase), "%s", phase);
}

bool wb_err_is_set(const struct wb_err *err)
{
    return err->category != WB_CAT_UNKNOWN;
}

const char *wb_category_name(enum wb_category category)
{
    return categories[(unsigned)category < WB_CAT_COUNT ? category : WB_CAT_UNKNOWN].name;
}

enum wb_category wb_category_parse(const char *name)
{
    for (int i = 0; i < WB_CAT_COUNT; i++)
        if (strcmp(name, categories[i].name) == 0)
            return (enum wb_category)i;
    return WB_CAT_UNKNOWN;
}

const char *wb_scope_name(enum wb_scope scope)
{
    return scopes[(unsigned)scope < WB_SCOPE_COUNT ? scope : WB_SCOPE_UNKNOWN];
}

enum wb_scope wb_scope_parse(const char *name)
{
    for (int i = 0; i < WB_SCOPE_COUNT; i++)
        if (strcmp(name, scopes[i]) == 0)
            return (enum wb_scope)i;
    return WB_SCOPE_UNKNOWN;
}

int wb_category_exit_code(enum wb_category category)
{
    return categories[(unsigned)category < WB_CAT_COUNT ? category : WB_CAT_UNKNOWN].exit_code;
}

void wb_err_format(const struct wb_err *err, char *out, unsigned long size)
{
    const char *parts[3];
    int count = 0;
    if (err->scope != WB_SCOPE_UNKNOWN)
        parts[count++] = wb_scope_name(err->scope);
    if (err->phase[0])
        parts[count++] = err->phase;
    if (err->code[0])
        parts[count++] = err->code;
    if (count == 0)
        (void)snprintf(out, size, "%s", err->text);
    else
        (void)snprintf(out, size, "%s (%s%s%s%s%s)", err->text, parts[0], count > 1 ? ", " : "",
                       count > 1 ? parts[1] : "", count > 2 ? ", " : "", count > 2 ? parts[2] : "");
}

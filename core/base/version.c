#include "core/base/version.h"

#include <string.h>

static const char *const kind_names[WB_FILE_KIND_COUNT] = {
    [WB_FILE_UNKNOWN] = "unknown",     [WB_FILE_REGULAR] = "regular", [WB_FILE_SYMLINK] = "symlink",
    [WB_FILE_DIRECTORY] = "directory", [WB_FILE_SPECIAL] = "special",
};

static bool same_kind(enum wb_file_kind a, enum wb_file_kind b)
{
    return a == WB_FILE_UNKNOWN || b == WB_FILE_UNKNOWN || a == b;
}

static bool same_etag(const char *a, const char *b)
{
    bool both = a && *a && b && *b;
    return !both || strcmp(a, b) == 0;
}

bool wb_version_like(const struct wb_version *a, const struct wb_version *b)
{
    if (!a || !b || a->size_bytes < 0 || b->size_bytes < 0 || a->mtime_ns < 0 || b->mtime_ns < 0)
        return false;
    return a->size_bytes == b->size_bytes && a->mtime_ns == b->mtime_ns &&
           same_kind(a->kind, b->kind);
}

bool wb_version_same(const struct wb_version *a, const struct wb_version *b)
{
    return wb_version_like(a, b) && same_etag(a->etag, b->etag);
}

const char *wb_file_kind_name(enum wb_file_kind kind)
{
    return (unsigned)kind < WB_FILE_KIND_COUNT ? kind_names[kind] : kind_names[WB_FILE_UNKNOWN];
}

enum wb_file_kind wb_file_kind_parse(const char *name)
{
    for (int kind = 0; kind < WB_FILE_KIND_COUNT; kind++)
        if (strcmp(name, kind_names[kind]) == 0)
            return (enum wb_file_kind)kind;
    return WB_FILE_UNKNOWN;
}

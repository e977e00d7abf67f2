/* What tells one state of a file from the next: the vocabulary that records and storage share. */
#ifndef WB_BASE_VERSION_H
#define WB_BASE_VERSION_H

#include <stdbool.h>
#include <stdint.h>

enum wb_file_kind {
    WB_FILE_UNKNOWN,
    WB_FILE_REGULAR,
    WB_FILE_SYMLINK, /* its bytes are the link's text */
    WB_FILE_DIRECTORY,
    WB_FILE_SPECIAL, /* device, socket, fifo: reported, never copied */
    WB_FILE_KIND_COUNT
};

/* Unknown numbers are -1, an unknown etag "" or NULL. */
struct wb_version {
    enum wb_file_kind kind;
    int64_t size_bytes;
    int64_t mtime_ns;
    const char *etag; /* opaque, of the backend; posix: inode and ctime */
};

/* True when both are known and equal: kind (where known), size, mtime, and the etag where both
 * have one. NULL equals nothing. */
bool wb_version_same(const struct wb_version *a, const struct wb_version *b);

/* The same without the etag, which each node has its own of: what a proved copy has in common with
 * its source. */
bool wb_version_like(const struct wb_version *a, const struct wb_version *b);

/* "regular", "symlink", …; "unknown" for numbers out of range. The reverse gives UNKNOWN. */
const char *wb_file_kind_name(enum wb_file_kind kind);
enum wb_file_kind wb_file_kind_parse(const char *name);

#endif

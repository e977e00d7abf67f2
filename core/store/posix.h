/* File systems as storage nodes: `file:///absolute/path`.
 *
 * Nothing outside the root is reached: every path is opened beneath it by openat2 without following
 * links. Instances live in `.waybill/` at the root, so that publishing is a rename within one file
 * system. version.etag is inode and ctime; the tag is inode, time of birth, size and mtime, which
 * a rename keeps.
 */
#ifndef WB_STORE_POSIX_H
#define WB_STORE_POSIX_H

#include "core/store/store.h"

/* `path` is absolute. UNREACHABLE when it is not there, USAGE when it is no folder. */
enum wb_rc wb_posix_new(const char *node, const char *path, struct wb_store **ret,
                        struct wb_err *err) WB_MUST_USE;

#endif

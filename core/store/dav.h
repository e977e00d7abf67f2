/* WebDAV (RFC 4918), and plain HTTP as a source that is only read: `http://…`, `https://…`.
 *
 * An instance is staged below `.waybill/` by PUT and published by MOVE. What a server can do is not
 * told by its name: what it says (OPTIONS) counts for reading; for writing it is tried out once, on
 * files of our own in the staging area, before the first write (wb_store_prepare), and becomes
 * capabilities. A file is known by its ETag, which must survive MOVE.
 *
 * RFC 4918 §9.9.3 has a MOVE delete what it replaces first. A server that does so could lose a file
 * by a MOVE that comes late, or a whole folder: there nothing is ever overwritten. What is in the
 * way is moved into the staging area, looked at, and put back if it is another one than was seen.
 *
 * Links, modes, extended attributes, times and holes are not kept. */
#ifndef WB_STORE_DAV_H
#define WB_STORE_DAV_H

#include "core/store/store.h"

/* Options: ca, cert, key (files), mode=auto|dav|readonly, insecure=yes|no. */
extern const char *const wb_dav_options[];

/* Checks a URL and options without touching the node. USAGE. */
enum wb_rc wb_dav_check(const char *url, const char *const *options,
                        struct wb_err *err) WB_MUST_USE;

/* `secret`: its name, "" for none; `user:password` or `Bearer TOKEN`. Arguments as wb_store_open's.
 */
enum wb_rc wb_dav_new(const char *node, const char *url, const char *const *options,
                      const char *secret, const struct wb_config *config, struct wb_store **ret,
                      struct wb_err *err) WB_MUST_USE;

#endif

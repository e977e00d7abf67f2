/* Paths as waybill knows them: bytes, relative to a node's root, parts separated by '/'. */
#ifndef WB_BASE_PATH_H
#define WB_BASE_PATH_H

#include "core/base/buf.h"

enum { WB_PATH_MAX = 4095, WB_PATH_PART_MAX = 255 };

/* The folder at each node's root where waybill stages; no file below it is ever replicated. */
#define WB_STAGING_DIR ".waybill"

/* Demands: 1..4095 bytes, no NUL, not absolute, no empty part, no `.` or `..` part, no part over
 * 255 bytes, first part not WB_STAGING_DIR. INVALID with what and where otherwise. Any other byte,
 * newline and non-UTF-8 included, is fine. */
enum wb_rc wb_path_check(struct wb_span path, struct wb_err *err) WB_MUST_USE;

/* Node names: [a-z0-9][a-z0-9._-]{0,62}. INVALID otherwise. */
enum wb_rc wb_name_check(const char *name, struct wb_err *err) WB_MUST_USE;

/* Splits `NODE:PATH` at the first colon; the path may be empty (the whole node) and one trailing
 * '/' is dropped. `ret_node` is copied into `node` (64 bytes). USAGE when there is no node. */
enum wb_rc wb_path_split(const char *text, char node[64], struct wb_span *ret_path,
                         struct wb_err *err) WB_MUST_USE;

/* For people: as is where printable UTF-8, else control and stray bytes as \xNN (and `\` as \\).
 * NUL-terminated in `out`; cut with `…` where too long. Returns `out`. */
const char *wb_path_show(struct wb_span path, char *out, size_t size);

/* RFC 3629: no surrogates, nothing overlong. */
bool wb_utf8_valid(struct wb_span bytes);

/* Glob of rules: `*` and `?` stop at '/', `**` does not, `[a-z]` classes; the whole path must
 * match. Linear in time for any pattern without several stars, never exponential. */
bool wb_glob_match(struct wb_span pattern, struct wb_span path);

/* Whether a pattern says what it seems to: USAGE, with the place, for a class that is not closed or
 * holds an empty range, and for a `\` before nothing. Matching takes them as they are written. */
enum wb_rc wb_glob_check(struct wb_span pattern, struct wb_err *err) WB_MUST_USE;

#endif

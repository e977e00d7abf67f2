/* Percent-encoding (RFC 3986 §2). Names are bytes: everything but the unreserved letters, digits
 * and `-._~` is encoded, in capitals, as signatures of S3 demand it too. */
#ifndef WB_BASE_URL_H
#define WB_BASE_URL_H

#include "core/base/buf.h"

/* Appends; `/` stays as it is with `keep_slashes`. */
enum wb_rc wb_url_escape(struct wb_buf *buf, struct wb_span bytes, bool keep_slashes,
                         struct wb_err *err) WB_MUST_USE;
/* Appends the bytes that `text` stands for. INVALID for a `%` without two hex digits, for
 * %00 and for a NUL. */
enum wb_rc wb_url_unescape(struct wb_buf *buf, struct wb_span text, struct wb_err *err) WB_MUST_USE;

#endif

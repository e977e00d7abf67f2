/* MIME types by a file's name, from the system's table (/etc/mime.types, Debian's media-types). */
#ifndef WB_PLANNER_MIME_H
#define WB_PLANNER_MIME_H

#include "core/base/buf.h"

struct wb_mime;

/* An empty table where the system has none. Never NULL; the caller frees. */
struct wb_mime *wb_mime_new(const char *table);
void wb_mime_free(struct wb_mime **mime);

/* By the extension, whatever its case; "" when it says nothing. Owned by the table. */
const char *wb_mime_of(const struct wb_mime *mime, struct wb_span path);

#endif

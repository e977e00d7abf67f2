/* S3 buckets as storage nodes: `s3://bucket[/prefix]`.
 *
 * Options: endpoint (default AWS's of the region), region (us-east-1), style=auto|path|virtual,
 * storage_class, insecure=yes (keys over plain http), ca (file). The secret is
 * `key-id:secret[:session-token]`; without one requests are not signed.
 *
 * Everything below is of objects that are never changed in place. A file of up to 16 MiB that is
 * copied in one pass is staged as one object, `.waybill/<instance>`. Any other instance is a group
 * `.waybill/<instance>/…`: an object a range, named by its offset, so that each can be read back
 * and replaced while others are copied; `open`, by which other workers know that it is there; and
 * `seal`, the list of what was proved. Publishing copies at the server, from the very objects that
 * were proved (their ETags are the copy's condition), onto a name that must still hold what was
 * looked at before. What the server can do of this is tried out in the staging area before the
 * first write. */
#ifndef WB_STORE_S3_H
#define WB_STORE_S3_H

#include "core/store/store.h"

/* Names of the options above, NULL-terminated. */
extern const char *const wb_s3_options[];

/* `rest` is what follows `s3://`. USAGE for anything that is no bucket, key or known option. */
enum wb_rc wb_s3_check_url(const char *rest, const char *const *options,
                           struct wb_err *err) WB_MUST_USE;

/* Looks at the bucket once. USAGE and DENIED for bad options and secrets, UNREACHABLE when there is
 * no such bucket, or it is in another region. */
enum wb_rc wb_s3_new(const char *node, const char *rest, const char *const *options,
                     const char *secret, const struct wb_config *config, struct wb_store **ret,
                     struct wb_err *err) WB_MUST_USE;

#endif

/* What is under a name. A HEAD that finds nothing does not say whether the bucket itself is there:
 * only the reply to a GET does. */
#include "core/store/s3_parts.h"

#include <stdio.h>

#include "core/base/path.h"

enum { SHOWN_MAX = 300 };

static int64_t staged_size(const struct wb_http_reply *reply)
{
    const char *text = wb_http_header(reply, S3_SIZE);
    long long size = -1;
    char rest;
    return text && sscanf(text, "%19lld%c", &size, &rest) == 1 ? size : -1;
}

enum wb_rc wb_s3_head(struct s3_store *store, const char *key, struct wb_stat *ret,
                      struct wb_http_reply *ret_reply, struct wb_err *err)
{
    struct wb_http_reply own WB_AUTO(wb_http_reply_free) = {0};
    struct wb_http_reply *reply = ret_reply ? ret_reply : &own;
    const struct s3_ask ask = {.method = "HEAD", .key = key};
    if (wb_s3_do(store, &ask, "the object cannot be looked at", reply, err) != WB_OK)
        return WB_ERROR;
    if (wb_s3_stat_of(reply, reply->length, ret, err) != WB_OK)
        return WB_ERROR;
    ret->version.etag = ret->etag;
    return WB_OK;
}

/* A key that nobody has: what is said of it is said of the bucket. */
enum wb_rc wb_s3_confirm_missing(struct s3_store *store, struct wb_err *err)
{
    struct wb_err why;
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    const struct s3_ask ask = {.method = "GET",
                               .query = "list-type=2&max-keys=1&prefix=" WB_STAGING_DIR "%2Fnone",
                               .reply_most = S3_LIST_MOST};
    if (err->category != WB_CAT_NOT_FOUND)
        return WB_ERROR;
    if (wb_s3_do(store, &ask, "the bucket cannot be looked at", &reply, &why) != WB_OK)
        *err = why;
    return WB_ERROR;
}

/* ---- staged instances ---- */

static enum wb_rc head_part(struct s3_store *store, const char *instance, const char *part,
                            struct wb_stat *ret, struct wb_http_reply *reply, struct wb_err *err)
{
    const char *key;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    if (wb_s3_staged_key(store, instance, part, arena, &key, err) != WB_OK)
        return WB_ERROR;
    return wb_s3_head(store, key, ret, reply, err);
}

/* `open` and `seal` speak of the instance, not of themselves. */
static enum wb_rc speak_of(const char *instance, const struct wb_http_reply *reply, bool sealed,
                           struct wb_stat *ret, struct wb_err *err)
{
    char id[33];
    char etag[S3_ETAG_MAX + 1];
    ret->version.size_bytes = staged_size(reply);
    if (ret->version.size_bytes < 0)
        return wb_err_set(err, WB_CAT_CORRUPT, "what is staged lacks its size");
    if (wb_s3_etag(reply, etag, err) != WB_OK)
        return WB_ERROR;
    wb_s3_instance_id(instance, id);
    (void)snprintf(ret->tag, sizeof(ret->tag), "%s%s%s", id, sealed ? "=" : "", sealed ? etag : "");
    return WB_OK;
}

enum wb_rc wb_s3_head_staged(struct s3_store *store, const char *instance, struct wb_stat *ret,
                             enum s3_form *ret_form, struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    enum wb_rc rc = head_part(store, instance, NULL, ret, NULL, err);
    *ret_form = S3_WHOLE;
    if (rc == WB_OK || !wb_s3_is_missing(err))
        return rc;
    *ret_form = S3_SEALED;
    rc = head_part(store, instance, "seal", ret, &reply, err);
    if (rc != WB_OK && wb_s3_is_missing(err)) {
        *ret_form = S3_OPEN;
        rc = head_part(store, instance, "open", ret, &reply, err);
    }
    return rc == WB_OK ? speak_of(instance, &reply, *ret_form == S3_SEALED, ret, err) : WB_ERROR;
}

static enum wb_rc stat_named(struct s3_store *store, enum wb_place place, struct wb_span name,
                             struct wb_stat *ret, struct wb_err *err)
{
    const char *key;
    enum s3_form form;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    if (place == WB_PLACE_FINAL)
        return wb_s3_final_key(store, name, arena, &key, err) == WB_OK
                   ? wb_s3_head(store, key, ret, NULL, err)
                   : WB_ERROR;
    const char *instance = (const char *)wb_arena_span(arena, name).data;
    return wb_s3_head_staged(store, instance, ret, &form, err);
}

enum wb_rc wb_s3_stat(struct wb_store *base, enum wb_place place, struct wb_span name,
                      struct wb_stat *ret, struct wb_err *err)
{
    char shown[SHOWN_MAX];
    struct s3_store *store = s3_of(base);
    if (stat_named(store, place, name, ret, err) == WB_OK) {
        ret->version.etag = ret->etag;
        return WB_OK;
    }
    (void)!wb_s3_confirm_missing(store, err);
    return wb_err_prefix(err, "cannot look at \"%s\"", wb_path_show(name, shown, sizeof(shown)));
}

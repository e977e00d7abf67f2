/* The ranges of an instance: as they are staged, and as `seal` records them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/path.h"
#include "core/store/s3_parts.h"

#define FIRST_LINE "waybill ranges 1\n"

enum { SEAL_MOST = 2 << 20, LINE_MOST = 256 };

void wb_s3_ranges_free(struct s3_ranges *ranges)
{
    free(ranges->list);
    *ranges = (struct s3_ranges){0};
}

static enum wb_rc ranges_check(const struct s3_ranges *ranges, struct wb_err *err)
{
    int64_t at = 0;
    for (size_t i = 0; i < ranges->count; i++) {
        if (ranges->list[i].offset != at || ranges->list[i].length <= 0)
            return wb_err_set(err, WB_CAT_CORRUPT, "staged ranges lack the bytes at %" PRId64, at);
        at += ranges->list[i].length;
    }
    if (at != ranges->size_bytes)
        return wb_err_set(err, WB_CAT_CORRUPT, "staged ranges have %" PRId64 " bytes, not %" PRId64,
                          at, ranges->size_bytes);
    return WB_OK;
}

/* ---- as text ---- */

enum wb_rc wb_s3_ranges_format(const struct s3_ranges *ranges, struct wb_buf *ret,
                               struct wb_err *err)
{
    if (wb_buf_printf(ret, err, FIRST_LINE) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < ranges->count; i++)
        if (wb_buf_printf(ret, err, "%" PRId64 " %" PRId64 " %s\n", ranges->list[i].offset,
                          ranges->list[i].length, ranges->list[i].etag) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

static bool line_parse(const char *line, struct s3_range *ret)
{
    char etag[S3_ETAG_MAX + 2];
    char rest;
    _Static_assert(S3_ETAG_MAX == 90, "the format below says so");
    if (sscanf(line, "%19" SCNd64 " %19" SCNd64 " %91s%c", &ret->offset, &ret->length, etag,
               &rest) != 3)
        return false;
    return wb_s3_etag_copy(etag, ret->etag);
}

enum wb_rc wb_s3_ranges_parse(struct wb_span text, struct s3_ranges *ret, struct wb_err *err)
{
    const size_t first = strlen(FIRST_LINE);
    const char *at = (const char *)text.data;
    const char *end = at + text.len;
    if (text.len < first || memcmp(at, FIRST_LINE, first) != 0)
        return wb_err_set(err, WB_CAT_CORRUPT, "a seal that is none");
    ret->list = wb_xcalloc(S3_PARTS_MOST, sizeof(*ret->list));
    ret->count = 0;
    ret->size_bytes = 0;
    for (at += first; at < end; ret->count++) {
        char line[LINE_MOST];
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = stop ? (size_t)(stop - at) : sizeof(line);
        if (len >= sizeof(line) || ret->count == S3_PARTS_MOST)
            return wb_err_set(err, WB_CAT_CORRUPT, "a seal that is none");
        (void)snprintf(line, sizeof(line), "%.*s", (int)len, at);
        if (!line_parse(line, &ret->list[ret->count]))
            return wb_err_set(err, WB_CAT_CORRUPT, "a seal that is none");
        ret->size_bytes = ret->list[ret->count].offset + ret->list[ret->count].length;
        at = stop + 1;
    }
    return ranges_check(ret, err);
}

/* ---- as staged ---- */

struct gather {
    struct s3_ranges *ranges;
    size_t prefix_len;
};

static int by_offset(const void *a, const void *b)
{
    int64_t left = ((const struct s3_range *)a)->offset;
    int64_t right = ((const struct s3_range *)b)->offset;
    return (left > right) - (left < right);
}

static enum wb_rc gather_page(void *arg, const struct s3_page *page, struct wb_err *err)
{
    struct gather *gather = arg;
    struct s3_ranges *ranges = gather->ranges;
    for (size_t i = 0; i < page->count; i++) {
        const struct s3_entry *entry = &page->entries[i];
        int64_t offset =
            entry->key.len > gather->prefix_len
                ? wb_s3_range_offset((const char *)entry->key.data + gather->prefix_len)
                : -1;
        if (offset < 0)
            continue;
        if (ranges->count == S3_PARTS_MOST)
            return wb_err_set(err, WB_CAT_LIMIT, "more than %d ranges are staged", S3_PARTS_MOST);
        struct s3_range *range = &ranges->list[ranges->count++];
        range->offset = offset;
        range->length = entry->size_bytes;
        if (!wb_s3_etag_copy(entry->etag, range->etag))
            return wb_http_bad_reply(err, "a listing has an entry without an etag");
    }
    return WB_OK;
}

static enum wb_rc tags_check(const struct s3_ranges *ranges, const char *const *tags, size_t count,
                             struct wb_err *err)
{
    if (!tags)
        return WB_OK;
    if (count != ranges->count)
        return wb_err_set(err, WB_CAT_CORRUPT, "%zu ranges are staged, %zu were reported",
                          ranges->count, count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(tags[i], ranges->list[i].etag) != 0)
            return wb_err_set(err, WB_CAT_CORRUPT,
                              "the range at %" PRId64 " is another one than was reported",
                              ranges->list[i].offset);
    return WB_OK;
}

enum wb_rc wb_s3_ranges_list(struct s3_store *store, const char *instance, int64_t size_bytes,
                             const char *const *tags, size_t count, struct s3_ranges *ret,
                             struct wb_err *err)
{
    const char *prefix;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    struct gather gather = {.ranges = ret};
    if (wb_s3_staged_key(store, instance, "", arena, &prefix, err) != WB_OK)
        return WB_ERROR;
    gather.prefix_len = strlen(prefix);
    ret->list = wb_xcalloc(S3_PARTS_MOST, sizeof(*ret->list));
    ret->size_bytes = size_bytes;
    if (wb_s3_each_page(store, prefix, false, gather_page, &gather, err) != WB_OK)
        return WB_ERROR;
    qsort(ret->list, ret->count, sizeof(*ret->list), by_offset);
    if (ranges_check(ret, err) != WB_OK)
        return WB_ERROR;
    return tags_check(ret, tags, count, err);
}

enum wb_rc wb_s3_seal_read(struct s3_store *store, const char *instance, const char *etag,
                           struct s3_ranges *ret, struct wb_http_reply *ret_reply,
                           struct wb_err *err)
{
    char have[S3_ETAG_MAX + 1];
    struct s3_ask ask = {.method = "GET", .reply_most = SEAL_MOST};
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    if (wb_s3_staged_key(store, instance, "seal", arena, &ask.key, err) != WB_OK ||
        wb_s3_do(store, &ask, "the seal cannot be read", ret_reply, err) != WB_OK ||
        wb_s3_etag(ret_reply, have, err) != WB_OK)
        return WB_ERROR;
    if (*etag && strcmp(have, etag) != 0)
        return wb_err_set(err, WB_CAT_CORRUPT, "instance \"%s\" is not the one that was proved",
                          instance);
    return wb_s3_ranges_parse(wb_buf_span(&ret_reply->body), ret, err);
}

/* A file of many ranges is put together at the server: an upload on the final key whose parts are
 * copies of the proved ranges. Its id is staged before the first part, so that whoever discards the
 * instance can end it: an upload that nobody knows of could be completed at any time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/url.h"
#include "core/store/s3_parts.h"

enum { RANDOM_BYTES = 8, QUERY_MOST = 4 * S3_UPLOAD_MAX };

struct piece {
    const struct s3_range *range;
    int64_t from; /* within it */
    int64_t length;
};

struct assembly {
    struct s3_store *store;
    const char *instance;
    const char *key;
    struct s3_ranges ranges;
    struct piece *pieces;
    size_t count;
    char (*etags)[S3_ETAG_MAX + 1];
    char upload[S3_UPLOAD_MAX + 1];
};

static void assembly_end(struct assembly *assembly)
{
    wb_s3_ranges_free(&assembly->ranges);
    free(assembly->pieces);
    free(assembly->etags);
}

static enum wb_rc range_source(struct assembly *assembly, const struct s3_range *range,
                               struct s3_headers *headers, struct wb_err *err)
{
    char name[24];
    const char *key;
    wb_s3_range_name(range->offset, name);
    if (wb_s3_staged_key(assembly->store, assembly->instance, name, headers->arena, &key, err) !=
        WB_OK)
        return WB_ERROR;
    wb_s3_header(headers, "x-amz-copy-source: %s",
                 wb_s3_copy_source(assembly->store, key, headers->arena));
    wb_s3_header(headers, "x-amz-copy-source-if-match: \"%s\"", range->etag);
    return WB_OK;
}

static void final_headers(const struct s3_store *store, const char *tag,
                          const struct wb_http_reply *seal, struct s3_headers *headers)
{
    wb_s3_header(headers, S3_TAG ": %s", tag);
    wb_s3_meta_again(headers, seal);
    if (*store->storage_class)
        wb_s3_header(headers, "x-amz-storage-class: %s", store->storage_class);
}

/* ---- one range: one copy ---- */

/* Where the copy's source is not its condition, a look before has to do. */
static enum wb_rc source_check(struct assembly *assembly, const struct s3_range *range,
                               struct wb_err *err)
{
    char name[24];
    const char *key;
    struct wb_stat stat;
    char etag[S3_ETAG_MAX + 1];
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    if (assembly->store->traits.source_conditions)
        return WB_OK;
    wb_s3_range_name(range->offset, name);
    if (wb_s3_staged_key(assembly->store, assembly->instance, name, arena, &key, err) != WB_OK ||
        wb_s3_head(assembly->store, key, &stat, &reply, err) != WB_OK ||
        wb_s3_etag(&reply, etag, err) != WB_OK)
        return WB_ERROR;
    if (strcmp(etag, range->etag) == 0)
        return WB_OK;
    return wb_err_set(err, WB_CAT_CORRUPT, "instance \"%s\" is not the one that was proved",
                      assembly->instance);
}

static enum wb_rc copy_whole(struct assembly *assembly, const char *tag, const char *condition,
                             const struct wb_http_reply *seal, struct wb_err *err)
{
    char etag[S3_ETAG_MAX + 1];
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    struct s3_headers headers = {.arena = arena};
    struct s3_ask ask = {.method = "PUT", .key = assembly->key, .patience_ms = S3_COPY_PATIENCE_MS};
    if (source_check(assembly, &assembly->ranges.list[0], err) != WB_OK ||
        range_source(assembly, &assembly->ranges.list[0], &headers, err) != WB_OK)
        return WB_ERROR;
    wb_s3_header(&headers, "x-amz-metadata-directive: REPLACE");
    final_headers(assembly->store, tag, seal, &headers);
    if (assembly->store->traits.copy_conditions && *condition)
        wb_s3_header(&headers, "%s", condition);
    ask.headers = headers.lines;
    if (wb_s3_send(assembly->store, &ask, &reply, err) != WB_OK)
        return WB_ERROR;
    return wb_s3_parse_copied(assembly->store, &reply, "CopyObjectResult", "the copy failed", etag,
                              err);
}

/* ---- many: an upload ---- */

static void cut(struct assembly *assembly)
{
    size_t most = assembly->ranges.count;
    for (size_t i = 0; i < assembly->ranges.count; i++)
        most += (size_t)(assembly->ranges.list[i].length / S3_COPY_MOST);
    assembly->pieces = wb_xcalloc(most, sizeof(*assembly->pieces));
    assembly->etags = wb_xcalloc(most, sizeof(*assembly->etags));
    for (size_t i = 0; i < assembly->ranges.count; i++) {
        const struct s3_range *range = &assembly->ranges.list[i];
        for (int64_t from = 0; from < range->length; from += S3_COPY_MOST) {
            int64_t left = range->length - from;
            assembly->pieces[assembly->count++] = (struct piece){
                .range = range, .from = from, .length = left < S3_COPY_MOST ? left : S3_COPY_MOST};
        }
    }
}

static enum wb_rc record_key(struct assembly *assembly, struct wb_arena *arena, const char **ret,
                             struct wb_err *err)
{
    char name[32];
    uint8_t random[RANDOM_BYTES];
    char hex[2 * RANDOM_BYTES + 1];
    wb_random_bytes(random, sizeof(random));
    wb_hex_format(wb_span_of(random, sizeof(random)), hex);
    (void)snprintf(name, sizeof(name), "upload.%s", hex);
    return wb_s3_staged_key(assembly->store, assembly->instance, name, arena, ret, err);
}

static enum wb_rc record_upload(struct assembly *assembly, struct wb_err *err)
{
    char etag[S3_ETAG_MAX + 1];
    const char *key;
    struct s3_put *put WB_AUTO(wb_s3_put_free) = NULL;
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(S3_UPLOAD_MAX + S3_KEY_MAX + 2);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    if (record_key(assembly, arena, &key, err) != WB_OK ||
        wb_buf_printf(&text, err, "%s\n%s", assembly->upload, assembly->key) != WB_OK)
        return WB_ERROR;
    put = wb_s3_put_new(assembly->store, key);
    if (wb_s3_put_write(put, wb_buf_span(&text), err) != WB_OK)
        return WB_ERROR;
    return wb_s3_put_finish(put, NULL, etag, err);
}

static enum wb_rc piece_ask(struct assembly *assembly, size_t index, struct wb_arena *arena,
                            struct s3_ask *ret, struct wb_err *err)
{
    const struct piece *piece = &assembly->pieces[index];
    struct s3_headers *headers = wb_arena_alloc(arena, sizeof(*headers));
    struct wb_buf query WB_AUTO(wb_buf_free) = wb_buf_make(QUERY_MOST);
    headers->arena = arena;
    if (range_source(assembly, piece->range, headers, err) != WB_OK ||
        wb_buf_printf(&query, err, "partNumber=%zu&uploadId=", index + 1) != WB_OK ||
        wb_url_escape(&query, wb_span_str(assembly->upload), false, err) != WB_OK)
        return WB_ERROR;
    if (piece->length != piece->range->length)
        wb_s3_header(headers, "x-amz-copy-source-range: bytes=%" PRId64 "-%" PRId64, piece->from,
                     piece->from + piece->length - 1);
    *ret = (struct s3_ask){.method = "PUT",
                           .key = assembly->key,
                           .query = wb_arena_strdup(arena, wb_buf_cstr(&query)),
                           .headers = headers->lines,
                           .patience_ms = S3_COPY_PATIENCE_MS};
    return WB_OK;
}

static enum wb_rc copy_group(struct assembly *assembly, size_t first, size_t count,
                             struct wb_err *err)
{
    struct s3_ask asks[S3_GROUP];
    enum wb_rc rc = WB_OK;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new((size_t)S3_GROUP * S3_ARENA_BYTES);
    for (size_t i = 0; i < count; i++)
        if (piece_ask(assembly, first + i, arena, &asks[i], err) != WB_OK)
            return WB_ERROR;
    struct wb_http_call *calls = wb_xcalloc(count, sizeof(*calls));
    wb_s3_send_group(assembly->store, asks, calls, count);
    for (size_t i = 0; i < count; i++) {
        if (rc == WB_OK && calls[i].rc != WB_OK) {
            *err = calls[i].err;
            rc = WB_ERROR;
        }
        if (rc == WB_OK)
            rc = wb_s3_parse_copied(assembly->store, &calls[i].reply, "CopyPartResult",
                                    "a range cannot be copied", assembly->etags[first + i], err);
        wb_http_reply_free(&calls[i].reply);
    }
    free(calls);
    return rc;
}

static enum wb_rc copy_pieces(struct assembly *assembly, struct wb_err *err)
{
    for (size_t at = 0; at < assembly->count; at += S3_GROUP) {
        size_t left = assembly->count - at;
        if (copy_group(assembly, at, left < S3_GROUP ? left : S3_GROUP, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

static enum wb_rc fill_and_end(struct assembly *assembly, const char *condition, struct wb_err *err)
{
    char etag[S3_ETAG_MAX + 1];
    struct wb_stat stat;
    bool conditional = assembly->store->traits.complete_conditions && *condition;
    const char *const lines[] = {conditional ? condition : NULL, NULL};
    if (record_upload(assembly, err) != WB_OK || copy_pieces(assembly, err) != WB_OK ||
        wb_s3_upload_end(assembly->store, assembly->key, assembly->upload, assembly->etags,
                         assembly->count, lines, etag, err) != WB_OK ||
        wb_s3_head(assembly->store, assembly->key, &stat, NULL, err) != WB_OK)
        return WB_ERROR;
    if (stat.version.size_bytes != assembly->ranges.size_bytes)
        return wb_err_set(err, WB_CAT_CORRUPT,
                          "the object has %" PRId64 " bytes, its ranges %" PRId64,
                          stat.version.size_bytes, assembly->ranges.size_bytes);
    return WB_OK;
}

static enum wb_rc upload(struct assembly *assembly, const char *tag, const char *condition,
                         const struct wb_http_reply *seal, struct wb_err *err)
{
    struct wb_err ignored;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    struct s3_headers headers = {.arena = arena};
    cut(assembly);
    if (assembly->count > S3_PARTS_MOST)
        return wb_err_set(err, WB_CAT_LIMIT, "an object has no more than %d parts", S3_PARTS_MOST);
    final_headers(assembly->store, tag, seal, &headers);
    if (wb_s3_upload_begin(assembly->store, assembly->key, headers.lines, assembly->upload, err) !=
        WB_OK)
        return WB_ERROR;
    if (fill_and_end(assembly, condition, err) == WB_OK)
        return WB_OK;
    (void)!wb_s3_upload_abort(assembly->store, assembly->key, assembly->upload, &ignored);
    return WB_ERROR;
}

enum wb_rc wb_s3_assemble(struct s3_store *store, const char *instance, const char *seal_etag,
                          const char *tag, const char *key, const char *condition,
                          struct wb_err *err)
{
    struct wb_http_reply seal WB_AUTO(wb_http_reply_free) = {0};
    struct assembly assembly WB_AUTO(assembly_end) = {
        .store = store, .instance = instance, .key = key};
    if (wb_s3_seal_read(store, instance, seal_etag, &assembly.ranges, &seal, err) != WB_OK)
        return WB_ERROR;
    if (assembly.ranges.count == 1 && assembly.ranges.size_bytes <= S3_COPY_MOST)
        return copy_whole(&assembly, tag, condition, &seal, err);
    if (!store->traits.part_copy)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "the server cannot put ranges together");
    return upload(&assembly, tag, condition, &seal, err);
}

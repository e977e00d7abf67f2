/* Instances. What is written in one pass and stays small is one object, made when it is sealed.
 * Anything else is a range, and a range is an object: made when it is done, known by its ETag, and
 * made again only if it has other bytes than it should have. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/store/s3_parts.h"

enum { COMPARE_BYTES = 64 << 10, SEAL_MOST = 2 << 20 };

struct writer {
    struct s3_file file;
    struct s3_store *store;
    char *instance;
    int64_t size_bytes; /* of the file; -1 not known */
    bool ranged;        /* it is a group of ranges */
    struct s3_put *put; /* what is being written, or NULL */
    int64_t start;      /* where it begins in the file */
};

static struct writer *writer_of(struct wb_file *file)
{
    return (struct writer *)file;
}

void wb_s3_write_close(struct wb_file *file)
{
    struct writer *writer = writer_of(file);
    wb_s3_put_free(&writer->put);
    free(writer->instance);
    free(writer);
}

static struct wb_file *writer_new(struct s3_store *store, const char *instance, int64_t size_bytes,
                                  bool ranged)
{
    struct writer *writer = wb_xcalloc(1, sizeof(*writer));
    writer->file.base.ops = store->base.ops;
    writer->file.base.store = &store->base;
    writer->file.writes = true;
    writer->store = store;
    writer->instance = wb_xstrdup(instance);
    writer->size_bytes = size_bytes;
    writer->ranged = ranged;
    return &writer->file.base;
}

/* ---- opening ---- */

/* Where the server honours conditions, the taken name is noticed when the object is made. */
enum wb_rc wb_s3_create(struct wb_store *base, const char *instance, enum wb_file_kind kind,
                        int64_t size_bytes, bool sparse, struct wb_file **ret, struct wb_err *err)
{
    const char *key;
    enum s3_form form;
    struct wb_stat stat;
    struct s3_store *store = s3_of(base);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    (void)sparse;
    if (wb_s3_staged_key(store, instance, NULL, arena, &key, err) != WB_OK)
        return WB_ERROR;
    if (kind != WB_FILE_REGULAR)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "only regular files can be kept as objects");
    if (wb_s3_probe(store, err) != WB_OK)
        return WB_ERROR;
    if (!store->traits.put_conditions) {
        if (wb_s3_head_staged(store, instance, &stat, &form, err) == WB_OK)
            return wb_err_set(err, WB_CAT_CONFLICT, "instance \"%s\" is there already", instance);
        if (!wb_s3_is_missing(err))
            return WB_ERROR;
    }
    *ret = writer_new(store, instance, size_bytes, false);
    return WB_OK;
}

enum wb_rc wb_s3_reopen(struct wb_store *base, const char *instance, struct wb_file **ret,
                        struct wb_err *err)
{
    enum s3_form form;
    struct wb_stat stat;
    struct s3_store *store = s3_of(base);
    if (wb_s3_probe(store, err) != WB_OK)
        return WB_ERROR;
    if (wb_s3_head_staged(store, instance, &stat, &form, err) != WB_OK) {
        (void)!wb_s3_confirm_missing(store, err);
        return wb_err_prefix(err, "cannot open instance \"%s\"", instance);
    }
    if (form == S3_WHOLE)
        return wb_err_set(err, WB_CAT_CONFLICT, "instance \"%s\" has no ranges", instance);
    *ret = writer_new(store, instance, stat.version.size_bytes, true);
    return WB_OK;
}

enum wb_rc wb_s3_write_stat(struct wb_file *file, struct wb_stat *ret, struct wb_err *err)
{
    enum s3_form form;
    struct writer *writer = writer_of(file);
    if (wb_s3_head_staged(writer->store, writer->instance, ret, &form, err) != WB_OK)
        return WB_ERROR;
    ret->version.etag = ret->etag;
    return WB_OK;
}

/* ---- objects of the instance ---- */

static enum wb_rc part_key(struct writer *writer, const char *part, struct wb_arena *arena,
                           const char **ret, struct wb_err *err)
{
    return wb_s3_staged_key(writer->store, writer->instance, part, arena, ret, err);
}

static bool was_there(const struct wb_err *err)
{
    return strcmp(err->code, "PreconditionFailed") == 0 || strcmp(err->code, "HTTP 412") == 0;
}

static enum wb_rc taken(const struct writer *writer, struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_CONFLICT, "instance \"%s\" is there already", writer->instance);
}

/* One object in one request, that nobody made before where that can be said. */
static enum wb_rc put_new(struct writer *writer, const char *part, struct s3_headers *headers,
                          struct wb_span bytes, char ret_etag[S3_ETAG_MAX + 1], struct wb_err *err)
{
    const char *key;
    struct s3_put *put WB_AUTO(wb_s3_put_free) = NULL;
    if (part_key(writer, part, headers->arena, &key, err) != WB_OK)
        return WB_ERROR;
    if (writer->store->traits.put_conditions)
        wb_s3_header(headers, "If-None-Match: *");
    put = wb_s3_put_new(writer->store, key);
    if (wb_s3_put_write(put, bytes, err) != WB_OK)
        return WB_ERROR;
    if (wb_s3_put_finish(put, headers->lines, ret_etag, err) == WB_OK)
        return WB_OK;
    return was_there(err) ? taken(writer, err) : WB_ERROR;
}

static void identity_headers(const struct writer *writer, int64_t size_bytes,
                             struct s3_headers *headers)
{
    char id[33];
    wb_s3_instance_id(writer->instance, id);
    wb_s3_header(headers, S3_TAG ": %s", id);
    if (size_bytes >= 0)
        wb_s3_header(headers, S3_SIZE ": %lld", (long long)size_bytes);
}

/* From here on others may add ranges. */
static enum wb_rc make_open(struct writer *writer, struct wb_err *err)
{
    char etag[S3_ETAG_MAX + 1];
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    struct s3_headers headers = {.arena = arena};
    if (writer->size_bytes < 0)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "ranges of a file whose size is not known");
    if (!writer->store->base.caps.random_writes)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "the server cannot put ranges together");
    identity_headers(writer, writer->size_bytes, &headers);
    if (put_new(writer, "open", &headers, wb_span_str("waybill"), etag, err) != WB_OK)
        return WB_ERROR;
    writer->ranged = true;
    return WB_OK;
}

/* ---- bytes ---- */

static enum wb_rc begin(struct writer *writer, int64_t offset, struct wb_err *err)
{
    char name[24];
    const char *key;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    wb_s3_range_name(offset, name);
    if (part_key(writer, name, arena, &key, err) != WB_OK)
        return WB_ERROR;
    writer->put = wb_s3_put_new(writer->store, key);
    writer->start = offset;
    return WB_OK;
}

enum wb_rc wb_s3_write_bytes(struct wb_file *file, int64_t offset, struct wb_span bytes,
                             struct wb_err *err)
{
    struct writer *writer = writer_of(file);
    if (!writer->put && begin(writer, offset, err) != WB_OK)
        return WB_ERROR;
    if (offset != writer->start + wb_s3_put_size(writer->put))
        return wb_err_set(err, WB_CAT_UNSUPPORTED,
                          "a range is written from its beginning to its end, not at %" PRId64,
                          offset);
    return wb_s3_put_write(writer->put, bytes, err);
}

/* ---- a range is done ---- */

/* Whether the range that is there has the bytes that it should have; then it stays, and with it
 * what was proved of it. */
static enum wb_rc same_bytes(struct writer *writer, const char *key, struct wb_span bytes,
                             bool *ret_same, char ret_etag[S3_ETAG_MAX + 1], struct wb_err *err)
{
    char there[COMPARE_BYTES];
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_http_stream *stream WB_AUTO(wb_http_close) = NULL;
    const struct s3_ask ask = {.method = "GET", .key = key};
    if (wb_s3_open_stream(writer->store, &ask, &stream, &reply, err) != WB_OK)
        return WB_ERROR;
    if (!stream)
        return wb_s3_error(writer->store, &reply, "the range cannot be read", err);
    if (wb_s3_etag(&reply, ret_etag, err) != WB_OK)
        return WB_ERROR;
    size_t at = 0;
    size_t got = sizeof(there);
    *ret_same = true;
    while (*ret_same && got == sizeof(there)) {
        if (wb_http_read(stream, there, sizeof(there), &got, err) != WB_OK)
            return WB_ERROR;
        *ret_same = got <= bytes.len - at && (!got || memcmp(there, bytes.data + at, got) == 0);
        at += got;
    }
    *ret_same = *ret_same && at == bytes.len;
    return WB_OK;
}

static enum wb_rc range_again(struct writer *writer, const char *key, char *ret_etag,
                              struct wb_err *err)
{
    bool same;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    struct s3_headers headers = {.arena = arena};
    if (same_bytes(writer, key, wb_s3_put_bytes(writer->put), &same, ret_etag, err) != WB_OK)
        return WB_ERROR;
    if (same)
        return WB_OK;
    if (writer->store->traits.put_conditions)
        wb_s3_header(&headers, "If-Match: \"%s\"", ret_etag);
    return wb_s3_put_finish(writer->put, headers.lines, ret_etag, err);
}

static enum wb_rc range_put(struct writer *writer, char ret_etag[S3_ETAG_MAX + 1],
                            struct wb_err *err)
{
    char name[24];
    const char *key;
    struct wb_stat stat;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    struct s3_headers headers = {.arena = arena};
    wb_s3_range_name(writer->start, name);
    if (part_key(writer, name, arena, &key, err) != WB_OK)
        return WB_ERROR;
    if (!wb_s3_put_is_small(writer->put))
        return wb_s3_put_finish(writer->put, NULL, ret_etag, err);
    if (writer->store->traits.put_conditions) {
        wb_s3_header(&headers, "If-None-Match: *");
        if (wb_s3_put_finish(writer->put, headers.lines, ret_etag, err) == WB_OK)
            return WB_OK;
        return was_there(err) ? range_again(writer, key, ret_etag, err) : WB_ERROR;
    }
    if (wb_s3_head(writer->store, key, &stat, NULL, err) == WB_OK)
        return range_again(writer, key, ret_etag, err);
    return wb_s3_is_missing(err) ? wb_s3_put_finish(writer->put, NULL, ret_etag, err) : WB_ERROR;
}

static bool is_whole(const struct writer *writer, int64_t offset, int64_t length)
{
    return !writer->ranged && offset == 0 &&
           (writer->size_bytes < 0 || length == writer->size_bytes);
}

static enum wb_rc length_check(const struct writer *writer, int64_t offset, int64_t length,
                               struct wb_err *err)
{
    int64_t written = writer->put ? wb_s3_put_size(writer->put) : 0;
    if (written == length && (!writer->put || writer->start == offset))
        return WB_OK;
    return wb_err_set(err, WB_CAT_CORRUPT,
                      "%" PRId64 " bytes were written of a range of %" PRId64 " at %" PRId64,
                      written, length, offset);
}

enum wb_rc wb_s3_range_done(struct wb_file *file, int64_t offset, int64_t length, char *ret_tag,
                            struct wb_err *err)
{
    char etag[S3_ETAG_MAX + 1];
    struct writer *writer = writer_of(file);
    bool whole = is_whole(writer, offset, length);
    ret_tag[0] = 0;
    if (length_check(writer, offset, length, err) != WB_OK)
        return WB_ERROR;
    if (whole && (!writer->put || wb_s3_put_is_small(writer->put)))
        return WB_OK; /* made when it is sealed */
    if (!writer->ranged && !whole && make_open(writer, err) != WB_OK)
        return WB_ERROR;
    if (!writer->put)
        return WB_OK;
    if (writer->size_bytes < 0)
        writer->size_bytes = length;
    if (range_put(writer, etag, err) != WB_OK)
        return wb_err_prefix(err, "the range at %" PRId64, offset);
    wb_s3_put_free(&writer->put);
    writer->ranged = true;
    (void)snprintf(ret_tag, WB_TAG_MAX, "%s", etag);
    return WB_OK;
}

/* ---- sealing ---- */

static enum wb_rc seal_whole(struct writer *writer, const struct wb_meta *meta, char *ret_tag,
                             struct wb_err *err)
{
    char id[33];
    char etag[S3_ETAG_MAX + 1];
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    struct s3_headers headers = {.arena = arena};
    struct wb_span bytes = writer->put ? wb_s3_put_bytes(writer->put) : wb_span_of(NULL, 0);
    identity_headers(writer, -1, &headers);
    if (wb_s3_meta_headers(writer->store, &headers, meta, err) != WB_OK ||
        put_new(writer, NULL, &headers, bytes, etag, err) != WB_OK)
        return WB_ERROR;
    wb_s3_put_free(&writer->put);
    wb_s3_instance_id(writer->instance, id);
    (void)snprintf(ret_tag, WB_TAG_MAX, "%s+%s", id, etag);
    return WB_OK;
}

static enum wb_rc seal_ranges(struct writer *writer, const struct wb_meta *meta,
                              const char *const *tags, size_t count, char *ret_tag,
                              struct wb_err *err)
{
    char id[33];
    const char *key;
    char etag[S3_ETAG_MAX + 1];
    struct s3_ranges ranges WB_AUTO(wb_s3_ranges_free) = {0};
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(SEAL_MOST);
    struct s3_put *put WB_AUTO(wb_s3_put_free) = NULL;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    struct s3_headers headers = {.arena = arena};
    if (wb_s3_ranges_list(writer->store, writer->instance, writer->size_bytes, tags, count, &ranges,
                          err) != WB_OK ||
        wb_s3_ranges_format(&ranges, &text, err) != WB_OK ||
        part_key(writer, "seal", arena, &key, err) != WB_OK)
        return WB_ERROR;
    identity_headers(writer, writer->size_bytes, &headers);
    if (wb_s3_meta_headers(writer->store, &headers, meta, err) != WB_OK)
        return WB_ERROR;
    put = wb_s3_put_new(writer->store, key);
    if (wb_s3_put_write(put, wb_buf_span(&text), err) != WB_OK ||
        wb_s3_put_finish(put, headers.lines, etag, err) != WB_OK)
        return WB_ERROR;
    wb_s3_instance_id(writer->instance, id);
    (void)snprintf(ret_tag, WB_TAG_MAX, "%s=%s", id, etag);
    return WB_OK;
}

static enum wb_rc size_check(const struct writer *writer, struct wb_err *err)
{
    int64_t written = writer->put ? wb_s3_put_size(writer->put) : 0;
    if (writer->ranged || writer->size_bytes < 0 || written == writer->size_bytes)
        return WB_OK;
    return wb_err_set(err, WB_CAT_CORRUPT, "%" PRId64 " bytes were written, not %" PRId64, written,
                      writer->size_bytes);
}

/* A file that was written without a word that its one range is done. */
static enum wb_rc done_late(struct writer *writer, struct wb_err *err)
{
    char ignored[WB_TAG_MAX];
    if (!writer->put || (!writer->ranged && wb_s3_put_is_small(writer->put)))
        return WB_OK;
    return wb_s3_range_done(&writer->file.base, writer->start, wb_s3_put_size(writer->put), ignored,
                            err);
}

enum wb_rc wb_s3_seal(struct wb_file *file, const struct wb_meta *meta,
                      const char *const *range_tags, size_t count, char *ret_tag,
                      struct wb_err *err)
{
    struct writer *writer = writer_of(file);
    if (size_check(writer, err) != WB_OK || done_late(writer, err) != WB_OK)
        return wb_err_prefix(err, "cannot seal \"%s\"", writer->instance);
    enum wb_rc rc = writer->ranged ? seal_ranges(writer, meta, range_tags, count, ret_tag, err)
                                   : seal_whole(writer, meta, ret_tag, err);
    return rc == WB_OK ? WB_OK : wb_err_prefix(err, "cannot seal \"%s\"", writer->instance);
}

/* Reading. A handle stays with the very object that it opened: every request after the first names
 * the object's ETag, and every reply must have it. Bytes come in windows, so that whoever reads on
 * has one request a window, and whoever stops early wastes little. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/path.h"
#include "core/store/s3_parts.h"

enum { FIRST_BYTES = 256 << 10, WINDOW_BYTES = 16 << 20, SHOWN_MAX = 300 };

struct reader {
    struct s3_file file;
    struct s3_store *store;
    struct wb_stat stat;     /* of the file */
    char *xattrs;            /* as its header has them, or NULL */
    char *instance;          /* of ranges, or NULL */
    struct s3_ranges ranges; /* of a sealed instance */
    /* The object that is read: the file, or one of its ranges. */
    char *key;
    char etag[S3_ETAG_MAX + 1];
    int64_t start; /* where it begins in the file */
    int64_t size_bytes;
    struct wb_http_reply reply; /* the stream's; the stream needs it as long as it is open */
    struct wb_http_stream *stream;
    int64_t at; /* in the object: of the stream's next byte, and of its end */
    int64_t end;
    int64_t expect_end; /* in the file: where reading will end for now; 0 not known */
    bool lost;          /* the object was not to be had any more */
};

static struct reader *reader_of(struct wb_file *file)
{
    return (struct reader *)file;
}

void wb_s3_read_close(struct wb_file *file)
{
    struct reader *reader = reader_of(file);
    wb_http_close(&reader->stream);
    wb_http_reply_free(&reader->reply);
    wb_s3_ranges_free(&reader->ranges);
    free(reader->instance);
    free(reader->xattrs);
    free(reader->key);
    free(reader);
}

static void reader_free(struct reader **reader)
{
    if (*reader)
        wb_s3_read_close(&(*reader)->file.base);
}

/* ---- one window ---- */

/* Some servers answer a range with 200, and mean it: what counts is which bytes it says they are.
 */
static enum wb_rc window_check(const struct reader *reader, const struct wb_http_reply *reply,
                               int64_t from, int64_t most, int64_t *ret_size, struct wb_err *err)
{
    bool whole = reply->status == 200 && reply->range_start < 0 && from == 0;
    int64_t size = whole ? reply->length : reply->range_size;
    int64_t end = whole ? size : reply->range_end;
    int64_t want = size - from < most && size >= from ? size : from + most;
    if (size < 0 || (!whole && (reply->range_start != from || end != want)) ||
        (reply->length >= 0 && reply->length != end - from))
        return wb_http_bad_reply(err, "the reply has other bytes than were asked for");
    if (reader->size_bytes >= 0 && size != reader->size_bytes)
        return wb_err_set(err, WB_CAT_CHANGED, "the object has another size than before");
    *ret_size = size;
    return WB_OK;
}

static enum wb_rc window_take(struct reader *reader, const struct wb_http_reply *reply,
                              int64_t from, int64_t most, struct wb_err *err)
{
    char etag[S3_ETAG_MAX + 1];
    int64_t size = -1;
    if (wb_s3_etag(reply, etag, err) != WB_OK)
        return WB_ERROR;
    if (reader->etag[0] && strcmp(reader->etag, etag) != 0)
        return wb_err_set(err, WB_CAT_CHANGED, "another object is under the name");
    if (window_check(reader, reply, from, most, &size, err) != WB_OK)
        return WB_ERROR;
    memcpy(reader->etag, etag, sizeof(etag));
    reader->size_bytes = size;
    reader->at = from;
    reader->end = reply->range_start < 0 ? size : reply->range_end;
    return WB_OK;
}

/* An object without bytes has no ranges: 416 says so. */
static enum wb_rc take_empty(struct reader *reader, struct wb_http_reply *reply, struct wb_err *err)
{
    struct wb_stat stat;
    if (wb_s3_head(reader->store, reader->key, &stat, reply, err) != WB_OK)
        return WB_ERROR;
    if (stat.version.size_bytes != 0)
        return wb_http_bad_reply(err, "the server has no bytes of an object that has some");
    reader->size_bytes = reader->at = reader->end = 0;
    return wb_s3_etag(reply, reader->etag, err);
}

static enum wb_rc window_open(struct reader *reader, int64_t from, int64_t most, struct wb_err *err)
{
    struct wb_http_reply *reply = &reader->reply;
    const char *lines[3] = {NULL};
    struct s3_ask ask = {.method = "GET", .key = reader->key, .headers = lines};
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    lines[0] = wb_arena_printf(arena, "Range: bytes=%" PRId64 "-%" PRId64, from, from + most - 1);
    if (reader->etag[0])
        lines[1] = wb_arena_printf(arena, "If-Match: \"%s\"", reader->etag);
    wb_http_close(&reader->stream);
    if (wb_s3_open_stream(reader->store, &ask, &reader->stream, reply, err) != WB_OK)
        return WB_ERROR;
    if (reader->stream)
        return window_take(reader, reply, from, most, err);
    if (reply->status == 416 && from == 0)
        return take_empty(reader, reply, err);
    (void)wb_s3_error(reader->store, reply, "the object cannot be read", err);
    if (reader->etag[0] && (wb_s3_is_missing(err) || reply->status == 416))
        (void)wb_err_set(err, WB_CAT_CHANGED, "the object is not there any more");
    return WB_ERROR;
}

/* ---- ranges of an instance ---- */

static enum wb_rc object_set(struct reader *reader, const char *key, const char *etag,
                             int64_t start)
{
    wb_http_close(&reader->stream);
    free(reader->key);
    reader->key = wb_xstrdup(key);
    (void)snprintf(reader->etag, sizeof(reader->etag), "%s", etag);
    reader->start = start;
    reader->size_bytes = -1;
    reader->at = reader->end = 0;
    return WB_OK;
}

static enum wb_rc range_open(struct reader *reader, int64_t offset, const char *etag,
                             struct wb_err *err)
{
    char name[24];
    const char *key;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    wb_s3_range_name(offset, name);
    if (wb_s3_staged_key(reader->store, reader->instance, name, arena, &key, err) != WB_OK ||
        object_set(reader, key, etag, offset) != WB_OK)
        return WB_ERROR;
    return window_open(reader, 0, WINDOW_BYTES, err);
}

struct search {
    int64_t offset; /* that is wanted */
    int64_t found;  /* where the range with it begins */
    size_t prefix_len;
};

static enum wb_rc search_page(void *arg, const struct s3_page *page, struct wb_err *err)
{
    struct search *search = arg;
    (void)err;
    for (size_t i = 0; i < page->count; i++) {
        const struct s3_entry *entry = &page->entries[i];
        int64_t start = entry->key.len > search->prefix_len
                            ? wb_s3_range_offset((const char *)entry->key.data + search->prefix_len)
                            : -1;
        if (start >= 0 && start <= search->offset && search->offset - start < entry->size_bytes)
            search->found = start;
    }
    return WB_OK;
}

static enum wb_rc range_search(struct reader *reader, int64_t offset, struct wb_err *err)
{
    const char *prefix;
    struct search search = {.offset = offset, .found = -1};
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    if (wb_s3_staged_key(reader->store, reader->instance, "", arena, &prefix, err) != WB_OK)
        return WB_ERROR;
    search.prefix_len = strlen(prefix);
    if (wb_s3_each_page(reader->store, prefix, false, search_page, &search, err) != WB_OK)
        return WB_ERROR;
    if (search.found < 0)
        return wb_err_set(err, WB_CAT_CORRUPT, "no range is staged that has the bytes at %" PRId64,
                          offset);
    return range_open(reader, search.found, "", err);
}

/* Whoever reads a range begins where it begins. */
static enum wb_rc range_find(struct reader *reader, int64_t offset, struct wb_err *err)
{
    for (size_t i = 0; i < reader->ranges.count; i++) {
        const struct s3_range *range = &reader->ranges.list[i];
        if (offset >= range->offset && offset - range->offset < range->length)
            return range_open(reader, range->offset, range->etag, err);
    }
    if (range_open(reader, offset, "", err) == WB_OK)
        return WB_OK;
    return wb_s3_is_missing(err) ? range_search(reader, offset, err) : WB_ERROR;
}

/* ---- reading ---- */

/* A window that was read to its end is ended properly, so that its connection can be used again. */
static enum wb_rc window_end(struct reader *reader, struct wb_err *err)
{
    char more;
    size_t got = 0;
    if (reader->at < reader->end)
        return WB_OK;
    enum wb_rc rc = wb_http_read(reader->stream, &more, 1, &got, err);
    wb_http_close(&reader->stream);
    if (rc == WB_OK && got)
        return wb_http_bad_reply(err, "the reply has more bytes than it says");
    return rc;
}

/* All that is expected, but not so much that a cut costs dearly. */
static int64_t window_of(const struct reader *reader, int64_t offset)
{
    int64_t expected = reader->expect_end - offset;
    return expected > 0 && expected < WINDOW_BYTES ? expected : WINDOW_BYTES;
}

void wb_s3_read_expect(struct wb_file *file, int64_t offset, int64_t length)
{
    reader_of(file)->expect_end = length > 0 ? offset + length : 0;
}

static enum wb_rc read_some(struct reader *reader, int64_t offset, void *buffer, size_t len,
                            size_t *ret_len, struct wb_err *err)
{
    bool inside = offset >= reader->start && offset - reader->start < reader->size_bytes;
    if (!inside && reader->instance && range_find(reader, offset, err) != WB_OK)
        return WB_ERROR;
    int64_t from = offset - reader->start;
    if ((!reader->stream || reader->at != from) &&
        window_open(reader, from, window_of(reader, offset), err) != WB_OK)
        return WB_ERROR;
    int64_t left = reader->end - reader->at;
    size_t want = left < (int64_t)len ? (size_t)left : len;
    if (wb_http_read(reader->stream, buffer, want, ret_len, err) != WB_OK)
        return WB_ERROR;
    if (*ret_len < want)
        return wb_http_bad_reply(err, "the reply has fewer bytes than it says");
    reader->at += (int64_t)*ret_len;
    return window_end(reader, err);
}

enum wb_rc wb_s3_read_bytes(struct wb_file *file, int64_t offset, void *buffer, size_t len,
                            size_t *ret_len, struct wb_err *err)
{
    struct reader *reader = reader_of(file);
    int64_t left = reader->stat.version.size_bytes - offset;
    size_t got = 0;
    if (left < (int64_t)len)
        len = left > 0 ? (size_t)left : 0;
    while (got < len) {
        size_t more = 0;
        if (read_some(reader, offset + (int64_t)got, (uint8_t *)buffer + got, len - got, &more,
                      err) != WB_OK) {
            wb_http_close(&reader->stream);
            reader->lost = err->category == WB_CAT_CHANGED;
            return wb_err_prefix(err, "cannot read at %" PRId64, offset + (int64_t)got);
        }
        got += more;
    }
    *ret_len = got;
    return WB_OK;
}

/* Objects are never changed in place: what the handle has opened is what it was, as long as it can
 * be read. */
enum wb_rc wb_s3_read_stat(struct wb_file *file, struct wb_stat *ret, struct wb_err *err)
{
    if (reader_of(file)->lost)
        return wb_err_set(err, WB_CAT_CHANGED, "the object is not there any more");
    *ret = reader_of(file)->stat;
    ret->version.etag = ret->etag;
    return WB_OK;
}

enum wb_rc wb_s3_read_xattrs(struct wb_file *file, struct wb_buf *xattrs, struct wb_err *err)
{
    const struct reader *reader = reader_of(file);
    return reader->xattrs ? wb_base64_parse(wb_span_str(reader->xattrs), xattrs, err) : WB_OK;
}

/* ---- opening ---- */

static enum wb_rc open_object(struct reader *reader, const char *key, struct wb_err *err)
{
    if (object_set(reader, key, "", 0) != WB_OK ||
        window_open(reader, 0, FIRST_BYTES, err) != WB_OK)
        return WB_ERROR;
    const char *xattrs = wb_http_header(&reader->reply, S3_META "waybill-xattrs");
    reader->xattrs = xattrs ? wb_xstrdup(xattrs) : NULL;
    return wb_s3_stat_of(&reader->reply, reader->size_bytes, &reader->stat, err);
}

static enum wb_rc open_staged(struct reader *reader, const char *instance, struct wb_arena *arena,
                              struct wb_err *err)
{
    const char *key;
    enum s3_form form;
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    if (wb_s3_staged_key(reader->store, instance, NULL, arena, &key, err) != WB_OK)
        return WB_ERROR;
    if (open_object(reader, key, err) == WB_OK)
        return WB_OK;
    if (!wb_s3_is_missing(err) ||
        wb_s3_head_staged(reader->store, instance, &reader->stat, &form, err) != WB_OK)
        return WB_ERROR;
    if (form == S3_WHOLE)
        return wb_err_set(err, WB_CAT_CHANGED, "the instance came while it was looked for");
    reader->instance = wb_xstrdup(instance);
    return form == S3_SEALED
               ? wb_s3_seal_read(reader->store, instance, "", &reader->ranges, &reply, err)
               : WB_OK;
}

static enum wb_rc open_named(struct reader *reader, enum wb_place place, struct wb_span name,
                             struct wb_err *err)
{
    const char *key;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    if (place == WB_PLACE_STAGED)
        return open_staged(reader, (const char *)wb_arena_span(arena, name).data, arena, err);
    if (wb_s3_final_key(reader->store, name, arena, &key, err) != WB_OK)
        return WB_ERROR;
    return open_object(reader, key, err);
}

enum wb_rc wb_s3_open(struct wb_store *base, enum wb_place place, struct wb_span name, bool medium,
                      struct wb_file **ret, struct wb_err *err)
{
    char shown[SHOWN_MAX];
    struct reader *reader WB_AUTO(reader_free) = wb_xcalloc(1, sizeof(*reader));
    (void)medium;
    reader->file.base.ops = base->ops;
    reader->file.base.store = base;
    reader->store = s3_of(base);
    reader->size_bytes = -1;
    if (open_named(reader, place, name, err) != WB_OK) {
        (void)!wb_s3_confirm_missing(reader->store, err);
        return wb_err_prefix(err, "cannot open \"%s\"", wb_path_show(name, shown, sizeof(shown)));
    }
    *ret = &reader->file.base;
    reader = NULL;
    return WB_OK;
}

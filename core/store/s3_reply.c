/* The documents of S3: errors, results, listings. They come from a stranger: every one is bounded,
 * and what does not fit is an error. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/url.h"
#include "core/store/s3_parts.h"
#include "core/store/xml.h"

enum { ENTRIES_MOST = 10 * S3_PAGE };

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool copy_text(struct wb_span text, char *ret, size_t size)
{
    if (text.len >= size || memchr(text.data ? (const void *)text.data : "", 0, text.len))
        return false;
    if (text.len)
        memcpy(ret, text.data, text.len);
    ret[text.len] = 0;
    return true;
}

static void copy_start(struct wb_span text, char *ret, size_t size)
{
    text.len = text.len < size ? text.len : size - 1;
    (void)copy_text(text, ret, size);
}

/* ---- errors ---- */

struct fault_read {
    struct s3_fault *fault;
    bool is_error;
};

static enum wb_rc fault_begin(void *arg, const struct wb_xml_element *element, struct wb_err *err)
{
    struct fault_read *read = arg;
    (void)err;
    if (element->depth == 1)
        read->is_error = is(element->name, "Error");
    return WB_OK;
}

static enum wb_rc fault_end(void *arg, const struct wb_xml_element *element, struct wb_span text,
                            struct wb_err *err)
{
    struct fault_read *read = arg;
    (void)err;
    if (element->depth != 2 || !read->is_error)
        return WB_OK;
    if (is(element->name, "Code"))
        copy_start(text, read->fault->code, sizeof(read->fault->code));
    else if (is(element->name, "Message"))
        copy_start(text, read->fault->message, sizeof(read->fault->message));
    else if (is(element->name, "Region"))
        copy_start(text, read->fault->region, sizeof(read->fault->region));
    return WB_OK;
}

bool wb_s3_parse_error(struct wb_span body, struct s3_fault *ret)
{
    struct wb_err err;
    struct fault_read read = {.fault = ret};
    const struct wb_xml_visitor visitor = {fault_begin, fault_end, &read};
    memset(ret, 0, sizeof(*ret));
    if (body.len == 0 || wb_xml_parse(body, &visitor, &err) != WB_OK)
        return false;
    return read.is_error && ret->code[0];
}

/* ---- one field ---- */

struct field_read {
    const char *root;
    const char *name;
    char *ret;
    size_t size;
    bool is_root;
    bool found;
};

static enum wb_rc field_begin(void *arg, const struct wb_xml_element *element, struct wb_err *err)
{
    struct field_read *read = arg;
    (void)err;
    if (element->depth == 1)
        read->is_root = read->root ? is(element->name, read->root) : !is(element->name, "Error");
    return WB_OK;
}

static enum wb_rc field_end(void *arg, const struct wb_xml_element *element, struct wb_span text,
                            struct wb_err *err)
{
    struct field_read *read = arg;
    (void)err;
    if (element->depth == 2 && read->is_root && is(element->name, read->name))
        read->found = copy_text(text, read->ret, read->size) && text.len > 0;
    return WB_OK;
}

enum wb_rc wb_s3_parse_field(struct wb_span body, const char *root, const char *name, char *ret,
                             size_t size, struct wb_err *err)
{
    struct field_read read = {.root = root, .name = name, .ret = ret, .size = size};
    const struct wb_xml_visitor visitor = {field_begin, field_end, &read};
    if (wb_xml_parse(body, &visitor, err) != WB_OK)
        return wb_http_bad_reply(err, "the reply is no xml with a %s", name);
    if (!read.found)
        return wb_http_bad_reply(err, "the reply has no %s", name);
    return WB_OK;
}

enum wb_rc wb_s3_parse_copied(const struct s3_store *store, const struct wb_http_reply *reply,
                              const char *root, const char *what, char ret[S3_ETAG_MAX + 1],
                              struct wb_err *err)
{
    char text[S3_ETAG_MAX * 2];
    if (!wb_http_is_ok(reply) || wb_s3_is_error(reply))
        return wb_s3_error(store, reply, what, err);
    if (wb_s3_parse_field(wb_buf_span(&reply->body), root, "ETag", text, sizeof(text), err) !=
        WB_OK)
        return wb_err_prefix(err, "%s", what);
    if (!wb_s3_etag_copy(text, ret))
        return wb_http_bad_reply(err, "%s: a bad etag in the reply", what);
    return WB_OK;
}

/* ---- listings ---- */

struct page_read {
    struct s3_page *page;
    struct s3_entry entry;
    bool has_key;
    bool has_more;
    bool bad;
};

static struct wb_span unescape(struct wb_arena *arena, struct wb_span text, bool *ret_bad)
{
    struct wb_err err;
    struct wb_buf plain WB_AUTO(wb_buf_free) = wb_buf_make(WB_XML_TEXT_MAX);
    struct wb_buf spaced WB_AUTO(wb_buf_free) = wb_buf_make(WB_XML_TEXT_MAX);
    if (wb_buf_append(&spaced, text, &err) != WB_OK) {
        *ret_bad = true;
        return wb_span_of("", 0);
    }
    for (size_t i = 0; i < spaced.len; i++)
        if (spaced.data[i] == '+') /* as forms have it */
            spaced.data[i] = ' ';
    if (wb_url_unescape(&plain, wb_buf_span(&spaced), &err) != WB_OK)
        *ret_bad = true;
    return wb_arena_span(arena, wb_buf_span(&plain));
}

static bool read_number(struct wb_span text, int64_t *ret)
{
    char digits[24];
    char *end;
    if (text.len == 0 || !copy_text(text, digits, 20) || digits[0] < '0' || digits[0] > '9')
        return false;
    *ret = strtoll(digits, &end, 10);
    return *end == 0;
}

static bool read_time(struct wb_span text, int64_t *ret_ms)
{
    char time[64];
    struct wb_err err;
    return copy_text(text, time, sizeof(time)) && wb_clock_parse(time, 0, ret_ms, &err) == WB_OK;
}

static bool read_etag(struct wb_arena *arena, struct wb_span text, const char **ret)
{
    char raw[2 * S3_ETAG_MAX];
    char etag[S3_ETAG_MAX + 1];
    if (!copy_text(text, raw, sizeof(raw)) || !wb_s3_etag_copy(raw, etag))
        return false;
    *ret = wb_arena_strdup(arena, etag);
    return true;
}

static bool is_entry(const char *name)
{
    return is(name, "Contents") || is(name, "Upload");
}

static enum wb_rc page_begin(void *arg, const struct wb_xml_element *element, struct wb_err *err)
{
    struct page_read *read = arg;
    bool uploads = is(element->name, "ListMultipartUploadsResult");
    if (element->depth == 1 && !uploads && !is(element->name, "ListBucketResult"))
        return wb_http_bad_reply(err, "the reply is no listing but \"%.40s\"", element->name);
    if (element->depth == 1)
        read->has_more = uploads; /* some leave out that there are no more of these */
    if (element->depth == 2 && is_entry(element->name)) {
        read->entry = (struct s3_entry){.etag = "", .upload = "", .size_bytes = -1};
        read->has_key = false;
    }
    return WB_OK;
}

static void entry_field(struct page_read *read, const char *name, struct wb_span text)
{
    struct wb_arena *arena = read->page->arena;
    struct s3_entry *entry = &read->entry;
    if (is(name, "Key")) {
        entry->key = unescape(arena, text, &read->bad);
        read->has_key = true;
    } else if (is(name, "Size")) {
        read->bad |= !read_number(text, &entry->size_bytes);
    } else if (is(name, "ETag")) {
        read->bad |= !read_etag(arena, text, &entry->etag);
    } else if (is(name, "UploadId")) {
        entry->upload = (const char *)wb_arena_span(arena, text).data;
        read->bad |= text.len == 0 || text.len > S3_UPLOAD_MAX;
    } else if (is(name, "LastModified") || is(name, "Initiated")) {
        read->bad |= !read_time(text, &entry->modified_ms);
    }
}

static enum wb_rc entry_end(struct page_read *read, struct wb_err *err)
{
    struct s3_page *page = read->page;
    if (!read->has_key || read->bad || page->count == ENTRIES_MOST)
        return wb_http_bad_reply(err, "a listing has an entry that cannot be read");
    page->entries[page->count++] = read->entry;
    return WB_OK;
}

static const char *text_keep(struct wb_arena *arena, struct wb_span text)
{
    return (const char *)wb_arena_span(arena, text).data;
}

static enum wb_rc page_end(void *arg, const struct wb_xml_element *element, struct wb_span text,
                           struct wb_err *err)
{
    struct page_read *read = arg;
    struct s3_page *page = read->page;
    const char *name = element->name;
    if (element->depth == 3 && is_entry(element->parent))
        entry_field(read, name, text);
    if (element->depth != 2)
        return WB_OK;
    if (is_entry(name))
        return entry_end(read, err);
    if (is(name, "IsTruncated")) {
        page->more = wb_span_eq(text, wb_span_str("true"));
        read->bad |= !page->more && !wb_span_eq(text, wb_span_str("false"));
        read->has_more = true;
    } else if (is(name, "NextContinuationToken")) {
        page->next = text_keep(page->arena, text);
    } else if (is(name, "NextKeyMarker")) {
        page->next = (const char *)unescape(page->arena, text, &read->bad).data;
    } else if (is(name, "NextUploadIdMarker")) {
        page->next_upload = text_keep(page->arena, text);
    }
    return WB_OK;
}

enum wb_rc wb_s3_parse_page(struct wb_span body, struct s3_page *ret, struct wb_err *err)
{
    struct page_read read = {.page = ret};
    const struct wb_xml_visitor visitor = {page_begin, page_end, &read};
    ret->entries = wb_arena_alloc(ret->arena, ENTRIES_MOST * sizeof(*ret->entries));
    ret->count = 0;
    ret->more = false;
    ret->next = ret->next_upload = "";
    if (wb_xml_parse(body, &visitor, err) != WB_OK) {
        err->retryable = true;
        return WB_ERROR;
    }
    if (!read.has_more || read.bad || (ret->more && !*ret->next))
        return wb_http_bad_reply(err, "a listing does not say whether or where it goes on");
    return WB_OK;
}

/* ---- removals ---- */

static enum wb_rc removed_begin(void *arg, const struct wb_xml_element *element, struct wb_err *err)
{
    (void)arg;
    if (element->depth == 1 && !is(element->name, "DeleteResult"))
        return wb_http_bad_reply(err, "the reply is no result of a removal but \"%.40s\"",
                                 element->name);
    return WB_OK;
}

static enum wb_rc removed_end(void *arg, const struct wb_xml_element *element, struct wb_span text,
                              struct wb_err *err)
{
    char code[64] = "";
    (void)arg;
    if (element->depth != 3 || !is(element->parent, "Error") || !is(element->name, "Code"))
        return WB_OK;
    (void)copy_text(text, code, sizeof(code));
    if (is(code, "NoSuchKey"))
        return WB_OK;
    bool denied = is(code, "AccessDenied");
    (void)wb_err_set(err, denied ? WB_CAT_DENIED : WB_CAT_IO, "not all objects were removed: %s",
                     code);
    (void)snprintf(err->code, sizeof(err->code), "%.31s", code);
    return WB_ERROR;
}

enum wb_rc wb_s3_parse_removed(struct wb_span body, struct wb_err *err)
{
    const struct wb_xml_visitor visitor = {removed_begin, removed_end, NULL};
    if (body.len == 0)
        return WB_OK;
    return wb_xml_parse(body, &visitor, err);
}

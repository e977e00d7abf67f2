/* What a WebDAV server says of a folder: whatever comes, no entry lies elsewhere than below the
 * root, and none has a length that no file has. The parser is read from a stream, so its file is
 * taken in here. */
#include "core/store/dav_list.c"
#include "tests/fuzz/fuzz.h"

static const char root[] = "/dav/";

static enum wb_rc on_entry(void *arg, const struct dav_entry *entry, struct wb_err *err)
{
    struct wb_err wrong;
    (void)arg;
    (void)err;
    must_hold(entry->path.len == 0 || entry->path.data[0] != 0);
    must_hold(
        !memchr(entry->path.data ? entry->path.data : (const uint8_t *)"", 0, entry->path.len));
    must_hold(entry->status == 0 || (entry->status >= 0 && entry->status <= 999));
    if (entry->is_folder || (entry->status != 0 && entry->status != 200))
        return WB_OK;
    must_hold(entry->stat.version.size_bytes >= 0);
    must_hold(strnlen(entry->stat.etag, WB_ETAG_MAX) < WB_ETAG_MAX);
    must_hold(strnlen(entry->stat.tag, WB_TAG_MAX) < WB_TAG_MAX);
    must_hold(entry->stat.version.mtime_ns >= -1);
    /* What is shown to anybody passes this check first. */
    if (wb_path_check(entry->path, &wrong) != WB_OK)
        must_be_error(&wrong);
    return WB_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wb_err err = {0};
    uint8_t path[sizeof(root)];
    struct dav_store store = {.root = {.data = path, .len = sizeof(root) - 1, .cap = 64}};
    struct parse parse = {.store = &store, .visit = on_entry, .date = ""};
    struct wb_xml_visitor visitor = {.begin = on_begin, .end = on_end, .arg = &parse};
    memcpy(path, root, sizeof(root));
    parse.path = wb_buf_make(WB_HTTP_HEADERS_MAX);
    if (wb_xml_parse(wb_span_of(data, size), &visitor, &err) != WB_OK)
        must_be_error(&err);
    wb_buf_free(&parse.path);
    return 0;
}

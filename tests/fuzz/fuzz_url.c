/* Names to URLs and back, URLs of nodes, and what a server may call a file: a name comes back as it
 * went, a node's URL is taken or refused in one line, and no href leads out of the root. */
#include "core/base/path.h"
#include "core/base/url.h"
#include "core/store/dav_parts.h"
#include "tests/fuzz/fuzz.h"

enum { URL_MOST = 2000, ARENA_BYTES = 1024 * 1024 };

static const char root[] = "/a b/";

static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-._~/%", c);
}

static void check_escape(struct wb_span bytes)
{
    struct wb_err err = {0};
    struct wb_buf escaped WB_AUTO(wb_buf_free) = wb_buf_make(3 * bytes.len);
    struct wb_buf back WB_AUTO(wb_buf_free) = wb_buf_make(3 * bytes.len);
    must_hold(wb_url_escape(&escaped, bytes, true, &err) == WB_OK);
    for (size_t i = 0; i < escaped.len; i++)
        must_hold(escaped.data[i] && is_plain(escaped.data[i]));
    bool has_nul = bytes.len && memchr(bytes.data, 0, bytes.len);
    must_hold((wb_url_unescape(&back, wb_buf_span(&escaped), &err) == WB_OK) == !has_nul);
    must_hold(has_nul || wb_span_eq(wb_buf_span(&back), bytes));
}

static void check_href(struct dav_store *store, struct wb_span bytes)
{
    bool folder;
    struct wb_err err = {0};
    struct wb_buf path WB_AUTO(wb_buf_free) = wb_buf_make(bytes.len);
    if (wb_dav_href(store, bytes, &path, &folder, &err) != WB_OK) {
        must_be_error(&err);
        must_hold(err.retryable);
        return;
    }
    must_hold(path.len <= bytes.len && !(path.len && memchr(path.data, 0, path.len)));
}

/* What we ask for is what is understood when it comes back. */
static void check_round(struct dav_store *store, struct wb_span bytes)
{
    bool folder;
    struct wb_err err = {0};
    if (bytes.len > URL_MOST || wb_path_check(bytes, &err) != WB_OK)
        return;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(ARENA_BYTES);
    struct wb_buf path WB_AUTO(wb_buf_free) = wb_buf_make(bytes.len);
    const char *asked = wb_dav_path(arena, WB_PLACE_FINAL, bytes, false);
    const char *href = wb_arena_printf(arena, "/a%%20b%s", asked);
    must_hold(wb_dav_href(store, wb_span_str(href), &path, &folder, &err) == WB_OK);
    must_hold(!folder && wb_span_eq(wb_buf_span(&path), bytes));
}

static void check_node(struct wb_span bytes)
{
    char text[URL_MOST];
    struct wb_err err = {0};
    static const char *const schemes[] = {"", "http://", "https://", "s3://"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        int len = bytes.len < URL_MOST / 2 ? (int)bytes.len : URL_MOST / 2;
        (void)snprintf(text, sizeof(text), "%s%.*s", schemes[i], len,
                       len ? (const char *)bytes.data : "");
        if (wb_store_check_url(text, NULL, &err) != WB_OK)
            must_be_error(&err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t path[sizeof(root)];
    struct wb_span bytes = wb_span_of(data, size);
    struct dav_store store = {.root = {.data = path, .len = sizeof(root) - 1, .cap = 64}};
    memcpy(path, root, sizeof(root));
    check_escape(bytes);
    check_href(&store, bytes);
    check_round(&store, bytes);
    check_node(bytes);
    return 0;
}

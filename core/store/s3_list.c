/* Listings, page by page. They come from a stranger: a page is bounded, and listings that go round
 * in circles are noticed. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/path.h"
#include "core/base/url.h"
#include "core/store/s3_parts.h"

enum { PAGE_ARENA = 4 * S3_LIST_MOST, QUERY_MOST = 16 * 1024, EMPTY_PAGES_MOST = 1000 };

/* ---- pages ---- */

struct walk {
    struct s3_store *store;
    const char *prefix;
    bool uploads;
    char *next;
    char *next_upload;
    char *seen; /* a place that was gone on from before, moved on at pages 1, 2, 4, 8 … */
    int64_t pages;
    int64_t empty; /* in a row */
};

static void walk_end(struct walk *walk)
{
    free(walk->next);
    free(walk->next_upload);
    free(walk->seen);
}

static enum wb_rc query_add(struct wb_buf *query, const char *name, const char *value,
                            struct wb_err *err)
{
    if (wb_buf_printf(query, err, "&%s=", name) != WB_OK)
        return WB_ERROR;
    return wb_url_escape(query, wb_span_str(value), false, err);
}

static enum wb_rc query_make(const struct walk *walk, struct wb_buf *query, struct wb_err *err)
{
    if (wb_buf_printf(query, err, "%s&max-%s=%d&encoding-type=url",
                      walk->uploads ? "uploads=" : "list-type=2",
                      walk->uploads ? "uploads" : "keys", S3_PAGE) != WB_OK ||
        query_add(query, "prefix", walk->prefix, err) != WB_OK)
        return WB_ERROR;
    if (!walk->next)
        return WB_OK;
    if (!walk->uploads)
        return query_add(query, "continuation-token", walk->next, err);
    if (query_add(query, "key-marker", walk->next, err) != WB_OK)
        return WB_ERROR;
    return *walk->next_upload ? query_add(query, "upload-id-marker", walk->next_upload, err)
                              : WB_OK;
}

static enum wb_rc page_get(struct walk *walk, struct s3_page *page, struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_buf query WB_AUTO(wb_buf_free) = wb_buf_make(QUERY_MOST);
    struct s3_ask ask = {.method = "GET", .reply_most = S3_LIST_MOST};
    if (query_make(walk, &query, err) != WB_OK)
        return WB_ERROR;
    ask.query = wb_buf_cstr(&query);
    if (wb_s3_do(walk->store, &ask, "the bucket cannot be listed", &reply, err) != WB_OK)
        return WB_ERROR;
    if (wb_s3_is_error(&reply))
        return wb_s3_error(walk->store, &reply, "the bucket cannot be listed", err);
    return wb_s3_parse_page(wb_buf_span(&reply.body), page, err);
}

/* Brent's way of finding a circle: one place is remembered, and moved on ever more rarely. */
static enum wb_rc move_on(struct walk *walk, const struct s3_page *page, struct wb_err *err)
{
    struct wb_buf place WB_AUTO(wb_buf_free) = wb_buf_make(QUERY_MOST);
    walk->pages++;
    walk->empty = page->count ? 0 : walk->empty + 1;
    if (wb_buf_printf(&place, err, "%s %s", page->next, page->next_upload) != WB_OK)
        return wb_http_bad_reply(err, "a listing has a mark that is too long");
    if ((walk->seen && strcmp(walk->seen, wb_buf_cstr(&place)) == 0) ||
        walk->empty > EMPTY_PAGES_MOST)
        return wb_http_bad_reply(err, "a listing goes round in circles");
    if ((walk->pages & (walk->pages - 1)) == 0) {
        free(walk->seen);
        walk->seen = wb_xstrdup(wb_buf_cstr(&place));
    }
    free(walk->next);
    free(walk->next_upload);
    walk->next = wb_xstrdup(page->next);
    walk->next_upload = wb_xstrdup(page->next_upload);
    return WB_OK;
}

enum wb_rc wb_s3_each_page(struct s3_store *store, const char *prefix, bool uploads,
                           s3_page_visit *visit, void *arg, struct wb_err *err)
{
    struct walk walk WB_AUTO(walk_end) = {.store = store, .prefix = prefix, .uploads = uploads};
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(PAGE_ARENA);
    for (;;) {
        struct s3_page page = {.arena = arena};
        wb_arena_reset(arena);
        if (page_get(&walk, &page, err) != WB_OK || visit(arg, &page, err) != WB_OK)
            return WB_ERROR;
        if (!page.more)
            return WB_OK;
        if (move_on(&walk, &page, err) != WB_OK)
            return WB_ERROR;
    }
}

/* ---- files ---- */

struct listing {
    struct s3_store *store;
    wb_store_visit *visit;
    void *arg;
    const char *prefix; /* of the keys that are meant */
    size_t root_len;    /* of the node's own prefix */
    int64_t count;
};

static bool is_staging(struct wb_span path)
{
    static const char name[] = WB_STAGING_DIR "/";
    return path.len >= sizeof(name) - 1 && memcmp(path.data, name, sizeof(name) - 1) == 0;
}

/* Keys that end with a slash are what others have for folders. */
static bool is_file(const struct listing *listing, const struct s3_entry *entry)
{
    size_t prefix_len = strlen(listing->prefix);
    if (entry->key.len <= prefix_len || memcmp(entry->key.data, listing->prefix, prefix_len) != 0)
        return false; /* not asked for */
    return entry->key.data[entry->key.len - 1] != '/' &&
           !is_staging(
               wb_span_of(entry->key.data + listing->root_len, entry->key.len - listing->root_len));
}

static enum wb_rc tell(struct listing *listing, struct wb_span path, const struct wb_stat *stat,
                       struct wb_err *problem, struct wb_err *err)
{
    listing->count++;
    if (stat)
        return listing->visit(listing->arg, path, stat, NULL, err);
    return listing->visit(listing->arg, path, NULL, problem, err);
}

static enum wb_rc tell_found(struct listing *listing, const struct s3_entry *entry,
                             struct wb_http_call *call, struct wb_err *err)
{
    struct wb_stat stat;
    struct wb_err problem = call->err;
    struct wb_span path =
        wb_span_of(entry->key.data + listing->root_len, entry->key.len - listing->root_len);
    if (call->rc == WB_OK && call->reply.status == 404)
        return WB_OK; /* gone meanwhile */
    bool seen = call->rc == WB_OK && wb_http_is_ok(&call->reply) &&
                wb_s3_stat_of(&call->reply, call->reply.length, &stat, &problem) == WB_OK;
    if (!seen && call->rc == WB_OK && !wb_http_is_ok(&call->reply))
        (void)wb_s3_error(listing->store, &call->reply, "the object cannot be looked at", &problem);
    if (seen)
        stat.version.etag = stat.etag;
    return tell(listing, path, seen ? &stat : NULL, &problem, err);
}

/* A listing does not have the metadata: it takes a look at each. */
static enum wb_rc look_at_group(struct listing *listing, const struct s3_entry *entries,
                                size_t count, struct wb_err *err)
{
    struct s3_ask asks[S3_GROUP];
    enum wb_rc rc = WB_OK;
    struct wb_http_call *calls = wb_xcalloc(count, sizeof(*calls));
    for (size_t i = 0; i < count; i++)
        asks[i] = (struct s3_ask){.method = "HEAD", .key = (const char *)entries[i].key.data};
    wb_s3_send_group(listing->store, asks, calls, count);
    for (size_t i = 0; i < count; i++) {
        if (rc == WB_OK)
            rc = tell_found(listing, &entries[i], &calls[i], err);
        wb_http_reply_free(&calls[i].reply);
    }
    free(calls);
    return rc;
}

static enum wb_rc list_page(void *arg, const struct s3_page *page, struct wb_err *err)
{
    struct listing *listing = arg;
    struct s3_entry group[S3_GROUP];
    size_t filled = 0;
    for (size_t i = 0; i < page->count; i++) {
        struct wb_err problem;
        const struct s3_entry *entry = &page->entries[i];
        struct wb_span path =
            wb_span_of(entry->key.data + listing->root_len, entry->key.len - listing->root_len);
        if (!is_file(listing, entry))
            continue;
        if (wb_path_check(path, &problem) == WB_OK)
            group[filled++] = *entry;
        else if (tell(listing, path, NULL, &problem, err) != WB_OK)
            return WB_ERROR;
        if (filled == S3_GROUP) {
            if (look_at_group(listing, group, filled, err) != WB_OK)
                return WB_ERROR;
            filled = 0;
        }
    }
    return filled ? look_at_group(listing, group, filled, err) : WB_OK;
}

/* A name may be a file and have others below it. */
static enum wb_rc tell_itself(struct listing *listing, struct wb_span path, struct wb_err *err)
{
    const char *key;
    struct wb_stat stat;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    if (wb_s3_final_key(listing->store, path, arena, &key, err) != WB_OK)
        return WB_ERROR;
    if (wb_s3_head(listing->store, key, &stat, NULL, err) == WB_OK)
        return tell(listing, path, &stat, NULL, err);
    return wb_s3_is_missing(err) ? WB_OK : WB_ERROR;
}

enum wb_rc wb_s3_list(struct wb_store *base, struct wb_span prefix, wb_store_visit *visit,
                      void *arg, struct wb_err *err)
{
    char shown[300];
    struct s3_store *store = s3_of(base);
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    struct listing listing = {
        .store = store, .visit = visit, .arg = arg, .root_len = strlen(store->prefix)};
    if (prefix.len && wb_path_check(prefix, err) != WB_OK)
        return WB_ERROR;
    listing.prefix =
        wb_arena_printf(arena, "%s%.*s%s", store->prefix, (int)prefix.len,
                        prefix.len ? (const char *)prefix.data : "", prefix.len ? "/" : "");
    if (wb_s3_each_page(store, listing.prefix, false, list_page, &listing, err) != WB_OK ||
        (prefix.len && tell_itself(&listing, prefix, err) != WB_OK))
        return WB_ERROR;
    if (listing.count || prefix.len == 0)
        return WB_OK;
    return wb_err_set(err, WB_CAT_NOT_FOUND, "there is nothing below \"%s\"",
                      wb_path_show(prefix, shown, sizeof(shown)));
}

/* PROPFIND: a reply is parsed as it comes, and nothing in it is believed that lies elsewhere than
 * what was asked for. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/path.h"
#include "core/store/dav_parts.h"
#include "core/store/xml.h"

enum { PIECE_BYTES = 64 * 1024, VALUE_MAX = 512 };

/* A folder of ten million names. */
#define REPLY_MOST ((size_t)8 * 1024 * 1024 * 1024)

static const char question[] = "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
                               "<propfind xmlns=\"DAV:\"><prop><resourcetype/><getcontentlength/>"
                               "<getlastmodified/><getetag/></prop></propfind>";

/* ---- one multistatus ---- */

struct props {
    bool is_folder;
    char length[VALUE_MAX];
    char modified[VALUE_MAX];
    char etag[VALUE_MAX];
};

struct parse {
    struct dav_store *store;
    dav_visit *visit;
    void *arg;
    const char *date;
    struct wb_buf path;
    bool has_path;
    bool slash;
    int status;         /* of the response; 0: none */
    int part_status;    /* of the propstat */
    struct props part;  /* of the propstat */
    struct props props; /* that are there */
};

static bool in_dav(const struct wb_xml_element *element, const char *name)
{
    return strcmp(element->name, name) == 0 && strcmp(element->space, "DAV:") == 0;
}

static bool is_in(const struct wb_xml_element *element, const char *name, const char *parent)
{
    return in_dav(element, name) && strcmp(element->parent, parent) == 0;
}

static enum wb_rc on_begin(void *arg, const struct wb_xml_element *element, struct wb_err *err)
{
    struct parse *parse = arg;
    if (element->depth == 1 && !in_dav(element, "multistatus"))
        return wb_http_bad_reply(err, "the listing is no multistatus");
    if (is_in(element, "response", "multistatus")) {
        wb_buf_clear(&parse->path);
        parse->has_path = parse->slash = false;
        parse->status = 0;
        parse->props = (struct props){0};
    } else if (is_in(element, "propstat", "response")) {
        parse->part = (struct props){0};
        parse->part_status = 0;
    } else if (is_in(element, "collection", "resourcetype")) {
        parse->part.is_folder = true;
    }
    return WB_OK;
}

static int status_of(struct wb_span text)
{
    const uint8_t *blank = text.len ? memchr(text.data, ' ', text.len) : NULL;
    size_t at = blank ? (size_t)(blank - text.data) + 1 : text.len;
    int status = 0;
    for (size_t i = at; i < at + 3; i++) {
        if (i >= text.len || text.data[i] < '0' || text.data[i] > '9')
            return 500;
        status = status * 10 + text.data[i] - '0';
    }
    return status;
}

static struct wb_span trimmed(struct wb_span text)
{
    static const char blanks[] = " \t\r\n";
    while (text.len && strchr(blanks, text.data[text.len - 1]))
        text.len--;
    while (text.len && strchr(blanks, text.data[0]))
        text = wb_span_of(text.data + 1, text.len - 1);
    return text;
}

static void keep(char value[VALUE_MAX], struct wb_span text)
{
    (void)snprintf(value, VALUE_MAX, "%.*s", (int)(text.len < VALUE_MAX ? text.len : 0),
                   text.len ? (const char *)text.data : "");
}

static void merge(struct parse *parse)
{
    const struct props *part = &parse->part;
    if (parse->part_status && (parse->part_status < 200 || parse->part_status > 299))
        return;
    parse->props.is_folder |= part->is_folder;
    if (*part->length)
        memcpy(parse->props.length, part->length, VALUE_MAX);
    if (*part->modified)
        memcpy(parse->props.modified, part->modified, VALUE_MAX);
    if (*part->etag)
        memcpy(parse->props.etag, part->etag, VALUE_MAX);
}

static int64_t length_of(const char *text)
{
    char *end;
    if (*text < '0' || *text > '9')
        return -1;
    long long value = strtoll(text, &end, 10);
    return *end || value == INT64_MAX ? -1 : value;
}

static enum wb_rc emit(struct parse *parse, struct wb_err *err)
{
    const struct props *props = &parse->props;
    struct dav_entry entry = {.path = wb_buf_span(&parse->path),
                              .status = parse->status,
                              .is_folder = props->is_folder || parse->slash};
    if (!parse->has_path)
        return wb_http_bad_reply(err, "the listing has an entry without a name");
    int64_t length = length_of(props->length);
    if (!entry.is_folder && length < 0 && (entry.status == 0 || entry.status == 200))
        return wb_http_bad_reply(err, "the listing does not tell a file's length");
    wb_dav_stat_fill(length, *props->etag ? props->etag : NULL,
                     *props->modified ? props->modified : NULL, *parse->date ? parse->date : NULL,
                     &entry.stat);
    return parse->visit(parse->arg, &entry, err);
}

static enum wb_rc on_end(void *arg, const struct wb_xml_element *element, struct wb_span raw,
                         struct wb_err *err)
{
    struct parse *parse = arg;
    struct wb_span text = trimmed(raw);
    if (is_in(element, "href", "response") && !parse->has_path) {
        parse->has_path = true;
        return wb_dav_href(parse->store, text, &parse->path, &parse->slash, err);
    }
    if (is_in(element, "status", "response"))
        parse->status = status_of(text);
    else if (is_in(element, "status", "propstat"))
        parse->part_status = status_of(text);
    else if (is_in(element, "getcontentlength", "prop"))
        keep(parse->part.length, text);
    else if (is_in(element, "getlastmodified", "prop"))
        keep(parse->part.modified, text);
    else if (is_in(element, "getetag", "prop"))
        keep(parse->part.etag, text);
    else if (is_in(element, "propstat", "response"))
        merge(parse);
    else if (is_in(element, "response", "multistatus"))
        return emit(parse, err);
    return WB_OK;
}

static enum wb_rc feed_all(struct wb_http_stream *stream, struct wb_xml *xml, struct wb_err *err)
{
    size_t len = 1;
    uint8_t *piece WB_AUTO(wb_free_ptr) = wb_xcalloc(1, PIECE_BYTES);
    while (len) {
        if (wb_http_read(stream, piece, PIECE_BYTES, &len, err) != WB_OK ||
            (len && wb_xml_feed(xml, wb_span_of(piece, len), err) != WB_OK))
            return WB_ERROR;
    }
    return wb_xml_finish(xml, err);
}

enum wb_rc wb_dav_propfind(struct dav_store *store, const char *path, const char *depth,
                           dav_visit *visit, void *arg, char *ret_date, struct wb_err *err)
{
    char line[32];
    const char *const headers[] = {line, "Content-Type: application/xml; charset=utf-8", NULL};
    struct wb_http_request request = {
        .method = "PROPFIND", .path = path, .headers = headers, .body = wb_span_str(question)};
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_http_stream *stream WB_AUTO(wb_http_close) = NULL;
    (void)snprintf(line, sizeof(line), "Depth: %s", depth);
    if (wb_http_open(store->http, &request, &stream, &reply, err) != WB_OK)
        return WB_ERROR;
    if (reply.status != 207)
        return wb_http_error(&reply, err, "cannot list it");
    const char *date = wb_http_header(&reply, "date");
    struct parse parse = {.store = store, .visit = visit, .arg = arg, .date = date ? date : ""};
    struct wb_buf path_buf WB_AUTO(wb_buf_free) = wb_buf_make(WB_HTTP_HEADERS_MAX);
    struct wb_xml_visitor visitor = {.begin = on_begin, .end = on_end, .arg = &parse};
    struct wb_xml *xml WB_AUTO(wb_xml_free) = wb_xml_new(&visitor, REPLY_MOST);
    parse.path = path_buf;
    if (ret_date)
        (void)snprintf(ret_date, 32, "%.31s", parse.date);
    enum wb_rc rc = feed_all(stream, xml, err);
    path_buf = parse.path;
    return rc;
}

/* ---- walking ---- */

/* Folders that are still to be looked into. */
struct walk {
    struct dav_store *store;
    wb_store_visit *visit;
    void *arg;
    struct wb_arena *arena;
    struct folder {
        struct folder *next;
        struct wb_span path;
    } * folders;
    struct wb_span now; /* that is listed */
};

/* Whether the entry is directly below the folder that is listed; the folder itself is not. */
static enum wb_rc below_check(const struct walk *walk, struct wb_span path, bool *ret_below,
                              struct wb_err *err)
{
    size_t len = walk->now.len;
    *ret_below = false;
    if (wb_span_eq(path, walk->now))
        return WB_OK;
    size_t at = len ? len + 1 : 0;
    bool under =
        path.len > at &&
        (len == 0 || (memcmp(path.data, walk->now.data, len) == 0 && path.data[len] == '/'));
    if (!under || memchr(path.data + at, '/', path.len - at))
        return wb_http_bad_reply(err, "the listing names what is not in the folder");
    *ret_below = true;
    return WB_OK;
}

static enum wb_rc tell_problem(struct walk *walk, const struct dav_entry *entry, struct wb_err *err)
{
    struct wb_err problem;
    struct wb_http_reply reply = {.status = entry->status};
    if (entry->status == 404)
        return WB_OK;
    (void)wb_http_error(&reply, &problem, "cannot look at it");
    return walk->visit(walk->arg, entry->path, NULL, &problem, err);
}

static bool is_staging(struct wb_span path)
{
    return wb_span_eq(path, wb_span_str(WB_STAGING_DIR));
}

static enum wb_rc walk_entry(void *arg, const struct dav_entry *entry, struct wb_err *err)
{
    bool below;
    struct wb_err problem;
    struct walk *walk = arg;
    if (below_check(walk, entry->path, &below, err) != WB_OK)
        return WB_ERROR;
    if (!below || is_staging(entry->path))
        return WB_OK;
    if (wb_path_check(entry->path, &problem) != WB_OK)
        return walk->visit(walk->arg, entry->path, NULL, &problem, err);
    if (entry->status && entry->status != 200)
        return tell_problem(walk, entry, err);
    if (!entry->is_folder)
        return walk->visit(walk->arg, entry->path, &entry->stat, NULL, err);
    size_t needed =
        wb_arena_rounded(sizeof(*walk->folders)) + wb_arena_rounded(entry->path.len + 1);
    if (wb_arena_left(walk->arena) < 2 * needed)
        return wb_err_set(err, WB_CAT_LIMIT, "too many folders to list");
    struct folder *folder = wb_arena_alloc(walk->arena, sizeof(*folder));
    folder->path = wb_arena_span(walk->arena, entry->path);
    folder->next = walk->folders;
    walk->folders = folder;
    return WB_OK;
}

/* A folder that went meanwhile held nothing; one that may not be looked into is told. */
static enum wb_rc walk_folder(struct walk *walk, bool is_first, struct wb_err *err)
{
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(DAV_PATHS_MAX);
    const char *path = wb_dav_path(arena, WB_PLACE_FINAL, walk->now, true);
    if (wb_dav_propfind(walk->store, path, "1", walk_entry, walk, NULL, err) == WB_OK)
        return WB_OK;
    bool by_status = strncmp(err->code, "HTTP ", 5) == 0;
    if (is_first || !by_status)
        return WB_ERROR;
    if (err->category == WB_CAT_NOT_FOUND)
        return WB_OK;
    if (err->category != WB_CAT_DENIED)
        return WB_ERROR;
    struct wb_err problem = *err;
    return walk->visit(walk->arg, walk->now, NULL, &problem, err);
}

static enum wb_rc walk_all(struct walk *walk, struct wb_err *err)
{
    if (walk_folder(walk, true, err) != WB_OK)
        return WB_ERROR;
    while (walk->folders) {
        walk->now = walk->folders->path;
        walk->folders = walk->folders->next;
        if (walk_folder(walk, false, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

enum wb_rc wb_dav_list(struct wb_store *base, struct wb_span prefix, wb_store_visit *visit,
                       void *arg, struct wb_err *err)
{
    struct wb_stat stat = {.version = {.kind = WB_FILE_DIRECTORY}};
    struct dav_store *store = dav_of(base);
    int64_t since_ns = wb_clock_mono_ns();
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new((size_t)4 * DAV_PATHS_MAX);
    struct walk walk = {.store = store, .visit = visit, .arg = arg, .arena = arena, .now = prefix};
    if (!store->is_dav)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "the server has no listing");
    if (prefix.len && wb_path_check(prefix, err) != WB_OK)
        return WB_ERROR;
    if (prefix.len && wb_dav_stat(base, WB_PLACE_FINAL, prefix, &stat, err) != WB_OK)
        return WB_ERROR;
    if (stat.version.kind != WB_FILE_DIRECTORY)
        return visit(arg, prefix, &stat, NULL, err);
    return walk_all(&walk, err) == WB_OK ? WB_OK : wb_dav_lacks(store, since_ns, err);
}

/* ---- sweeping ---- */

struct sweep {
    struct dav_store *store;
    struct wb_arena *arena;
    char date[32];
    int64_t age_ms;
    struct folder *folders;
    struct folder *old;
    struct wb_span now; /* the folder that is listed, relative to the root */
    size_t live;        /* what is left in it */
};

static void note(struct sweep *sweep, struct folder **list, struct wb_span path)
{
    struct folder *item = wb_arena_alloc(sweep->arena, sizeof(*item));
    item->path = wb_arena_span(sweep->arena, path);
    item->next = *list;
    *list = item;
}

/* A file may be dated before it was made, to be told apart. */
static bool is_old(const struct sweep *sweep, const struct wb_stat *stat)
{
    int64_t now_s = *sweep->date ? wb_http_date_parse(sweep->date) : wb_clock_wall_ms() / 1000;
    int64_t slack_ms = sweep->age_ms > 0 ? DAV_DATES_BACK_S * 1000LL : 0;
    return stat->version.mtime_ns >= 0 &&
           stat->version.mtime_ns / 1000000 <= now_s * 1000 - sweep->age_ms - slack_ms;
}

/* Names below the staging area, as far as the arena has room: the rest another time. */
static enum wb_rc sweep_entry(void *arg, const struct dav_entry *entry, struct wb_err *err)
{
    struct sweep *sweep = arg;
    size_t skip = sizeof(WB_STAGING_DIR);
    (void)err;
    if (wb_span_eq(entry->path, sweep->now))
        return WB_OK;
    sweep->live++;
    if (entry->path.len <= skip || memcmp(entry->path.data, WB_STAGING_DIR "/", skip) != 0 ||
        wb_arena_left(sweep->arena) < 2 * WB_PATH_MAX)
        return WB_OK;
    struct wb_span name = wb_span_of(entry->path.data + skip, entry->path.len - skip);
    if (entry->is_folder)
        note(sweep, &sweep->folders, name);
    else if (!wb_span_eq(name, wb_span_str("marker")) && is_old(sweep, &entry->stat))
        note(sweep, &sweep->old, name);
    return WB_OK;
}

static enum wb_rc sweep_folder(struct sweep *sweep, struct wb_span name, struct wb_err *err)
{
    char *path = wb_dav_path(sweep->arena, WB_PLACE_STAGED, name, true);
    char *now = name.len ? wb_arena_printf(sweep->arena, WB_STAGING_DIR "/%.*s", (int)name.len,
                                           (const char *)name.data)
                         : wb_arena_strdup(sweep->arena, WB_STAGING_DIR);
    sweep->now = wb_span_str(now);
    sweep->live = 0;
    if (wb_dav_propfind(sweep->store, path, "1", sweep_entry, sweep, sweep->date, err) == WB_OK)
        return WB_OK;
    return err->category == WB_CAT_NOT_FOUND ? WB_OK : WB_ERROR;
}

static enum wb_rc drop_old(struct sweep *sweep, int64_t *ret_count, struct wb_err *err)
{
    for (; sweep->old; sweep->old = sweep->old->next) {
        char *path = wb_dav_path(sweep->arena, WB_PLACE_STAGED, sweep->old->path, false);
        if (wb_dav_delete(sweep->store, path, err) != WB_OK)
            return WB_ERROR;
        ++*ret_count;
    }
    return WB_OK;
}

enum wb_rc wb_dav_sweep(struct wb_store *base, int64_t age_ms, int64_t *ret_count,
                        struct wb_err *err)
{
    int64_t count = 0;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(DAV_PATHS_MAX);
    struct sweep sweep = {.store = dav_of(base), .arena = arena, .age_ms = age_ms};
    if (sweep_folder(&sweep, wb_span_of(NULL, 0), err) != WB_OK ||
        drop_old(&sweep, &count, err) != WB_OK)
        return WB_ERROR;
    struct folder *folders = sweep.folders;
    sweep.folders = NULL; /* what is in a folder of a folder is not ours */
    for (; folders; folders = folders->next) {
        if (sweep_folder(&sweep, folders->path, err) != WB_OK ||
            drop_old(&sweep, &count, err) != WB_OK)
            return WB_ERROR;
        wb_dav_drop_folder(sweep.store, wb_arena_printf(arena, "%.*s/", (int)folders->path.len,
                                                        (const char *)folders->path.data));
    }
    *ret_count = count;
    return WB_OK;
}

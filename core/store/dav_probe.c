/* What a server does with what is written is found by trying, on files of our own in a folder of
 * the staging area, which goes afterwards (or is swept). A refusal here is an answer; only what no
 * target can do without is an error. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/path.h"
#include "core/store/dav_parts.h"

enum { PROBE_PATH_MAX = 160 };

struct probe {
    struct dav_store *store;
    struct dav_powers powers;
    char folder[PROBE_PATH_MAX / 2]; /* with a slash at its end */
};

static void path_of(const struct probe *probe, const char *name, char path[PROBE_PATH_MAX])
{
    (void)snprintf(path, PROBE_PATH_MAX, "%s%s", probe->folder, name);
}

/* ---- requests; `ret_ok`: the server did it ---- */

static enum wb_rc ask(struct probe *probe, const struct wb_http_request *request, bool *ret_ok,
                      struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    if (wb_http_send(probe->store->http, request, &reply, err) != WB_OK)
        return WB_ERROR;
    *ret_ok = wb_http_is_ok(&reply) && reply.status != 207;
    if (!*ret_ok)
        (void)wb_http_error(&reply, err, "%s is refused", request->method);
    return WB_OK;
}

static enum wb_rc put(struct probe *probe, const char *name, const char *text, const char *header,
                      bool *ret_ok, struct wb_err *err)
{
    char path[PROBE_PATH_MAX];
    const char *const headers[] = {header, NULL};
    struct wb_http_request request = {
        .method = "PUT", .path = path, .headers = headers, .body = wb_span_str(text)};
    path_of(probe, name, path);
    return ask(probe, &request, ret_ok, err);
}

static enum wb_rc move(struct probe *probe, const char *from, const char *to, bool overwrite,
                       bool *ret_ok, struct wb_err *err)
{
    char path[PROBE_PATH_MAX];
    char target[PROBE_PATH_MAX];
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    path_of(probe, from, path);
    path_of(probe, to, target);
    if (wb_dav_move(probe->store, path, target, overwrite, &reply, err) != WB_OK)
        return WB_ERROR;
    *ret_ok = wb_http_is_ok(&reply) && reply.status != 207;
    if (!*ret_ok)
        (void)wb_http_error(&reply, err, "MOVE is refused");
    return WB_OK;
}

static enum wb_rc make_folders(struct probe *probe, const char *name, struct wb_err *err)
{
    char path[PROBE_PATH_MAX];
    path_of(probe, name, path);
    return wb_dav_folders(probe->store, path, true, err);
}

/* The tag, "" when there is none. */
static enum wb_rc tag_of(struct probe *probe, const char *name, char tag[WB_TAG_MAX],
                         struct wb_err *err)
{
    struct wb_stat stat;
    char path[PROBE_PATH_MAX];
    path_of(probe, name, path);
    *tag = 0;
    if (wb_dav_stat_path(probe->store, path, &stat, err) == WB_OK) {
        memcpy(tag, stat.tag, WB_TAG_MAX);
        return WB_OK;
    }
    return err->category == WB_CAT_NOT_FOUND ? WB_OK : WB_ERROR;
}

static enum wb_rc holds(struct probe *probe, const char *name, const char *text, bool *ret_holds,
                        struct wb_err *err)
{
    char path[PROBE_PATH_MAX];
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_http_request request = {.method = "GET", .path = path};
    path_of(probe, name, path);
    if (wb_http_send(probe->store->http, &request, &reply, err) != WB_OK)
        return WB_ERROR;
    *ret_holds = reply.status == 200 && wb_span_eq(wb_buf_span(&reply.body), wb_span_str(text));
    return WB_OK;
}

/* ---- what is tried ---- */

/* Without PUT nothing goes. */
static enum wb_rc try_put(struct probe *probe, struct wb_err *err)
{
    bool ok;
    if (put(probe, "a", "one", NULL, &ok, err) != WB_OK)
        return WB_ERROR;
    probe->powers.puts_make_folders = ok;
    if (ok)
        return WB_OK;
    if (make_folders(probe, "a", err) != WB_OK || put(probe, "a", "one", NULL, &ok, err) != WB_OK)
        return WB_ERROR;
    return ok ? WB_OK : WB_ERROR;
}

static enum wb_rc unfit(struct wb_err *err, const char *what)
{
    return wb_err_set(err, WB_CAT_UNSUPPORTED, "the server cannot be a target: %s", what);
}

/* Without MOVE, and a tag that it keeps, neither. */
static enum wb_rc try_move(struct probe *probe, struct wb_err *err)
{
    bool ok;
    char before[WB_TAG_MAX];
    char after[WB_TAG_MAX];
    if (tag_of(probe, "a", before, err) != WB_OK ||
        move(probe, "a", "to/b", true, &ok, err) != WB_OK)
        return WB_ERROR;
    probe->powers.moves_make_folders = ok;
    if (!ok && (make_folders(probe, "to/b", err) != WB_OK ||
                move(probe, "a", "to/b", true, &ok, err) != WB_OK))
        return WB_ERROR;
    if (!ok)
        return unfit(err, "it does not move files");
    if (tag_of(probe, "to/b", after, err) != WB_OK)
        return WB_ERROR;
    if (!*before)
        return unfit(err, "what it stores has no etag");
    return strcmp(before, after) == 0 ? WB_OK
                                      : unfit(err, "a file's etag changes when it is moved");
}

static enum wb_rc try_conditions(struct probe *probe, struct wb_err *err)
{
    bool ok;
    bool kept;
    if (put(probe, "to/b", "two", "If-None-Match: *", &ok, err) != WB_OK ||
        put(probe, "to/b", "two", NULL, &ok, err) != WB_OK ||
        put(probe, "to/c", "new", NULL, &ok, err) != WB_OK)
        return WB_ERROR;
    if (put(probe, "to/b", "bad", "If-None-Match: *", &ok, err) != WB_OK ||
        holds(probe, "to/b", "two", &kept, err) != WB_OK)
        return WB_ERROR;
    probe->powers.refuses_taken = !ok && kept;
    if (put(probe, "to/b", "two", NULL, &ok, err) != WB_OK ||
        move(probe, "to/c", "to/b", false, &ok, err) != WB_OK ||
        holds(probe, "to/b", "two", &kept, err) != WB_OK)
        return WB_ERROR;
    probe->powers.keeps_existing = !ok && kept;
    return WB_OK;
}

/* A rename finds nothing to move, and never takes a folder's place; whoever deletes first does. */
static enum wb_rc try_replacing(struct probe *probe, struct wb_err *err)
{
    bool ok;
    bool kept;
    bool inside;
    if (put(probe, "to/b", "two", NULL, &ok, err) != WB_OK ||
        move(probe, "none", "to/b", true, &ok, err) != WB_OK ||
        holds(probe, "to/b", "two", &kept, err) != WB_OK)
        return WB_ERROR;
    if ((!probe->powers.puts_make_folders && make_folders(probe, "full/d", err) != WB_OK) ||
        put(probe, "full/d", "kept", NULL, &ok, err) != WB_OK ||
        put(probe, "e", "new", NULL, &ok, err) != WB_OK ||
        move(probe, "e", "full", true, &ok, err) != WB_OK ||
        holds(probe, "full/d", "kept", &inside, err) != WB_OK)
        return WB_ERROR;
    probe->powers.deletes_first = !kept || !inside;
    if (!probe->powers.deletes_first || probe->powers.keeps_existing)
        return WB_OK;
    return unfit(err, "it deletes what is in the way, even with \"Overwrite: F\"");
}

static enum wb_rc try_ranges(struct probe *probe, struct wb_err *err)
{
    bool ok;
    bool inside;
    bool beyond;
    bool kept;
    if (put(probe, "r", "abcd", NULL, &ok, err) != WB_OK ||
        put(probe, "r", "XY", "Content-Range: bytes 1-2/*", &ok, err) != WB_OK ||
        holds(probe, "r", "aXYd", &inside, err) != WB_OK)
        return WB_ERROR;
    if (!ok || !inside)
        return WB_OK;
    if (put(probe, "r", "Z", "Content-Range: bytes 4-4/*", &ok, err) != WB_OK ||
        holds(probe, "r", "aXYdZ", &beyond, err) != WB_OK ||
        put(probe, "none", "Z", "If-Match: *", &kept, err) != WB_OK)
        return WB_ERROR;
    probe->powers.writes_ranges = beyond && !kept;
    return WB_OK;
}

/* Where two files of one size in one second have one ETag, they can be told apart only by a date
 * that is given to them. */
static enum wb_rc try_dates(struct probe *probe, struct wb_err *err)
{
    bool ok;
    char line[48];
    char date[32];
    char tag[WB_TAG_MAX];
    char made_up[WB_TAG_MAX];
    int64_t then_s = wb_clock_wall_ms() / 1000 - DAV_DATES_BACK_S;
    wb_http_date_format(then_s, date);
    (void)snprintf(line, sizeof(line), "Date: %s", date);
    wb_dav_tag_make(then_s, 3, made_up);
    if (put(probe, "to/t", "one", line, &ok, err) != WB_OK ||
        tag_of(probe, "to/t", tag, err) != WB_OK)
        return WB_ERROR;
    probe->powers.tags_by_date = ok && strcmp(tag, made_up) == 0;
    return WB_OK;
}

static enum wb_rc try_all(struct probe *probe, struct wb_err *err)
{
    if (try_put(probe, err) != WB_OK || try_move(probe, err) != WB_OK ||
        try_conditions(probe, err) != WB_OK || try_replacing(probe, err) != WB_OK)
        return WB_ERROR;
    return try_ranges(probe, err) == WB_OK ? try_dates(probe, err) : WB_ERROR;
}

static enum wb_rc probe_once(struct dav_store *store, struct wb_err *err)
{
    struct wb_err ignored;
    struct probe probe = {.store = store};
    (void)snprintf(probe.folder, sizeof(probe.folder), "/" WB_STAGING_DIR "/probe.%016llx/",
                   (unsigned long long)wb_random_u64());
    enum wb_rc rc = try_all(&probe, err);
    (void)!wb_dav_delete(store, probe.folder, &ignored);
    if (rc != WB_OK)
        return WB_ERROR;
    store->powers = probe.powers;
    store->base.caps.random_writes = probe.powers.writes_ranges;
    store->base.caps.atomic_publish = !probe.powers.deletes_first;
    store->base.caps.conditional = probe.powers.keeps_existing && probe.powers.deletes_first;
    store->is_probed = true;
    return WB_OK;
}

enum wb_rc wb_dav_prepare(struct wb_store *base, struct wb_err *err)
{
    struct dav_store *store = dav_of(base);
    enum wb_rc rc = WB_OK;
    if (!base->caps.writes)
        return wb_err_set(err, WB_CAT_READ_ONLY, "the node is only read");
    (void)pthread_mutex_lock(&store->probe_lock);
    if (!store->is_probed)
        rc = wb_dav_root(store, wb_clock_mono_ns(), err);
    if (rc == WB_OK && !store->is_probed && probe_once(store, err) != WB_OK) {
        rc = wb_err_prefix(err, "cannot find out what the server can do");
        err->retryable = err->category != WB_CAT_UNSUPPORTED;
    }
    (void)pthread_mutex_unlock(&store->probe_lock);
    return rc;
}

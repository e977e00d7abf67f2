/* What the server really does, tried out on small objects of our own in the staging area. Many a
 * server takes a condition or a checksum and does not look at it: what is not refused when it is
 * wrong does not count. */
#include <stdio.h>

#include "core/base/hash.h"
#include "core/store/s3_parts.h"

#define BYTES "waybill"
#define BOGUS "\"00000000000000000000000000000000\""
#define WRONG_CRC64 "AAAAAAAAAAA="
#define WRONG_SHA256 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define WRONG_MD5 "AAAAAAAAAAAAAAAAAAAAAA=="

#define FILE_TIME_TEXT "1234567890"

enum { RANDOM_BYTES = 8, FILE_TIME = 1234567890 };

struct probe {
    struct s3_store *store;
    char instance[40];
    struct wb_arena *arena;
    struct s3_traits traits;
};

static const char *part(struct probe *probe, const char *name)
{
    struct wb_err err;
    const char *key = "";
    (void)!wb_s3_staged_key(probe->store, probe->instance, name, probe->arena, &key, &err);
    return key;
}

/* A refusal is an answer; a fault of the server, or of the keys, is not. */
static enum wb_rc answer(struct probe *probe, const struct s3_ask *ask, bool *ret_done,
                         struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    if (wb_s3_send(probe->store, ask, &reply, err) != WB_OK)
        return WB_ERROR;
    bool done = wb_http_is_ok(&reply) && !wb_s3_is_error(&reply);
    bool refused = reply.status == 400 || reply.status == 404 || reply.status == 405 ||
                   reply.status == 409 || reply.status == 412 || reply.status == 501;
    if (!done && !refused)
        return wb_s3_error(probe->store, &reply, "the server does not take a first object", err);
    *ret_done = done;
    return WB_OK;
}

static enum wb_rc put(struct probe *probe, const char *name, const char *line, bool *ret_done,
                      struct wb_err *err)
{
    const char *const lines[] = {S3_TAG ": probe", S3_META "mtime: " FILE_TIME_TEXT ".123456789",
                                 line, NULL};
    const struct s3_ask ask = {.method = "PUT",
                               .key = part(probe, name),
                               .headers = lines,
                               .body = wb_span_str(BYTES),
                               .checksum = true};
    return answer(probe, &ask, ret_done, err);
}

static enum wb_rc copy(struct probe *probe, const char *line, bool *ret_done, struct wb_err *err)
{
    const char *source = wb_s3_copy_source(probe->store, part(probe, "a"), probe->arena);
    const char *const lines[] = {wb_arena_printf(probe->arena, "x-amz-copy-source: %s", source),
                                 line, NULL};
    const struct s3_ask ask = {.method = "PUT", .key = part(probe, "c"), .headers = lines};
    return answer(probe, &ask, ret_done, err);
}

static enum wb_rc must_put(struct probe *probe, const char *name, struct wb_err *err)
{
    bool done;
    if (put(probe, name, NULL, &done, err) != WB_OK)
        return WB_ERROR;
    return done ? WB_OK : wb_err_set(err, WB_CAT_UNSUPPORTED, "the server does not take an object");
}

/* ---- what is tried ---- */

static enum wb_rc try_puts(struct probe *probe, struct wb_err *err)
{
    bool none = true;
    bool match = true;
    if (must_put(probe, "a", err) != WB_OK ||
        put(probe, "a", "If-None-Match: *", &none, err) != WB_OK ||
        put(probe, "a", "If-Match: " BOGUS, &match, err) != WB_OK)
        return WB_ERROR;
    probe->traits.put_conditions = !none && !match;
    return WB_OK;
}

static enum wb_rc try_checksums(struct probe *probe, struct wb_err *err)
{
    static const struct {
        enum s3_checksum checksum;
        const char *line;
    } rows[] = {
        {S3_SUM_CRC64, "x-amz-checksum-crc64nvme: " WRONG_CRC64},
        {S3_SUM_SHA256, "x-amz-checksum-sha256: " WRONG_SHA256},
        {S3_SUM_MD5, "Content-MD5: " WRONG_MD5},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool done;
        if (put(probe, "b", rows[i].line, &done, err) != WB_OK)
            return WB_ERROR;
        if (done)
            continue;
        probe->traits.checksum = rows[i].checksum;
        return WB_OK;
    }
    return WB_OK;
}

static enum wb_rc try_copies(struct probe *probe, struct wb_err *err)
{
    bool source = true;
    bool none = true;
    bool match = true;
    bool done = false;
    struct wb_stat from;
    struct wb_stat to;
    if (copy(probe, NULL, &done, err) != WB_OK)
        return WB_ERROR;
    if (!done)
        return wb_err_set(err, WB_CAT_UNSUPPORTED, "the server does not copy objects");
    if (wb_s3_head(probe->store, part(probe, "a"), &from, NULL, err) != WB_OK ||
        wb_s3_head(probe->store, part(probe, "c"), &to, NULL, err) != WB_OK ||
        copy(probe, "x-amz-copy-source-if-match: " BOGUS, &source, err) != WB_OK ||
        copy(probe, "If-None-Match: *", &none, err) != WB_OK ||
        copy(probe, "If-Match: " BOGUS, &match, err) != WB_OK)
        return WB_ERROR;
    probe->traits.copy_keeps = strcmp(from.tag, to.tag) == 0 &&
                               strncmp(from.tag, "probe+", 6) == 0 &&
                               from.version.mtime_ns == to.version.mtime_ns;
    probe->traits.source_conditions = !source;
    probe->traits.copy_conditions = !none && !match;
    return WB_OK;
}

static enum wb_rc try_delete(struct probe *probe, struct wb_err *err)
{
    bool done = true;
    static const char *const lines[] = {"If-Match: " BOGUS, NULL};
    const struct s3_ask ask = {.method = "DELETE", .key = part(probe, "c"), .headers = lines};
    if (answer(probe, &ask, &done, err) != WB_OK)
        return WB_ERROR;
    probe->traits.delete_conditions = !done;
    return WB_OK;
}

/* ---- uploads of copied parts ---- */

static bool is_refusal(const struct wb_err *err)
{
    return err->category != WB_CAT_UNREACHABLE && err->category != WB_CAT_TIMEOUT &&
           err->category != WB_CAT_DENIED && err->category != WB_CAT_THROTTLED;
}

static enum wb_rc copy_part(struct probe *probe, const char *key, const char *upload,
                            char etag[S3_ETAG_MAX + 1], struct wb_err *err)
{
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    const char *source = wb_s3_copy_source(probe->store, part(probe, "a"), probe->arena);
    const char *const lines[] = {wb_arena_printf(probe->arena, "x-amz-copy-source: %s", source),
                                 NULL};
    /* Ids of uploads that would have to be encoded have not been seen yet; one that has to be makes
     * the part fail, and so counts as missing. */
    struct s3_ask ask = {.method = "PUT",
                         .key = key,
                         .query = wb_arena_printf(probe->arena, "partNumber=1&uploadId=%s", upload),
                         .headers = lines};
    if (wb_s3_send(probe->store, &ask, &reply, err) != WB_OK)
        return WB_ERROR;
    return wb_s3_parse_copied(probe->store, &reply, "CopyPartResult", "a range cannot be copied",
                              etag, err);
}

static enum wb_rc assemble(struct probe *probe, const char *condition, bool *ret_done,
                           struct wb_err *err)
{
    struct wb_err ignored;
    struct wb_stat stat;
    char upload[S3_UPLOAD_MAX + 1];
    char etags[1][S3_ETAG_MAX + 1];
    char etag[S3_ETAG_MAX + 1];
    const char *key = part(probe, "d");
    const char *const lines[] = {condition, NULL};
    *ret_done = false;
    enum wb_rc rc = wb_s3_upload_begin(probe->store, key, NULL, upload, err);
    if (rc != WB_OK)
        return is_refusal(err) ? WB_OK : WB_ERROR;
    if (copy_part(probe, key, upload, etags[0], err) == WB_OK &&
        wb_s3_upload_end(probe->store, key, upload, etags, 1, lines, etag, err) == WB_OK) {
        if (wb_s3_head(probe->store, key, &stat, NULL, err) != WB_OK)
            return WB_ERROR;
        *ret_done = stat.version.size_bytes == (int64_t)strlen(BYTES);
        return WB_OK;
    }
    (void)!wb_s3_upload_abort(probe->store, key, upload, &ignored);
    return is_refusal(err) ? WB_OK : WB_ERROR;
}

static enum wb_rc try_assembly(struct probe *probe, struct wb_err *err)
{
    bool done = true;
    if (assemble(probe, NULL, &probe->traits.part_copy, err) != WB_OK)
        return WB_ERROR;
    if (!probe->traits.part_copy)
        return WB_OK;
    if (assemble(probe, "If-None-Match: *", &done, err) != WB_OK)
        return WB_ERROR;
    probe->traits.complete_conditions = !done;
    return WB_OK;
}

/* ---- what a listing makes of names and times ---- */

static const char *const odd_names[] = {"n\xff\xfe", "n\x01\nn\x7f", "n\\n"};

enum odd { ODD_BYTES, ODD_CONTROLS, ODD_BACKSLASH, ODD_COUNT };

struct names {
    struct probe *probe;
    const char *prefix;
    bool kept[ODD_COUNT];
    bool file_time; /* an object is said to have been written at the time of its file */
};

static enum wb_rc names_page(void *arg, const struct s3_page *page, struct wb_err *err)
{
    struct names *names = arg;
    size_t len = strlen(names->prefix);
    (void)err;
    for (size_t i = 0; i < page->count; i++) {
        struct wb_span key = page->entries[i].key;
        names->file_time |= page->entries[i].modified_ms / 1000 == FILE_TIME;
        for (int odd = 0; odd < ODD_COUNT && key.len > len; odd++)
            names->kept[odd] |=
                wb_span_eq(wb_span_of(key.data + len, key.len - len), wb_span_str(odd_names[odd]));
    }
    return WB_OK;
}

static enum wb_rc try_listing(struct probe *probe, struct wb_err *err)
{
    struct names names = {.probe = probe, .prefix = part(probe, "")};
    for (int odd = 0; odd < ODD_COUNT; odd++) {
        bool done;
        /* Such a name may break the server's signature, which is a refusal too. */
        if (put(probe, odd_names[odd], NULL, &done, err) != WB_OK &&
            strcmp(err->code, "SignatureDoesNotMatch") != 0 && strcmp(err->code, "HTTP 403") != 0)
            return WB_ERROR;
    }
    if (wb_s3_each_page(probe->store, names.prefix, false, names_page, &names, err) != WB_OK)
        return WB_ERROR;
    probe->traits.own_times = !names.file_time;
    probe->traits.copy_keeps &= probe->traits.own_times;
    probe->traits.any_bytes = names.kept[ODD_BYTES];
    probe->traits.controls = names.kept[ODD_CONTROLS];
    probe->traits.backslash = names.kept[ODD_BACKSLASH];
    return WB_OK;
}

/* ---- all of it ---- */

static enum wb_rc try_all(struct probe *probe, struct wb_err *err)
{
    struct wb_err ignored;
    if (try_puts(probe, err) == WB_OK && try_checksums(probe, err) == WB_OK &&
        try_copies(probe, err) == WB_OK && try_delete(probe, err) == WB_OK &&
        try_assembly(probe, err) == WB_OK && try_listing(probe, err) == WB_OK)
        return wb_s3_discard(&probe->store->base, probe->instance, err);
    (void)!wb_s3_discard(&probe->store->base, probe->instance, &ignored);
    return WB_ERROR;
}

static void take(struct s3_store *store, const struct s3_traits *traits)
{
    store->traits = *traits;
    store->base.caps.random_writes = traits->part_copy && traits->source_conditions;
    /* Cannot be tried. Who honours no conditions is often a window on a file system, where others
     * can see a copy that is not finished. */
    store->base.caps.atomic_publish = traits->copy_conditions;
    store->base.caps.conditional =
        traits->copy_conditions && traits->complete_conditions && traits->delete_conditions;
    atomic_store(&store->probed, true);
}

static enum wb_rc probe_once(struct s3_store *store, struct wb_err *err)
{
    uint8_t random[RANDOM_BYTES];
    char hex[2 * RANDOM_BYTES + 1];
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(16 * (size_t)S3_ARENA_BYTES);
    struct probe probe = {.store = store, .arena = arena};
    wb_random_bytes(random, sizeof(random));
    wb_hex_format(wb_span_of(random, sizeof(random)), hex);
    (void)snprintf(probe.instance, sizeof(probe.instance), "probe.%s", hex);
    if (try_all(&probe, err) != WB_OK)
        return wb_err_prefix(err, "cannot find out what the server does");
    take(store, &probe.traits);
    return WB_OK;
}

enum wb_rc wb_s3_probe(struct s3_store *store, struct wb_err *err)
{
    if (atomic_load(&store->probed))
        return WB_OK;
    (void)pthread_mutex_lock(&store->lock);
    enum wb_rc rc = atomic_load(&store->probed) ? WB_OK : probe_once(store, err);
    (void)pthread_mutex_unlock(&store->lock);
    return rc;
}

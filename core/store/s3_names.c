/* Keys, ETags and metadata: how files and instances are called on S3. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/path.h"
#include "core/base/url.h"
#include "core/store/s3_parts.h"

enum { XATTRS_MOST = 1400, RANGE_DIGITS = 20, NUMBER_MOST = 64 };

#define S3_MTIME S3_META "mtime"
/* Where the server takes the time of the file for that of the write, what is staged has it under
 * another name: sweeping goes by the time of the write. */
#define S3_LATER_MTIME S3_META "waybill-mtime"

#define NS_PER_S 1000000000LL

/* ---- keys ---- */

static const char *name_fault(const struct s3_store *store, struct wb_span path)
{
    bool controls = false;
    for (size_t i = 0; i < path.len; i++)
        controls |= path.data[i] < 0x20 || path.data[i] == 0x7f;
    if (!atomic_load(&store->probed))
        return NULL;
    if (!store->traits.any_bytes && !wb_utf8_valid(path))
        return "the server keeps no names that are not UTF-8";
    if (!store->traits.controls && controls)
        return "the server keeps no names with control characters";
    if (!store->traits.backslash && memchr(path.data, '\\', path.len))
        return "the server takes a backslash in a name for a slash";
    return NULL;
}

enum wb_rc wb_s3_final_key(struct s3_store *store, struct wb_span path, struct wb_arena *arena,
                           const char **ret, struct wb_err *err)
{
    if (wb_path_check(path, err) != WB_OK)
        return WB_ERROR;
    if (path.len + strlen(store->prefix) > S3_KEY_MAX)
        return wb_err_set(err, WB_CAT_INVALID, "the name is longer than the %d bytes of a key",
                          S3_KEY_MAX);
    const char *fault = name_fault(store, path);
    if (fault)
        return wb_err_set(err, WB_CAT_INVALID, "%s", fault);
    *ret = wb_arena_printf(arena, "%s%.*s", store->prefix, (int)path.len, (const char *)path.data);
    return WB_OK;
}

static bool is_instance(const char *instance)
{
    size_t len = strlen(instance);
    bool fits = len > 0 && len < WB_INSTANCE_MAX && strcmp(instance, "marker") != 0 &&
                !strstr(instance, "..") && instance[0] != '/' && instance[len - 1] != '/';
    for (size_t i = 0; fits && i < len; i++)
        fits = isalnum((unsigned char)instance[i]) || strchr("-._/", instance[i]);
    return fits;
}

enum wb_rc wb_s3_staged_key(const struct s3_store *store, const char *instance, const char *part,
                            struct wb_arena *arena, const char **ret, struct wb_err *err)
{
    if (!is_instance(instance))
        return wb_err_set(err, WB_CAT_INVALID, "bad instance name \"%.40s\"", instance);
    *ret = wb_arena_printf(arena, "%s" WB_STAGING_DIR "/%s%s%s", store->prefix, instance,
                           part ? "/" : "", part ? part : "");
    return WB_OK;
}

void wb_s3_range_name(int64_t offset, char ret[24])
{
    (void)snprintf(ret, 24, "%020" PRId64, offset);
}

int64_t wb_s3_range_offset(const char *name)
{
    if (strlen(name) != RANGE_DIGITS || strspn(name, "0123456789") != RANGE_DIGITS)
        return -1;
    return strtoll(name, NULL, 10);
}

const char *wb_s3_copy_source(const struct s3_store *store, const char *key, struct wb_arena *arena)
{
    struct wb_err err;
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(4 * S3_KEY_MAX);
    if (wb_buf_printf(&text, &err, "/%s/", store->bucket) != WB_OK ||
        wb_url_escape(&text, wb_span_str(key), true, &err) != WB_OK)
        wb_buf_clear(&text); /* no key is that long */
    return wb_arena_strdup(arena, wb_buf_cstr(&text));
}

void wb_s3_instance_id(const char *instance, char ret[33])
{
    struct wb_xxh3 hash = wb_xxh3_of(wb_span_str(instance));
    wb_hex_format(wb_span_of(hash.bytes, WB_XXH3_SIZE), ret);
}

/* ---- ETags ---- */

bool wb_s3_etag_copy(const char *text, char ret[S3_ETAG_MAX + 1])
{
    size_t len = strlen(text);
    bool quoted = len >= 2 && text[0] == '"' && text[len - 1] == '"';
    text += quoted ? 1 : 0;
    len -= quoted ? 2 : 0;
    for (size_t i = 0; i < len; i++)
        if (!isgraph((unsigned char)text[i]) || text[i] == '"')
            return false;
    if (len == 0 || len > S3_ETAG_MAX)
        return false;
    memcpy(ret, text, len);
    ret[len] = 0;
    return true;
}

enum wb_rc wb_s3_etag(const struct wb_http_reply *reply, char ret[S3_ETAG_MAX + 1],
                      struct wb_err *err)
{
    const char *etag = wb_http_header(reply, "etag");
    if (!etag || !wb_s3_etag_copy(etag, ret))
        return wb_http_bad_reply(err, "the reply has no etag that can be used");
    return WB_OK;
}

/* ---- metadata that is read ---- */

/* rclone's form: seconds with a fraction. */
static bool mtime_parse(const char *text, int64_t *ret_ns)
{
    char *end;
    bool negative = *text == '-';
    text += negative ? 1 : 0;
    if (!isdigit((unsigned char)*text) || strspn(text, "0123456789") > 10)
        return false;
    int64_t ns = strtoll(text, &end, 10) * NS_PER_S;
    int64_t unit = NS_PER_S / 10;
    for (end += *end == '.'; isdigit((unsigned char)*end); end++, unit /= 10)
        ns += (*end - '0') * unit;
    if (*end)
        return false;
    *ret_ns = negative ? -ns : ns;
    return true;
}

static const char *mtime_of(const struct wb_http_reply *reply)
{
    const char *later = wb_http_header(reply, S3_LATER_MTIME);
    return later ? later : wb_http_header(reply, S3_MTIME);
}

static uint32_t number_of(const struct wb_http_reply *reply, const char *name, int base)
{
    const char *text = wb_http_header(reply, name);
    char *end;
    if (!text || !isdigit((unsigned char)*text))
        return 0;
    unsigned long number = strtoul(text, &end, base);
    return *end == 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
}

static void tag_of(const struct wb_http_reply *reply, const char *etag, char ret[WB_TAG_MAX])
{
    const char *tag = wb_http_header(reply, S3_TAG);
    bool sound = tag && strlen(tag) < WB_TAG_MAX && strspn(tag, "+=") == 0;
    if (!sound)
        (void)snprintf(ret, WB_TAG_MAX, "etag:%s", etag);
    else if (strpbrk(tag, "+="))
        (void)snprintf(ret, WB_TAG_MAX, "%s", tag);
    else
        (void)snprintf(ret, WB_TAG_MAX, "%.36s+%s", tag, etag);
}

enum wb_rc wb_s3_stat_of(const struct wb_http_reply *reply, int64_t size_bytes, struct wb_stat *ret,
                         struct wb_err *err)
{
    char etag[S3_ETAG_MAX + 1];
    const char *modified = wb_http_header(reply, "last-modified");
    const char *mtime = mtime_of(reply);
    int64_t seconds = modified ? wb_http_date_parse(modified) : -1;
    if (size_bytes < 0)
        return wb_http_bad_reply(err, "the reply does not say how large the object is");
    if (wb_s3_etag(reply, etag, err) != WB_OK)
        return WB_ERROR;
    *ret = (struct wb_stat){.changed_ns = -1};
    ret->version.kind = WB_FILE_REGULAR;
    ret->version.size_bytes = size_bytes;
    ret->version.mtime_ns = seconds < 0 ? -1 : seconds * NS_PER_S;
    if (mtime)
        (void)mtime_parse(mtime, &ret->version.mtime_ns);
    ret->mode = number_of(reply, S3_META "mode", 8) & 07777;
    ret->uid = number_of(reply, S3_META "uid", 10);
    ret->gid = number_of(reply, S3_META "gid", 10);
    (void)snprintf(ret->etag, sizeof(ret->etag), "%s;%lld", etag, (long long)seconds);
    tag_of(reply, etag, ret->tag);
    ret->version.etag = ret->etag;
    return WB_OK;
}

/* ---- metadata that is written ---- */

static void mtime_format(int64_t ns, char ret[40])
{
    long long whole = ns < 0 ? -(ns / NS_PER_S) : ns / NS_PER_S;
    long long part = ns < 0 ? -(ns % NS_PER_S) : ns % NS_PER_S;
    int len = snprintf(ret, 40, "%s%lld.%09lld", ns < 0 ? "-" : "", whole, part);
    while (len > 0 && ret[len - 1] == '0')
        ret[--len] = 0;
    if (len > 0 && ret[len - 1] == '.')
        ret[--len] = 0;
}

static enum wb_rc xattrs_header(struct s3_headers *headers, struct wb_span xattrs,
                                struct wb_err *err)
{
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(2 * (size_t)XATTRS_MOST);
    if (xattrs.len > XATTRS_MOST)
        return wb_err_set(err, WB_CAT_UNSUPPORTED,
                          "an object holds no more than %d bytes of extended attributes",
                          XATTRS_MOST);
    if (wb_base64_append(&text, xattrs, err) != WB_OK)
        return WB_ERROR;
    wb_s3_header(headers, S3_META "waybill-xattrs: %s", wb_buf_cstr(&text));
    return WB_OK;
}

enum wb_rc wb_s3_meta_headers(const struct s3_store *store, struct s3_headers *headers,
                              const struct wb_meta *meta, struct wb_err *err)
{
    char mtime[40];
    mtime_format(meta->mtime_ns, mtime);
    wb_s3_header(headers, "%s: %s", store->traits.own_times ? S3_MTIME : S3_LATER_MTIME, mtime);
    if (meta->set_mode)
        wb_s3_header(headers, S3_META "mode: 100%03o", meta->mode & 07777);
    if (meta->set_owner)
        wb_s3_header(headers, S3_META "uid: %u", meta->uid);
    if (meta->set_group)
        wb_s3_header(headers, S3_META "gid: %u", meta->gid);
    return meta->xattrs.len ? xattrs_header(headers, meta->xattrs, err) : WB_OK;
}

void wb_s3_meta_again(struct s3_headers *headers, const struct wb_http_reply *reply)
{
    static const char *const names[] = {"mode", "uid", "gid", "waybill-xattrs"};
    const char *mtime = mtime_of(reply);
    if (mtime && strlen(mtime) < NUMBER_MOST)
        wb_s3_header(headers, S3_MTIME ": %s", mtime);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), S3_META "%s", names[i]);
        const char *value = wb_http_header(reply, name);
        if (value && strlen(value) <= 2 * (size_t)XATTRS_MOST)
            wb_s3_header(headers, "%s: %s", name, value);
    }
}

#include "core/store/sigv4.h"

#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "core/base/hash.h"
#include "core/base/url.h"

enum { CANONICAL_MAX = 256 * 1024, NAMES_MAX = 8 * 1024, KEY_MAX = 1024, HEX = 2 * WB_SHA256_SIZE };

/* A header, or a parameter of the query. */
struct pair {
    struct wb_span name;
    struct wb_span value;
};

void wb_sigv4_date(int64_t time_ms, char out[WB_SIGV4_DATE])
{
    struct tm parts;
    time_t seconds = (time_t)(time_ms / 1000);
    if (!gmtime_r(&seconds, &parts) || strftime(out, WB_SIGV4_DATE, "%Y%m%dT%H%M%SZ", &parts) == 0)
        (void)snprintf(out, WB_SIGV4_DATE, "19700101T000000Z");
}

/* ---- encoding ---- */

/* The byte that a triple at `at` stands for; -1 where there is none. */
static int triple_at(struct wb_span text, size_t at)
{
    char digits[3] = {0};
    uint8_t c;
    if (text.len - at < 3 || text.data[at] != '%')
        return -1;
    memcpy(digits, text.data + at + 1, 2);
    return wb_hex_parse(digits, &c, 1) ? c : -1;
}

/* What is encoded already stays so, in the one form that there is. */
static enum wb_rc append_canonical(struct wb_buf *ret, struct wb_span text, bool path,
                                   struct wb_err *err)
{
    for (size_t at = 0; at < text.len;) {
        int triple = triple_at(text, at);
        uint8_t c = triple >= 0 ? (uint8_t)triple : text.data[at];
        if (wb_url_escape(ret, wb_span_of(&c, 1), path && triple < 0, err) != WB_OK)
            return WB_ERROR;
        at += triple >= 0 ? 3 : 1;
    }
    return WB_OK;
}

static enum wb_rc append_text(struct wb_buf *ret, const char *text, struct wb_err *err)
{
    return wb_buf_append(ret, wb_span_str(text), err);
}

/* ---- the query ---- */

static int pair_order(const struct pair *a, const struct pair *b)
{
    int order = wb_span_cmp(a->name, b->name);
    return order ? order : wb_span_cmp(a->value, b->value);
}

static void put_in_order(struct pair *pairs, size_t count, struct pair pair,
                         int (*order)(const struct pair *, const struct pair *))
{
    size_t at = count;
    for (; at > 0 && order(&pairs[at - 1], &pair) > 0; at--)
        pairs[at] = pairs[at - 1];
    pairs[at] = pair;
}

static struct pair pair_of(struct wb_span text, char between)
{
    const uint8_t *at = text.len ? memchr(text.data, between, text.len) : NULL;
    size_t len = at ? (size_t)(at - text.data) : text.len;
    return (struct pair){wb_span_of(text.data, len),
                         at ? wb_span_of(at + 1, text.len - len - 1) : wb_span_of(NULL, 0)};
}

/* Both as they are sorted, encoded in `text`, which has room for them and so does not move. */
static enum wb_rc encode_pair(struct wb_buf *text, struct pair *pair, struct wb_err *err)
{
    size_t start = text->len;
    if (append_canonical(text, pair->name, false, err) != WB_OK)
        return WB_ERROR;
    size_t middle = text->len;
    if (append_canonical(text, pair->value, false, err) != WB_OK)
        return WB_ERROR;
    pair->name = wb_span_of(text->data + start, middle - start);
    pair->value = wb_span_of(text->data + middle, text->len - middle);
    return WB_OK;
}

static enum wb_rc query_pairs(struct wb_span query, struct wb_buf *text, struct pair *pairs,
                              size_t *ret_count, struct wb_err *err)
{
    size_t count = 0;
    if (wb_buf_reserve(text, 3 * query.len, err) != WB_OK)
        return WB_ERROR;
    while (query.len) {
        struct pair split = pair_of(query, '&');
        struct pair pair = pair_of(split.name, '=');
        query = split.value;
        if (split.name.len == 0)
            continue;
        if (count == WB_SIGV4_QUERY_MAX)
            return wb_err_set(err, WB_CAT_INVALID, "more than %zu parameters to sign", count);
        if (encode_pair(text, &pair, err) != WB_OK)
            return WB_ERROR;
        put_in_order(pairs, count++, pair, pair_order);
    }
    *ret_count = count;
    return WB_OK;
}

static enum wb_rc append_query(struct wb_buf *ret, const char *query, struct wb_err *err)
{
    struct pair pairs[WB_SIGV4_QUERY_MAX];
    size_t count = 0;
    struct wb_buf encoded WB_AUTO(wb_buf_free) = wb_buf_make(CANONICAL_MAX);
    if (query_pairs(wb_span_str(query), &encoded, pairs, &count, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++)
        if ((i > 0 && append_text(ret, "&", err) != WB_OK) ||
            wb_buf_append(ret, pairs[i].name, err) != WB_OK ||
            append_text(ret, "=", err) != WB_OK || wb_buf_append(ret, pairs[i].value, err) != WB_OK)
            return WB_ERROR;
    return append_text(ret, "\n", err);
}

/* ---- headers ---- */

static int name_order(const struct pair *a, const struct pair *b)
{
    size_t common = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = strncasecmp((const char *)a->name.data, (const char *)b->name.data, common);
    return order ? order : (int)a->name.len - (int)b->name.len;
}

static enum wb_rc header_pairs(const char *const *headers, struct pair *pairs, size_t *ret_count,
                               struct wb_err *err)
{
    size_t count = 0;
    for (; headers[count]; count++) {
        struct pair pair = pair_of(wb_span_str(headers[count]), ':');
        if (count == WB_SIGV4_HEADERS_MAX)
            return wb_err_set(err, WB_CAT_INVALID, "more than %zu headers to sign", count);
        if (!pair.name.len || !strchr(headers[count], ':') || strpbrk(headers[count], "\r\n"))
            return wb_err_set(err, WB_CAT_INVALID, "no header to sign: \"%.40s\"", headers[count]);
        put_in_order(pairs, count, pair, name_order);
    }
    *ret_count = count;
    return WB_OK;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Blanks at the ends go, those inside become one. */
static enum wb_rc append_value(struct wb_buf *ret, struct wb_span value, struct wb_err *err)
{
    bool pending = false;
    bool begun = false;
    for (size_t i = 0; i < value.len; i++) {
        if (is_blank(value.data[i])) {
            pending = begun;
            continue;
        }
        if ((pending && append_text(ret, " ", err) != WB_OK) ||
            wb_buf_append(ret, wb_span_of(value.data + i, 1), err) != WB_OK)
            return WB_ERROR;
        pending = false;
        begun = true;
    }
    return WB_OK;
}

static enum wb_rc append_name(struct wb_buf *ret, struct wb_span name, struct wb_err *err)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        c = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
        if (wb_buf_append(ret, wb_span_of(&c, 1), err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

/* A header that comes several times counts once, with its values in their order. */
static enum wb_rc append_header(struct wb_buf *ret, struct wb_buf *names, const struct pair *pair,
                                bool again, bool last, struct wb_err *err)
{
    if (again && append_text(ret, ",", err) != WB_OK)
        return WB_ERROR;
    if (!again &&
        ((names->len && append_text(names, ";", err) != WB_OK) ||
         append_name(names, pair->name, err) != WB_OK ||
         append_name(ret, pair->name, err) != WB_OK || append_text(ret, ":", err) != WB_OK))
        return WB_ERROR;
    if (append_value(ret, pair->value, err) != WB_OK)
        return WB_ERROR;
    return last ? append_text(ret, "\n", err) : WB_OK;
}

static enum wb_rc append_headers(struct wb_buf *ret, struct wb_buf *names,
                                 const char *const *headers, struct wb_err *err)
{
    struct pair pairs[WB_SIGV4_HEADERS_MAX];
    size_t count = 0;
    if (header_pairs(headers, pairs, &count, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++) {
        bool again = i > 0 && name_order(&pairs[i - 1], &pairs[i]) == 0;
        bool last = i + 1 == count || name_order(&pairs[i], &pairs[i + 1]) != 0;
        if (append_header(ret, names, &pairs[i], again, last, err) != WB_OK)
            return WB_ERROR;
    }
    return append_text(ret, "\n", err);
}

/* ---- signing ---- */

enum wb_rc wb_sigv4_canonical(const struct wb_sigv4_request *request, struct wb_buf *ret,
                              struct wb_buf *ret_names, struct wb_err *err)
{
    if (wb_buf_printf(ret, err, "%s\n", request->method) != WB_OK ||
        append_canonical(ret, wb_span_str(request->path), true, err) != WB_OK ||
        append_text(ret, "\n", err) != WB_OK || append_query(ret, request->query, err) != WB_OK ||
        append_headers(ret, ret_names, request->headers, err) != WB_OK)
        return WB_ERROR;
    return wb_buf_printf(ret, err, "%.*s\n%s", (int)ret_names->len, (const char *)ret_names->data,
                         request->payload);
}

static void hmac_next(struct wb_sha256 *key, const char *text)
{
    *key = wb_hmac_sha256(wb_span_of(key->bytes, WB_SHA256_SIZE), wb_span_str(text));
}

static enum wb_rc signing_key(const struct wb_sigv4_key *key, const char *day,
                              struct wb_sha256 *ret, struct wb_err *err)
{
    char first[KEY_MAX];
    int len = snprintf(first, sizeof(first), "AWS4%s", key->secret);
    if (len < 0 || (size_t)len >= sizeof(first))
        return wb_err_set(err, WB_CAT_INVALID, "the secret is too long for a key");
    *ret = wb_hmac_sha256(wb_span_of(first, (size_t)len), wb_span_str(day));
    explicit_bzero(first, sizeof(first));
    hmac_next(ret, key->region);
    hmac_next(ret, key->service);
    hmac_next(ret, "aws4_request");
    return WB_OK;
}

enum wb_rc wb_sigv4_sign(const struct wb_sigv4_key *key, const struct wb_sigv4_request *request,
                         struct wb_buf *ret, struct wb_err *err)
{
    char date[WB_SIGV4_DATE];
    char day[9];
    char hex[HEX + 1];
    struct wb_sha256 digest;
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(CANONICAL_MAX);
    struct wb_buf names WB_AUTO(wb_buf_free) = wb_buf_make(NAMES_MAX);
    wb_sigv4_date(request->time_ms, date);
    (void)snprintf(day, sizeof(day), "%.8s", date);
    if (wb_sigv4_canonical(request, &text, &names, err) != WB_OK)
        return WB_ERROR;
    digest = wb_sha256_of(wb_buf_span(&text));
    wb_hex_format(wb_span_of(digest.bytes, WB_SHA256_SIZE), hex);
    wb_buf_clear(&text);
    if (wb_buf_printf(&text, err, "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s", date, day,
                      key->region, key->service, hex) != WB_OK ||
        signing_key(key, day, &digest, err) != WB_OK)
        return WB_ERROR;
    hmac_next(&digest, wb_buf_cstr(&text));
    wb_hex_format(wb_span_of(digest.bytes, WB_SHA256_SIZE), hex);
    return wb_buf_printf(ret, err,
                         "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/aws4_request, "
                         "SignedHeaders=%.*s, Signature=%s",
                         key->id, day, key->region, key->service, (int)names.len,
                         (const char *)names.data, hex);
}

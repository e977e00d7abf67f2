/* The URL, the options and the keys of a bucket, checked once. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/path.h"
#include "core/base/secret.h"
#include "core/store/s3_parts.h"

enum { HOST_MAX = 512, NAME_MAX_BYTES = 63, NAME_LEAST_BYTES = 3 };

struct options {
    const char *endpoint;
    const char *region;
    const char *style;
    const char *storage_class;
    const char *insecure;
    const char *ca;
};

enum { COUNT = 6 };

const char *const wb_s3_options[] = {"endpoint", "region", "style", "storage_class",
                                     "insecure", "ca",     NULL};

struct known {
    size_t place;
    const char *fallback;
};

/* In the same order. */
static const struct known known[COUNT] = {
    {offsetof(struct options, endpoint), ""},   {offsetof(struct options, region), "us-east-1"},
    {offsetof(struct options, style), "auto"},  {offsetof(struct options, storage_class), ""},
    {offsetof(struct options, insecure), "no"}, {offsetof(struct options, ca), NULL},
};

static void option_set(struct options *options, size_t place, const char *value)
{
    memcpy((char *)options + place, &value, sizeof(value));
}

static enum wb_rc options_read(const char *const *pairs, struct options *ret, struct wb_err *err)
{
    for (size_t i = 0; i < COUNT; i++)
        option_set(ret, known[i].place, known[i].fallback);
    for (; pairs && pairs[0]; pairs += 2) {
        size_t i = 0;
        while (i < COUNT && strcmp(wb_s3_options[i], pairs[0]) != 0)
            i++;
        if (i == COUNT)
            return wb_err_set(err, WB_CAT_USAGE, "unknown option \"%s\" for s3://", pairs[0]);
        option_set(ret, known[i].place, pairs[1]);
    }
    return WB_OK;
}

/* Goes into headers and into the signature. */
static bool is_word(const char *text)
{
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("-_.", *text))
            return false;
    return true;
}

static bool is_style(const char *style)
{
    return strcmp(style, "auto") == 0 || strcmp(style, "path") == 0 ||
           strcmp(style, "virtual") == 0;
}

static enum wb_rc options_check(const struct options *options, struct wb_err *err)
{
    if (!is_style(options->style))
        return wb_err_set(err, WB_CAT_USAGE, "style \"%s\" is not auto, path or virtual",
                          options->style);
    if (!*options->region || !is_word(options->region))
        return wb_err_set(err, WB_CAT_USAGE, "\"%s\" is no region", options->region);
    if (!is_word(options->storage_class))
        return wb_err_set(err, WB_CAT_USAGE, "\"%s\" is no storage class", options->storage_class);
    if (strcmp(options->insecure, "yes") != 0 && strcmp(options->insecure, "no") != 0)
        return wb_err_set(err, WB_CAT_USAGE, "insecure \"%s\" is not yes or no", options->insecure);
    return WB_OK;
}

/* ---- bucket and prefix ---- */

static bool is_bucket(struct wb_span name)
{
    bool fits = name.len >= NAME_LEAST_BYTES && name.len <= NAME_MAX_BYTES;
    for (size_t i = 0; fits && i < name.len; i++) {
        uint8_t c = name.data[i];
        fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    }
    return fits;
}

struct place {
    struct wb_span bucket;
    struct wb_span prefix; /* without slashes around it */
};

static enum wb_rc place_read(const char *rest, struct place *ret, struct wb_err *err)
{
    size_t len = strcspn(rest, "/");
    ret->bucket = wb_span_of(rest, len);
    ret->prefix = wb_span_str(rest + len + strspn(rest + len, "/"));
    while (ret->prefix.len && ret->prefix.data[ret->prefix.len - 1] == '/')
        ret->prefix.len--;
    if (!is_bucket(ret->bucket))
        return wb_err_set(err, WB_CAT_USAGE, "\"s3://%s\" is not s3:// and a bucket", rest);
    if (ret->prefix.len == 0)
        return WB_OK;
    if (ret->prefix.len > S3_KEY_MAX / 2 || wb_path_check(ret->prefix, err) != WB_OK)
        return wb_err_set(err, WB_CAT_USAGE, "\"s3://%s\" has a bad prefix", rest);
    return WB_OK;
}

enum wb_rc wb_s3_check_url(const char *rest, const char *const *pairs, struct wb_err *err)
{
    struct place place;
    struct options options;
    if (place_read(rest, &place, err) != WB_OK || options_read(pairs, &options, err) != WB_OK)
        return WB_ERROR;
    return options_check(&options, err);
}

/* ---- keys ---- */

static enum wb_rc keys_take(struct s3_store *store, char *text, struct wb_err *err)
{
    char *secret = strchr(text, ':');
    char *token = secret ? strchr(secret + 1, ':') : NULL;
    if (!secret || secret == text || secret[1] == 0)
        return wb_err_set(err, WB_CAT_DENIED,
                          "the secret is not \"key-id:secret[:session-token]\"");
    *secret++ = 0;
    if (token)
        *token++ = 0;
    if (!is_word(text))
        return wb_err_set(err, WB_CAT_DENIED, "the secret's key id has bytes that no key id has");
    free(store->key_id);
    store->key_id = wb_xstrdup(text);
    store->key_secret = wb_xstrdup(secret);
    free(store->token);
    store->token = wb_xstrdup(token ? token : "");
    return WB_OK;
}

static enum wb_rc keys_read(struct s3_store *store, const char *secret,
                            const struct wb_config *config, struct wb_err *err)
{
    char text[WB_SECRET_MAX] WB_AUTO(wb_secret_wipe_text) = {0};
    store->key_id = wb_xstrdup("");
    store->token = wb_xstrdup("");
    if (!secret || !*secret)
        return WB_OK;
    if (wb_secret_get(config, secret, text, err) != WB_OK)
        return WB_ERROR;
    return keys_take(store, text, err);
}

static void wipe(char **text)
{
    if (*text)
        wb_secret_wipe(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void wb_s3_free_options(struct s3_store *store)
{
    wb_http_free(&store->http);
    wipe(&store->key_secret);
    wipe(&store->token);
    free(store->key_id);
    free(store->bucket);
    free(store->prefix);
    free(store->host);
    free(store->region);
    free(store->storage_class);
}

/* ---- the endpoint ---- */

struct endpoint {
    bool tls;
    char host[HOST_MAX]; /* with a port where it is not the scheme's own */
};

static enum wb_rc endpoint_read(const struct options *options, struct endpoint *ret,
                                struct wb_err *err)
{
    const char *at = options->endpoint;
    ret->tls = true;
    if (!*at) {
        (void)snprintf(ret->host, sizeof(ret->host), "s3.%s.amazonaws.com", options->region);
        return WB_OK;
    }
    if (strncmp(at, "http://", 7) == 0)
        ret->tls = false;
    else if (strncmp(at, "https://", 8) != 0)
        return wb_err_set(err, WB_CAT_USAGE, "endpoint \"%s\" is neither http:// nor https://", at);
    at = strstr(at, "//") + 2;
    size_t len = strcspn(at, "/?#");
    if (len == 0 || len >= sizeof(ret->host) - NAME_MAX_BYTES - 1 ||
        at[len + strspn(at + len, "/")] || memchr(at, '@', len))
        return wb_err_set(err, WB_CAT_USAGE, "endpoint \"%s\" is not a host and a port", at);
    (void)snprintf(ret->host, sizeof(ret->host), "%.*s", (int)len, at);
    char *port = strrchr(ret->host, ':');
    if (port && strcmp(port, ret->tls ? ":443" : ":80") == 0)
        *port = 0;
    return WB_OK;
}

/* A bucket whose name has dots is no host that the server's certificate could be for. */
static bool is_path_style(const struct options *options, struct wb_span bucket)
{
    if (strcmp(options->style, "auto") != 0)
        return strcmp(options->style, "path") == 0;
    return *options->endpoint || memchr(bucket.data, '.', bucket.len);
}

static enum wb_rc client_make(struct s3_store *store, const struct options *options,
                              const struct wb_config *config, struct wb_err *err)
{
    char url[HOST_MAX + 16];
    char host[HOST_MAX];
    struct endpoint endpoint;
    if (endpoint_read(options, &endpoint, err) != WB_OK)
        return WB_ERROR;
    store->path_style = is_path_style(options, wb_span_str(store->bucket));
    int len = snprintf(host, sizeof(host), "%s%s%s", store->path_style ? "" : store->bucket,
                       store->path_style ? "" : ".", endpoint.host);
    if (len < 0 || (size_t)len >= sizeof(host))
        return wb_err_set(err, WB_CAT_USAGE, "the endpoint is too long");
    store->host = wb_xstrdup(host);
    (void)snprintf(url, sizeof(url), "%s://%s", endpoint.tls ? "https" : "http", host);
    const struct wb_http_options http = {
        .base_url = url,
        .ca_file = options->ca,
        .stall_timeout_ms = config ? wb_config_int(config, WB_OPT_STALL_TIMEOUT) : 0,
        .at_once = S3_AT_ONCE,
    };
    if (wb_http_new(&http, &store->http, err) != WB_OK)
        return WB_ERROR;
    bool open = !endpoint.tls && *store->key_id && !wb_http_is_loopback(store->http);
    if (open && strcmp(options->insecure, "yes") != 0)
        return wb_err_set(err, WB_CAT_USAGE,
                          "requests would be signed in the clear to %s; use https, or the option "
                          "insecure=yes",
                          host);
    return WB_OK;
}

enum wb_rc wb_s3_set_options(struct s3_store *store, const char *rest, const char *const *pairs,
                             const char *secret, const struct wb_config *config, struct wb_err *err)
{
    struct place place;
    struct options options;
    char prefix[S3_KEY_MAX];
    if (wb_s3_check_url(rest, pairs, err) != WB_OK || place_read(rest, &place, err) != WB_OK ||
        options_read(pairs, &options, err) != WB_OK)
        return WB_ERROR;
    (void)snprintf(prefix, sizeof(prefix), "%.*s%s", (int)place.prefix.len,
                   (const char *)place.prefix.data, place.prefix.len ? "/" : "");
    store->prefix = wb_xstrdup(prefix);
    (void)snprintf(prefix, sizeof(prefix), "%.*s", (int)place.bucket.len,
                   (const char *)place.bucket.data);
    store->bucket = wb_xstrdup(prefix);
    store->region = wb_xstrdup(options.region);
    store->storage_class = wb_xstrdup(options.storage_class);
    if (keys_read(store, secret, config, err) != WB_OK)
        return WB_ERROR;
    return client_make(store, &options, config, err);
}

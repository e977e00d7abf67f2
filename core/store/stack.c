/* The registry of backends: one row each. */
#include "core/base/path.h"
#include "core/store/dav.h"
#include "core/store/mem.h"
#include "core/store/posix.h"
#include "core/store/s3.h"
#include "core/store/store.h"

/* What wb_store_open was given, the scheme taken off the URL. */
struct opening {
    const char *node;
    const char *url;
    const char *rest;
    const char *const *options;
    const char *secret;
    const struct wb_config *config;
};

static enum wb_rc open_file(const struct opening *opening, struct wb_store **ret,
                            struct wb_err *err)
{
    return wb_posix_new(opening->node, opening->rest, ret, err);
}

static enum wb_rc check_file(const struct opening *opening, struct wb_err *err)
{
    const char *rest = opening->rest;
    if (rest[0] != '/')
        return wb_err_set(err, WB_CAT_USAGE, "\"file://%s\" is not file:// and an absolute path",
                          rest);
    return WB_OK;
}

static enum wb_rc open_mem(const struct opening *opening, struct wb_store **ret, struct wb_err *err)
{
    return wb_mem_new(opening->node, opening->rest, ret, err);
}

static enum wb_rc check_mem(const struct opening *opening, struct wb_err *err)
{
    const char *rest = opening->rest;
    if (wb_name_check(rest, err) != WB_OK)
        return wb_err_prefix(err, "\"mem://%s\" is not mem:// and a name", rest);
    return WB_OK;
}

static enum wb_rc open_dav(const struct opening *opening, struct wb_store **ret, struct wb_err *err)
{
    return wb_dav_new(opening->node, opening->url, opening->options, opening->secret,
                      opening->config, ret, err);
}

static enum wb_rc check_dav(const struct opening *opening, struct wb_err *err)
{
    return wb_dav_check(opening->url, opening->options, err);
}

static enum wb_rc open_s3(const struct opening *opening, struct wb_store **ret, struct wb_err *err)
{
    return wb_s3_new(opening->node, opening->rest, opening->options, opening->secret,
                     opening->config, ret, err);
}

static enum wb_rc check_s3(const struct opening *opening, struct wb_err *err)
{
    return wb_s3_check_url(opening->rest, opening->options, err);
}

struct backend {
    const char *scheme;
    const char *const *options; /* that it knows, NULL-terminated */
    enum wb_rc (*check)(const struct opening *opening, struct wb_err *err);
    enum wb_rc (*open)(const struct opening *opening, struct wb_store **ret, struct wb_err *err);
};

static const char *const no_options[] = {NULL};

static const struct backend backends[] = {
    {"file://", no_options, check_file, open_file},
    {"http://", wb_dav_options, check_dav, open_dav},
    {"https://", wb_dav_options, check_dav, open_dav},
    {"mem://", no_options, check_mem, open_mem},
    {"s3://", wb_s3_options, check_s3, open_s3},
};

static const struct backend *backend_of(const char *url, struct wb_err *err)
{
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
        if (strncmp(url, backends[i].scheme, strlen(backends[i].scheme)) == 0)
            return &backends[i];
    (void)wb_err_set(err, WB_CAT_USAGE,
                     "\"%s\" has no scheme that is known; file:///path, http://host/path, "
                     "https://host/path and s3://bucket/prefix are",
                     url);
    return NULL;
}

static bool is_among(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static enum wb_rc options_check(const struct backend *backend, const char *const *options,
                                struct wb_err *err)
{
    for (; options && options[0]; options += 2) {
        if (is_among(options[0], backend->options))
            continue;
        const char *nearest = wb_nearest_name(options[0], backend->options);
        return wb_err_set(err, WB_CAT_USAGE, "unknown option \"%s\" for %s%s%s%s", options[0],
                          backend->scheme, nearest ? ", did you mean \"" : "",
                          nearest ? nearest : "", nearest ? "\"" : "");
    }
    return WB_OK;
}

static enum wb_rc find(struct opening *opening, const struct backend **ret, struct wb_err *err)
{
    const struct backend *backend = backend_of(opening->url, err);
    if (!backend || options_check(backend, opening->options, err) != WB_OK)
        return WB_ERROR;
    opening->rest = opening->url + strlen(backend->scheme);
    *ret = backend;
    return backend->check(opening, err);
}

enum wb_rc wb_store_check_url(const char *url, const char *const *options, struct wb_err *err)
{
    const struct backend *backend;
    struct opening opening = {.url = url, .options = options};
    return find(&opening, &backend, err);
}

enum wb_rc wb_store_open(const char *node, const char *url, const char *const *options,
                         const char *secret, const struct wb_config *config, struct wb_store **ret,
                         struct wb_err *err)
{
    const struct backend *backend;
    struct opening opening = {
        .node = node, .url = url, .options = options, .secret = secret, .config = config};
    if (find(&opening, &backend, err) != WB_OK)
        return WB_ERROR;
    return backend->open(&opening, ret, err);
}

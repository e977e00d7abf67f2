/* The registry of backends: one row each. */
#include "core/base/path.h"
#include "core/store/mem.h"
#include "core/store/posix.h"
#include "core/store/s3.h"
#include "core/store/store.h"

/* What a node was defined by. */
struct place {
    const char *node;
    const char *rest; /* of the URL, behind its scheme */
    const char *const *options;
    const char *secret;
    const struct wb_config *config;
};

static enum wb_rc open_file(const struct place *place, struct wb_store **ret, struct wb_err *err)
{
    return wb_posix_new(place->node, place->rest, ret, err);
}

static enum wb_rc open_mem(const struct place *place, struct wb_store **ret, struct wb_err *err)
{
    return wb_mem_new(place->node, place->rest, ret, err);
}

static enum wb_rc open_s3(const struct place *place, struct wb_store **ret, struct wb_err *err)
{
    return wb_s3_new(place->node, place->rest, place->options, place->secret, place->config, ret,
                     err);
}

static enum wb_rc no_options(const char *const *options, const char *scheme, struct wb_err *err)
{
    if (options && options[0])
        return wb_err_set(err, WB_CAT_USAGE, "unknown option \"%s\" for %s", options[0], scheme);
    return WB_OK;
}

static enum wb_rc check_file(const char *rest, const char *const *options, struct wb_err *err)
{
    if (no_options(options, "file://", err) != WB_OK)
        return WB_ERROR;
    if (rest[0] != '/')
        return wb_err_set(err, WB_CAT_USAGE, "\"file://%s\" is not file:// and an absolute path",
                          rest);
    return WB_OK;
}

static enum wb_rc check_mem(const char *rest, const char *const *options, struct wb_err *err)
{
    if (no_options(options, "mem://", err) != WB_OK)
        return WB_ERROR;
    if (wb_name_check(rest, err) != WB_OK)
        return wb_err_prefix(err, "\"mem://%s\" is not mem:// and a name", rest);
    return WB_OK;
}

struct backend {
    const char *scheme;
    enum wb_rc (*check)(const char *rest, const char *const *options, struct wb_err *err);
    enum wb_rc (*open)(const struct place *place, struct wb_store **ret, struct wb_err *err);
};

static const struct backend backends[] = {
    {"file://", check_file, open_file},
    {"mem://", check_mem, open_mem},
    {"s3://", wb_s3_check_url, open_s3},
};

static const struct backend *backend_of(const char *url, struct wb_err *err)
{
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
        if (strncmp(url, backends[i].scheme, strlen(backends[i].scheme)) == 0)
            return &backends[i];
    (void)wb_err_set(err, WB_CAT_USAGE,
                     "\"%s\" has no scheme that is known; file:///path and "
                     "s3://bucket/prefix are",
                     url);
    return NULL;
}

enum wb_rc wb_store_check_url(const char *url, const char *const *options, struct wb_err *err)
{
    const struct backend *backend = backend_of(url, err);
    if (!backend)
        return WB_ERROR;
    return backend->check(url + strlen(backend->scheme), options, err);
}

enum wb_rc wb_store_open(const char *node, const char *url, const char *const *options,
                         const char *secret, const struct wb_config *config, struct wb_store **ret,
                         struct wb_err *err)
{
    if (wb_store_check_url(url, options, err) != WB_OK)
        return WB_ERROR;
    const struct backend *backend = backend_of(url, err);
    const struct place place = {node, url + strlen(backend->scheme), options, secret, config};
    return backend->open(&place, ret, err);
}

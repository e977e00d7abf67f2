/* The registry of backends: one row each. */
#include "core/base/path.h"
#include "core/store/mem.h"
#include "core/store/posix.h"
#include "core/store/store.h"

static enum wb_rc open_file(const char *node, const char *rest, struct wb_store **ret,
                            struct wb_err *err)
{
    return wb_posix_new(node, rest, ret, err);
}

static enum wb_rc check_file(const char *rest, struct wb_err *err)
{
    if (rest[0] != '/')
        return wb_err_set(err, WB_CAT_USAGE, "\"file://%s\" is not file:// and an absolute path",
                          rest);
    return WB_OK;
}

static enum wb_rc check_mem(const char *rest, struct wb_err *err)
{
    if (wb_name_check(rest, err) != WB_OK)
        return wb_err_prefix(err, "\"mem://%s\" is not mem:// and a name", rest);
    return WB_OK;
}

struct backend {
    const char *scheme;
    enum wb_rc (*check)(const char *rest, struct wb_err *err);
    enum wb_rc (*open)(const char *node, const char *rest, struct wb_store **ret,
                       struct wb_err *err);
};

static const struct backend backends[] = {
    {"file://", check_file, open_file},
    {"mem://", check_mem, wb_mem_new},
};

static const struct backend *backend_of(const char *url, struct wb_err *err)
{
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
        if (strncmp(url, backends[i].scheme, strlen(backends[i].scheme)) == 0)
            return &backends[i];
    (void)wb_err_set(err, WB_CAT_USAGE, "\"%s\" has no scheme that is known; file:///path is", url);
    return NULL;
}

enum wb_rc wb_store_check_url(const char *url, const char *const *options, struct wb_err *err)
{
    const struct backend *backend = backend_of(url, err);
    if (!backend)
        return WB_ERROR;
    if (options && options[0])
        return wb_err_set(err, WB_CAT_USAGE, "unknown option \"%s\" for %s", options[0],
                          backend->scheme);
    return backend->check(url + strlen(backend->scheme), err);
}

enum wb_rc wb_store_open(const char *node, const char *url, const char *const *options,
                         const char *secret, const struct wb_config *config, struct wb_store **ret,
                         struct wb_err *err)
{
    (void)config;
    (void)secret;
    if (wb_store_check_url(url, options, err) != WB_OK)
        return WB_ERROR;
    const struct backend *backend = backend_of(url, err);
    return backend->open(node, url + strlen(backend->scheme), ret, err);
}

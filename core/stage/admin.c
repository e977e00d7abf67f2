#include "core/stage/admin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BODY_MAX = 4 * 1024 * 1024, CONNECTIONS_MOST = 32, IDLE_SECONDS = 10 };

struct wb_admin {
    struct MHD_Daemon *daemon;
    struct wb_metrics *metrics;
    struct wb_health *const *healths;
    size_t count;
    char address[64];
};

/* A page fills the body and gives the status. */
typedef unsigned page(struct wb_admin *admin, bool verbose, struct wb_buf *body);

static void line(struct wb_buf *body, const char *mark, const char *name, const char *reason)
{
    struct wb_err err;
    if (wb_buf_printf(body, &err, "[%s] %s%s%s\n", mark, name, *reason ? ": " : "", reason) !=
        WB_OK)
        wb_buf_clear(body);
}

static unsigned summary(bool fine, bool verbose, struct wb_buf *body)
{
    struct wb_err err;
    if (!verbose)
        wb_buf_clear(body);
    if (wb_buf_append(body, wb_span_str(fine ? "ok\n" : "not ok\n"), &err) != WB_OK)
        wb_buf_clear(body);
    return fine ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned livez(struct wb_admin *admin, bool verbose, struct wb_buf *body)
{
    bool fine = true;
    for (size_t i = 0; i < admin->count; i++) {
        bool alive = wb_health_alive(admin->healths[i]);
        line(body, alive ? "+" : "-", wb_health_name(admin->healths[i]), alive ? "" : "hangs");
        fine &= alive;
    }
    return summary(fine, verbose, body);
}

static unsigned readyz(struct wb_admin *admin, bool verbose, struct wb_buf *body)
{
    bool fine = true;
    for (size_t i = 0; i < admin->count; i++) {
        char reason[WB_HEALTH_REASON_MAX];
        bool ready = wb_health_ready(admin->healths[i], reason);
        line(body, ready ? "+" : "-", wb_health_name(admin->healths[i]), reason);
        fine &= ready;
    }
    return summary(fine, verbose, body);
}

static unsigned metrics(struct wb_admin *admin, bool verbose, struct wb_buf *body)
{
    struct wb_err err;
    (void)verbose;
    return wb_metrics_write(admin->metrics, body, &err) == WB_OK ? MHD_HTTP_OK
                                                                 : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static unsigned version(struct wb_admin *admin, bool verbose, struct wb_buf *body)
{
    struct wb_err err;
    (void)admin;
    (void)verbose;
    return wb_buf_printf(body, &err, "{\"name\":\"waybill\",\"version\":\"%s\"}\n", WB_VERSION) ==
                   WB_OK
               ? MHD_HTTP_OK
               : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

struct route {
    const char *path;
    page *page;
    const char *type;
};

static const struct route pages[] = {
    {"/livez", livez, "text/plain; charset=utf-8"},
    {"/readyz", readyz, "text/plain; charset=utf-8"},
    {"/metrics", metrics, "text/plain; version=0.0.4; charset=utf-8"},
    {"/version", version, "application/json"},
};

static unsigned find_page(struct wb_admin *admin, const char *url, bool verbose,
                          struct wb_buf *body, const char **ret_type)
{
    struct wb_err err;
    *ret_type = "text/plain; charset=utf-8";
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (strcmp(url, pages[i].path) != 0)
            continue;
        *ret_type = pages[i].type;
        return pages[i].page(admin, verbose, body);
    }
    if (wb_buf_append(body, wb_span_str("/livez /readyz?verbose /metrics /version\n"), &err) !=
        WB_OK)
        wb_buf_clear(body);
    return MHD_HTTP_NOT_FOUND;
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *http_version, const char *upload,
                              size_t *upload_size, void **state)
{
    struct wb_buf body WB_AUTO(wb_buf_free) = wb_buf_make(BODY_MAX);
    const char *type = "text/plain";
    unsigned status = MHD_HTTP_METHOD_NOT_ALLOWED;
    (void)http_version;
    (void)upload;
    (void)state;
    *upload_size = 0;
    bool verbose =
        MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "verbose") != NULL ||
        MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, NULL, NULL) > 0;
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        status = find_page(arg, url, verbose, &body, &type);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.len, body.data, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", type);
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum wb_rc parse_address(const char *text, struct sockaddr_in *ret, struct wb_err *err)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : -1;
    *ret = (struct sockaddr_in){.sin_family = AF_INET};
    (void)snprintf(host, sizeof(host), "%.*s", (int)(len < sizeof(host) ? len : 0), text);
    if (port < 0 || port > UINT16_MAX || *end || end == colon + 1 ||
        inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &ret->sin_addr) !=
            1)
        return wb_err_set(err, WB_CAT_USAGE, "http.listen \"%s\" is not ADDRESS:PORT", text);
    ret->sin_port = htons((uint16_t)port);
    return WB_OK;
}

static enum wb_rc begin(struct wb_admin *admin, const char *text, struct wb_err *err)
{
    struct sockaddr_in address;
    char host[INET_ADDRSTRLEN];
    if (parse_address(text, &address, err) != WB_OK)
        return WB_ERROR;
    admin->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, admin, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MOST,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
    if (!admin->daemon)
        return wb_err_set(err, WB_CAT_USAGE,
                          "cannot listen on %s: %s; choose another with --listen", text,
                          strerror(errno));
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_BIND_PORT);
    (void)inet_ntop(AF_INET, &address.sin_addr, host, sizeof(host));
    (void)snprintf(admin->address, sizeof(admin->address), "%s:%d", host,
                   info ? info->port : ntohs(address.sin_port));
    return WB_OK;
}

enum wb_rc wb_admin_new(const char *address, struct wb_metrics *registry,
                        struct wb_health *const *healths, size_t count, struct wb_admin **ret,
                        struct wb_err *err)
{
    *ret = NULL;
    if (!address || !*address)
        return WB_OK;
    struct wb_admin *admin = wb_xcalloc(1, sizeof(*admin));
    admin->metrics = registry;
    admin->healths = healths;
    admin->count = count;
    if (begin(admin, address, err) != WB_OK) {
        free(admin);
        return WB_ERROR;
    }
    *ret = admin;
    return WB_OK;
}

void wb_admin_free(struct wb_admin **admin)
{
    if (!*admin)
        return;
    MHD_stop_daemon((*admin)->daemon);
    free(*admin);
    *admin = NULL;
}

const char *wb_admin_address(const struct wb_admin *admin)
{
    return admin->address;
}

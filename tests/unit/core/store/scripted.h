/* A server that answers each path as a table says, whatever it is asked. */
#ifndef WB_TESTS_UNIT_CORE_STORE_SCRIPTED_H
#define WB_TESTS_UNIT_CORE_STORE_SCRIPTED_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/check.h"

enum { REQUEST_MAX_BYTES = 64 * 1024, CONNECTIONS_MOST = 64 };

/* In a reply `#` stands for the port of the other server. */
struct scripted_route {
    const char *path; /* up to a `?` */
    const char *reply;
    bool closes;   /* the connection, after the reply */
    bool holds;    /* the connection open and silent, until the server ends */
    bool is_early; /* answers before it has read the body */
    int drip_ms;   /* between two bytes */
};

struct scripted {
    const struct scripted_route *routes;
    size_t count;
    int listener;
    int wake[2]; /* closed at the end */
    int port;
    int other_port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_t workers[CONNECTIONS_MOST];
    size_t connections;
    char last[REQUEST_MAX_BYTES]; /* the last request, as it came */
    size_t last_len;
};

struct scripted_connection {
    struct scripted *server;
    int fd;
};

static inline bool scripted_readable(const struct scripted *server, int fd)
{
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN},
                            {.fd = server->wake[0], .events = POLLIN}};
    return poll(fds, 2, -1) > 0 && fds[1].revents == 0;
}

static inline void scripted_say(const struct scripted *server, int fd,
                                const struct scripted_route *route)
{
    char text[REQUEST_MAX_BYTES];
    size_t len = 0;
    for (const char *at = route->reply; *at && len + 8 < sizeof(text); at++)
        if (*at == '#')
            len += (size_t)snprintf(text + len, 8, "%d", server->other_port);
        else
            text[len++] = *at;
    for (size_t i = 0; route->drip_ms && i < len; i++) {
        struct pollfd fd_end = {.fd = server->wake[0], .events = POLLIN};
        if (send(fd, text + i, 1, MSG_NOSIGNAL) != 1 || poll(&fd_end, 1, route->drip_ms) != 0)
            return;
    }
    if (!route->drip_ms)
        (void)!send(fd, text, len, MSG_NOSIGNAL);
}

static inline const struct scripted_route *scripted_find(const struct scripted *server,
                                                         const char *request)
{
    const char *path = strchr(request, ' ') + 1;
    size_t len = strcspn(path, " ?");
    for (size_t i = 0; i < server->count; i++)
        if (strlen(server->routes[i].path) == len && memcmp(server->routes[i].path, path, len) == 0)
            return &server->routes[i];
    return NULL;
}

/* Whether the request is whole: its head, and as much body as it says. */
static inline bool scripted_is_whole(const char *text, size_t len)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strstr(text, "Content-Length: ");
    if (!end)
        return false;
    size_t body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
    return len >= (size_t)(end + 4 - text) + body;
}

/* One request and its answer; false when the connection is over. */
static inline bool scripted_turn(struct scripted *server, int fd)
{
    static const struct scripted_route missing = {
        .reply = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"};
    char text[REQUEST_MAX_BYTES] = "";
    size_t len = 0;
    const struct scripted_route *route = NULL;
    while (!scripted_is_whole(text, len)) {
        if (len + 1 == sizeof(text) || !scripted_readable(server, fd))
            return false;
        ssize_t got = recv(fd, text + len, sizeof(text) - 1 - len, 0);
        if (got <= 0)
            return false;
        len += (size_t)got;
        text[len] = 0;
        if (strstr(text, "\r\n\r\n") && (route = scripted_find(server, text)) && route->is_early)
            break;
    }
    (void)pthread_mutex_lock(&server->lock);
    memcpy(server->last, text, len + 1);
    server->last_len = len;
    (void)pthread_mutex_unlock(&server->lock);
    route = scripted_find(server, text);
    route = route ? route : &missing;
    scripted_say(server, fd, route);
    while (route->holds && scripted_readable(server, fd) && recv(fd, text, sizeof(text), 0) > 0)
        continue;
    return !route->closes && !route->holds;
}

static inline void *scripted_connection_run(void *arg)
{
    struct scripted_connection connection = *(struct scripted_connection *)arg;
    free(arg);
    while (scripted_turn(connection.server, connection.fd))
        continue;
    (void)close(connection.fd);
    return NULL;
}

static inline void *scripted_run(void *arg)
{
    struct scripted *server = arg;
    while (server->connections < CONNECTIONS_MOST && scripted_readable(server, server->listener)) {
        struct scripted_connection *connection = calloc(1, sizeof(*connection));
        connection->server = server;
        connection->fd = accept(server->listener, NULL, NULL);
        (void)pthread_create(&server->workers[server->connections++], NULL, scripted_connection_run,
                             connection);
    }
    return NULL;
}

static inline void scripted_start(struct scripted *server, const struct scripted_route *routes,
                                  size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    *server = (struct scripted){.routes = routes, .count = count};
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server->listener, CONNECTIONS_MOST), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pipe(server->wake), 0);
    (void)pthread_mutex_init(&server->lock, NULL);
    assert_int_equal(pthread_create(&server->thread, NULL, scripted_run, server), 0);
}

static inline void scripted_stop(struct scripted *server)
{
    (void)close(server->wake[1]);
    (void)pthread_join(server->thread, NULL);
    for (size_t i = 0; i < server->connections; i++)
        (void)pthread_join(server->workers[i], NULL);
    (void)close(server->wake[0]);
    (void)close(server->listener);
    (void)pthread_mutex_destroy(&server->lock);
}

#endif

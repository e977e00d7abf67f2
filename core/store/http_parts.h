/* Between the files of the HTTP client only. */
#ifndef WB_STORE_HTTP_PARTS_H
#define WB_STORE_HTTP_PARTS_H

#include <curl/curl.h>
#include <pthread.h>

#include "core/store/http.h"

enum { HTTP_LINES_MAX = 48, HTTP_LANES_IDLE_MOST = 64, HTTP_REDIRECTS_MOST = 5 };

/* Connections and handles that one thread uses at a time. */
struct http_lane {
    struct http_lane *next; /* while idle */
    CURLM *multi;
    size_t idle; /* handles */
    CURL *easies[];
};

struct wb_http {
    char *base;          /* without a slash at its end */
    char *origin;        /* scheme, host and port */
    char *authorization; /* a header line; NULL: none */
    char *ca_file;
    char *cert_file;
    char *key_file;
    bool is_loopback;
    bool is_tls;
    int64_t connect_timeout_ms;
    int64_t stall_timeout_ms;
    size_t at_once;
    CURLSH *share; /* names and TLS sessions, of all lanes */
    pthread_mutex_t share_locks[CURL_LOCK_DATA_LAST];
    pthread_mutex_t lock;
    struct http_lane *lanes; /* idle */
    size_t lane_count;
};

/* One request on its way, a stream to the outside. */
struct wb_http_stream {
    struct wb_http *http;
    struct http_lane *lane;
    CURL *easy; /* NULL when not on its way */
    struct wb_http_request request;
    struct wb_buf text;                      /* its own headers */
    struct curl_slist lines[HTTP_LINES_MAX]; /* what goes to libcurl */
    char *url;
    struct wb_http_reply *reply;
    struct wb_http_reply own_reply; /* where the caller's is none, or gone */
    char message[CURL_ERROR_SIZE];
    int redirects;
    bool is_stranger; /* a redirect led away from the node */
    bool streams_in;  /* the body goes to a reader */
    bool streams_out; /* the body comes from a writer */

    /* reply */
    size_t head_bytes;
    bool has_head; /* of the final reply */
    bool is_cut;   /* enough of an error's body was seen */
    bool is_done;
    bool is_paused;
    CURLcode result;
    struct wb_err problem; /* why a callback ended it; none: not set */

    /* bodies on their way */
    uint8_t *into;
    size_t room;
    uint8_t spill[CURL_MAX_WRITE_SIZE]; /* of a piece that did not fit */
    size_t spill_len;
    size_t spill_at;
    struct wb_span out;
    int64_t out_bytes; /* written so far */
    bool out_ended;

    /* progress */
    int64_t window_ms; /* when it began */
    int64_t window_moved;
    int64_t left_ms; /* when nobody waited any more */
};

/* ---- http.c ---- */

/* An idle lane or a new one; LIMIT when memory is out. Given back by wb_http_lane_give. */
struct http_lane *wb_http_lane_take(struct wb_http *http, struct wb_err *err);
void wb_http_lane_give(struct wb_http *http, struct http_lane *lane);

/* ---- http_exchange.c ---- */

/* A request that is not on its way yet; its parts are copied, but for the span of its body.
 * `reply` NULL: it gets one of its own. The caller frees. */
struct wb_http_stream *wb_http_exchange_new(struct wb_http *http, struct http_lane *lane,
                                            const struct wb_http_request *request,
                                            struct wb_http_reply *reply, struct wb_err *err);
/* Puts it on its way, anew after a redirect. */
enum wb_rc wb_http_exchange_start(struct wb_http_stream *stream, struct wb_err *err) WB_MUST_USE;
/* Takes it off its lane, whatever became of it. */
void wb_http_exchange_stop(struct wb_http_stream *stream);
void wb_http_exchange_free(struct wb_http_stream **stream); /* fits WB_AUTO */

/* ---- http_reply.c ---- */

/* Empties it for the next head. */
void wb_http_reply_clear(struct wb_http_reply *reply);
/* One line of a head as libcurl gives it: takes it in. INVALID for what is malformed or too much.
 */
enum wb_rc wb_http_reply_line(struct wb_http_reply *reply, struct wb_span line,
                              struct wb_err *err) WB_MUST_USE;
/* The head is whole: reads the length and range it declares. */
enum wb_rc wb_http_reply_head(struct wb_http_reply *reply, struct wb_err *err) WB_MUST_USE;
/* The error that libcurl ended with. */
enum wb_rc wb_http_failed(const struct wb_http_stream *stream, struct wb_err *err) WB_MUST_USE;

/* ---- http_drive.c ---- */

/* Moves the lane on until `ready` says so of the stream, or it is done, redirects followed. Fails
 * when it ended badly or stalls. */
enum wb_rc wb_http_drive(struct wb_http_stream *stream,
                         bool (*ready)(const struct wb_http_stream *stream),
                         struct wb_err *err) WB_MUST_USE;

#endif

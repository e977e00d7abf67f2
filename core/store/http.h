/* The HTTP client of a node, over libcurl: what WebDAV, S3 and plain HTTP have in common.
 *
 * Calls block. A client is safe for many threads: each call, and each open stream, has a *lane* to
 * itself, a set of connections that is given back for the next one. Nothing is retried, but for
 * libcurl sending anew what a reused connection had lost before any answer.
 *
 * libcurl's word is not proof: status, lengths and ranges are read and bounded here, and checked by
 * the caller. There is no total time-out; what moves too little over the stall time-out fails with
 * TIMEOUT. Redirects are followed for reads only, at most five, never from https to http, and
 * whoever is not the node itself gets neither credentials nor the request's own headers. Secrets
 * are in no error. RFC 9110, RFC 9112. */
#ifndef WB_STORE_HTTP_H
#define WB_STORE_HTTP_H

#include "core/base/buf.h"

/* Texts are borrowed for the call of wb_http_new only; NULL where there is none. */
struct wb_http_options {
    const char *base_url; /* http(s)://host[:port][/path]: no user, query or fragment */
    const char *user;     /* basic authentication, with `password` */
    const char *password;
    const char *bearer;  /* or a token */
    const char *ca_file; /* instead of the system's authorities */
    const char *cert_file;
    const char *key_file;
    bool insecure;              /* credentials over plain http, to hosts other than loopback */
    int64_t connect_timeout_ms; /* 0: 10 s */
    int64_t stall_timeout_ms;   /* 0: 60 s */
    int32_t at_once;            /* of wb_http_send_all, on their way at once; 0: 8 */
};

/* Borrowed for the call only; the method's text must stay. */
struct wb_http_request {
    const char *method;
    const char *path; /* percent-encoded, with a query if any; appended to the base: "" or "/…" */
    const char *const *headers; /* "Name: value" …, NULL-terminated; NULL: none */
    struct wb_span body;        /* of wb_http_send */
    int64_t body_bytes;         /* of wb_http_begin: what will be written; -1 not known */
    size_t reply_most;          /* longest body of a reply that is taken in; 0: 64 KiB */
    int64_t patience_ms; /* how long the server may be silent before it answers; 0: as stalls */
};

enum { WB_HTTP_HEADERS_MAX = 64 * 1024, WB_HTTP_ERROR_BODY_MAX = 64 * 1024 };

/* Zeroed before its first use; used again it is emptied first. */
struct wb_http_reply {
    int status;
    bool is_elsewhere;     /* a redirect led to another host */
    bool is_folder;        /* a redirect, not followed, adds but a slash to the path */
    int64_t length;        /* of the body, as declared; -1 not at all */
    int64_t range_start;   /* of Content-Range; -1 where there is none */
    int64_t range_end;     /* past the last byte */
    int64_t range_size;    /* of the whole; -1 not known */
    struct wb_buf headers; /* for wb_http_header */
    struct wb_buf body;    /* of a stream: only when the status is no 2xx, cut at 64 KiB */
};

/* Frees what it holds; fits WB_AUTO. */
void wb_http_reply_free(struct wb_http_reply *reply);
/* The first header of the name, in any case of letters, blanks around it removed; NULL when there
 * is none. Valid until the reply is used again. */
const char *wb_http_header(const struct wb_http_reply *reply, const char *name);
/* True for 2xx. */
static inline bool wb_http_is_ok(const struct wb_http_reply *reply)
{
    return reply->status >= 200 && reply->status <= 299;
}
/* The error that a status stands for: category, code "HTTP 503", and how long to wait where
 * Retry-After says so (seconds or a date). The text is yours and what the status is called. Also
 * for a 2xx that is not the one it should be: INVALID. Returns WB_ERROR. */
enum wb_rc wb_http_error(const struct wb_http_reply *reply, struct wb_err *err, const char *fmt,
                         ...) WB_PRINTF(3, 4);
/* A reply that breaks the protocol: INVALID, but it may be better the next time. */
enum wb_rc wb_http_bad_reply(struct wb_err *err, const char *fmt, ...) WB_PRINTF(2, 3);

/* `Sun, 06 Nov 1994 08:49:37 GMT` (and the two obsolete forms, RFC 9110 §5.6.7) in seconds since
 * 1970; -1 when it is none, and for one past what counts as nanoseconds. */
int64_t wb_http_date_parse(const char *text);
/* `out` holds 32 bytes. */
void wb_http_date_format(int64_t seconds, char *out);

struct wb_http;
struct wb_http_stream;

/* Checks the options, connects to nobody. USAGE for a bad URL, for files that cannot be read, and
 * for credentials that would travel in the clear. */
enum wb_rc wb_http_new(const struct wb_http_options *options, struct wb_http **ret,
                       struct wb_err *err) WB_MUST_USE;
/* All streams must be closed. Wipes the secrets; fits WB_AUTO. */
void wb_http_free(struct wb_http **http);

/* Whether the node is this machine, by its name or number. */
bool wb_http_is_loopback(const struct wb_http *http);
/* `https://host:port` without anything secret, for texts. */
const char *wb_http_origin(const struct wb_http *http);

/* One request and its reply, whatever its status; the body is taken in up to `reply_most`, INVALID
 * beyond. `reply` is emptied first and valid on WB_OK only. */
enum wb_rc wb_http_send(struct wb_http *http, const struct wb_http_request *request,
                        struct wb_http_reply *reply, struct wb_err *err) WB_MUST_USE;

struct wb_http_call {
    struct wb_http_request request;
    struct wb_http_reply reply; /* zeroed by the caller, freed by the caller */
    enum wb_rc rc;
    struct wb_err err;
};

/* Many requests, several at a time, in no order. Each has its own result. */
void wb_http_send_all(struct wb_http *http, struct wb_http_call *calls, size_t count);

/* Sends a request for a body that is read piece by piece, and waits for the head of the reply.
 * `ret` is NULL when the status is no 2xx; then `reply` has the body. The caller closes. */
enum wb_rc wb_http_open(struct wb_http *http, const struct wb_http_request *request,
                        struct wb_http_stream **ret, struct wb_http_reply *reply,
                        struct wb_err *err) WB_MUST_USE;
/* Fills the buffer; fewer bytes only at the end of the body, which is then as long as it was
 * declared (UNREACHABLE when the connection ended before). */
enum wb_rc wb_http_read(struct wb_http_stream *stream, void *buffer, size_t len, size_t *ret_len,
                        struct wb_err *err) WB_MUST_USE;

/* Begins a request whose body is written piece by piece. The caller closes. */
enum wb_rc wb_http_begin(struct wb_http *http, const struct wb_http_request *request,
                         struct wb_http_stream **ret, struct wb_err *err) WB_MUST_USE;
/* The span is on its way when this returns. A server that answers before it has all makes this
 * fail with the error of its status; wb_http_finish gives that reply then. */
enum wb_rc wb_http_write(struct wb_http_stream *stream, struct wb_span bytes,
                         struct wb_err *err) WB_MUST_USE;
/* Ends the body and waits for the reply. INTERNAL when it is not as long as announced. */
enum wb_rc wb_http_finish(struct wb_http_stream *stream, struct wb_http_reply *reply,
                          struct wb_err *err) WB_MUST_USE;
/* Ends it, wherever it is: what was not finished is cut off. NULL inside is fine; fits WB_AUTO. */
void wb_http_close(struct wb_http_stream **stream);

/* The base as it was given, without a slash at its end. */
const char *wb_http_base(const struct wb_http *http);

/* libcurl's version, static. */
const char *wb_http_library(void);

#endif

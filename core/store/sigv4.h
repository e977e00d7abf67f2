/* AWS Signature Version 4, as S3 wants it.
 *
 * Source: "Signature Calculations for the Authorization Header: Transferring Payload in a Single
 * Chunk", Amazon S3 API Reference. Two things differ from other services: a path is encoded once
 * and never normalised, and the payload may stay unsigned. Pure: time and keys come as values. */
#ifndef WB_STORE_SIGV4_H
#define WB_STORE_SIGV4_H

#include "core/base/buf.h"

enum { WB_SIGV4_DATE = 17, WB_SIGV4_HEADERS_MAX = 64, WB_SIGV4_QUERY_MAX = 64 };

#define WB_SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"

struct wb_sigv4_key {
    const char *id;
    const char *secret;
    const char *region;
    const char *service; /* "s3" */
};

/* What is signed is what goes over the wire. A session token is one of the headers. */
struct wb_sigv4_request {
    const char *method;
    const char *path;           /* percent-encoded, begins with '/' */
    const char *query;          /* percent-encoded, without '?'; "" or NULL: none */
    const char *const *headers; /* `Name: value` lines, host and date too, NULL-terminated */
    const char *payload;        /* SHA-256 of the body in hex, or WB_SIGV4_UNSIGNED */
    int64_t time_ms;            /* since 1970; the header x-amz-date says the same */
};

/* `20130524T000000Z`. */
void wb_sigv4_date(int64_t time_ms, char out[WB_SIGV4_DATE]);

/* Appends the canonical request, and the names of its headers as SignedHeaders has them. INVALID
 * for a line that is no header and past the bounds above, LIMIT past the cap of a buf. */
enum wb_rc wb_sigv4_canonical(const struct wb_sigv4_request *request, struct wb_buf *ret,
                              struct wb_buf *ret_names, struct wb_err *err) WB_MUST_USE;

/* Appends the header line `Authorization: AWS4-HMAC-SHA256 …`. Errors as of _canonical. */
enum wb_rc wb_sigv4_sign(const struct wb_sigv4_key *key, const struct wb_sigv4_request *request,
                         struct wb_buf *ret, struct wb_err *err) WB_MUST_USE;

#endif

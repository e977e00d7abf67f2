/* Digests. XXH3-128 proves ranges (integrity); SHA-256 is evidence for a file where asked.
 * XXH3: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md, canonical (big-endian). */
#ifndef WB_BASE_HASH_H
#define WB_BASE_HASH_H

#include <stdbool.h>

#include "core/base/buf.h"

enum { WB_XXH3_SIZE = 16, WB_MD5_SIZE = 16, WB_SHA256_SIZE = 32 };

struct wb_xxh3 {
    uint8_t bytes[WB_XXH3_SIZE];
};

struct wb_md5 {
    uint8_t bytes[WB_MD5_SIZE];
};

struct wb_sha256 {
    uint8_t bytes[WB_SHA256_SIZE];
};

/* One pass over bytes that computes XXH3-128 and, when asked, SHA-256 as well. */
struct wb_hasher;

/* The caller frees. Feeding nothing gives the digests of no bytes. */
struct wb_hasher *wb_hasher_new(bool with_sha256);
void wb_hasher_free(struct wb_hasher **hasher); /* fits WB_AUTO */
void wb_hasher_reset(struct wb_hasher *hasher, bool with_sha256);
void wb_hasher_update(struct wb_hasher *hasher, struct wb_span bytes);
/* `ret_sha` may be NULL; must be when SHA-256 was not asked for. */
void wb_hasher_final(struct wb_hasher *hasher, struct wb_xxh3 *ret_xxh, struct wb_sha256 *ret_sha);

/* In one call. */
struct wb_xxh3 wb_xxh3_of(struct wb_span bytes);
uint64_t wb_hash64_of(struct wb_span bytes); /* XXH3-64, for tables; stored in no record */
/* No proof of anything: some servers demand it of a request (RFC 1321). */
struct wb_md5 wb_md5_of(struct wb_span bytes);
struct wb_sha256 wb_sha256_of(struct wb_span bytes);
/* RFC 2104 over SHA-256. */
struct wb_sha256 wb_hmac_sha256(struct wb_span key, struct wb_span bytes);

/* Lower-case hex with a NUL; `out` holds 2 * len + 1. _parse demands exactly `len` bytes. */
void wb_hex_format(struct wb_span bytes, char *out);
bool wb_hex_parse(const char *text, uint8_t *out, size_t len);

/* Standard base64 (RFC 4648 §4) appended to `buf`. */
enum wb_rc wb_base64_append(struct wb_buf *buf, struct wb_span bytes,
                            struct wb_err *err) WB_MUST_USE;
/* Strict decoding, appended. */
enum wb_rc wb_base64_parse(struct wb_span text, struct wb_buf *ret, struct wb_err *err) WB_MUST_USE;

/* `out` filled with bytes from getrandom(2); never fails (aborts). */
void wb_random_bytes(void *out, size_t len);
uint64_t wb_random_u64(void);

#endif

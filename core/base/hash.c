#include "core/base/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

struct wb_hasher {
    XXH3_state_t *xxh;
    EVP_MD_CTX *sha;
    bool with_sha;
};

/* A failure of the digest library is a broken machine, never data: nothing sensible can follow. */
static void must(bool ok)
{
    if (!ok)
        abort();
}

struct wb_hasher *wb_hasher_new(bool with_sha256)
{
    struct wb_hasher *hasher = wb_xcalloc(1, sizeof(*hasher));
    hasher->xxh = XXH3_createState();
    must(hasher->xxh != NULL);
    wb_hasher_reset(hasher, with_sha256);
    return hasher;
}

void wb_hasher_free(struct wb_hasher **hasher)
{
    if (!*hasher)
        return;
    XXH3_freeState((*hasher)->xxh);
    EVP_MD_CTX_free((*hasher)->sha);
    free(*hasher);
    *hasher = NULL;
}

void wb_hasher_reset(struct wb_hasher *hasher, bool with_sha256)
{
    must(XXH3_128bits_reset(hasher->xxh) == XXH_OK);
    hasher->with_sha = with_sha256;
    if (!with_sha256)
        return;
    if (!hasher->sha)
        hasher->sha = EVP_MD_CTX_new();
    must(hasher->sha && EVP_DigestInit_ex(hasher->sha, EVP_sha256(), NULL) == 1);
}

void wb_hasher_update(struct wb_hasher *hasher, struct wb_span bytes)
{
    must(XXH3_128bits_update(hasher->xxh, bytes.data, bytes.len) == XXH_OK);
    if (hasher->with_sha)
        must(EVP_DigestUpdate(hasher->sha, bytes.data, bytes.len) == 1);
}

static struct wb_xxh3 canonical(XXH128_hash_t hash)
{
    struct wb_xxh3 digest;
    XXH128_canonical_t form;
    XXH128_canonicalFromHash(&form, hash);
    memcpy(digest.bytes, form.digest, sizeof(digest.bytes));
    return digest;
}

void wb_hasher_final(struct wb_hasher *hasher, struct wb_xxh3 *ret_xxh, struct wb_sha256 *ret_sha)
{
    *ret_xxh = canonical(XXH3_128bits_digest(hasher->xxh));
    if (ret_sha)
        must(hasher->with_sha && EVP_DigestFinal_ex(hasher->sha, ret_sha->bytes, NULL) == 1);
}

struct wb_xxh3 wb_xxh3_of(struct wb_span bytes)
{
    return canonical(XXH3_128bits(bytes.data, bytes.len));
}

uint64_t wb_hash64_of(struct wb_span bytes)
{
    return XXH3_64bits(bytes.data, bytes.len);
}

struct wb_md5 wb_md5_of(struct wb_span bytes)
{
    struct wb_md5 digest;
    must(EVP_Digest(bytes.data, bytes.len, digest.bytes, NULL, EVP_md5(), NULL) == 1);
    return digest;
}

struct wb_sha256 wb_sha256_of(struct wb_span bytes)
{
    struct wb_sha256 digest;
    must(EVP_Digest(bytes.data, bytes.len, digest.bytes, NULL, EVP_sha256(), NULL) == 1);
    return digest;
}

struct wb_sha256 wb_hmac_sha256(struct wb_span key, struct wb_span bytes)
{
    struct wb_sha256 digest;
    must(HMAC(EVP_sha256(), key.data, (int)key.len, bytes.data, bytes.len, digest.bytes, NULL) !=
         NULL);
    return digest;
}

void wb_hex_format(struct wb_span bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        *out++ = digits[bytes.data[i] >> 4];
        *out++ = digits[bytes.data[i] & 15];
    }
    *out = 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool wb_hex_parse(const char *text, uint8_t *out, size_t len)
{
    if (strlen(text) != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(text[2 * i]);
        int low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

enum wb_rc wb_base64_append(struct wb_buf *buf, struct wb_span bytes, struct wb_err *err)
{
    size_t need = (bytes.len + 2) / 3 * 4;
    if (wb_buf_reserve(buf, need, err) != WB_OK)
        return WB_ERROR;
    if (bytes.len) /* EVP_EncodeBlock writes a NUL too; a buf always has room for one */
        must(EVP_EncodeBlock(buf->data + buf->len, bytes.data, (int)bytes.len) == (int)need);
    buf->len += need;
    return WB_OK;
}

static size_t padding_of(struct wb_span text)
{
    size_t count = 0;
    while (count < 2 && count < text.len && text.data[text.len - 1 - count] == '=')
        count++;
    return count;
}

static bool base64_alphabet(struct wb_span text)
{
    static const char extra[] = "+/";
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (c == 0 || !strchr(extra, c)))
            return false;
    }
    return true;
}

enum wb_rc wb_base64_parse(struct wb_span text, struct wb_buf *ret, struct wb_err *err)
{
    size_t padding = padding_of(text);
    if (text.len % 4 || !base64_alphabet(wb_span_of(text.data, text.len - padding)))
        return wb_err_set(err, WB_CAT_INVALID, "not base64");
    size_t need = text.len / 4 * 3;
    if (wb_buf_reserve(ret, need, err) != WB_OK)
        return WB_ERROR;
    if (need && EVP_DecodeBlock(ret->data + ret->len, text.data, (int)text.len) != (int)need)
        return wb_err_set(err, WB_CAT_INVALID, "not base64");
    ret->len += need - padding;
    return WB_OK;
}

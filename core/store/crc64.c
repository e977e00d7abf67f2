/* Sixteen bytes a step (Kounavis and Berry, "Novel Table Lookup-Based Algorithms for
 * High-Performance CRC Generation", 2008). */
#include "core/store/crc64.h"

#include <endian.h>

#include "core/base/hash.h"

enum { STEP = 16 };

#define POLYNOMIAL 0x9a6c9329ac4bc9b5ULL /* its bits reversed */

void wb_crc64_init(struct wb_crc64 *crc64)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t sum = i;
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? POLYNOMIAL : 0);
        crc64->table[0][i] = sum;
    }
    for (int slice = 1; slice < STEP; slice++)
        for (unsigned i = 0; i < 256; i++) {
            uint64_t before = crc64->table[slice - 1][i];
            crc64->table[slice][i] = before >> 8 ^ crc64->table[0][before & 0xff];
        }
}

static uint64_t load(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

static uint64_t eight(const struct wb_crc64 *crc64, int slice, uint64_t value)
{
    uint64_t sum = 0;
    for (int i = 0; i < 8; i++)
        sum ^= crc64->table[slice - i][value >> (8 * i) & 0xff];
    return sum;
}

uint64_t wb_crc64_update(const struct wb_crc64 *crc64, uint64_t sum, struct wb_span bytes)
{
    const uint8_t *at = bytes.data;
    size_t left = bytes.len;
    sum = ~sum;
    for (; left >= STEP; at += STEP, left -= STEP)
        sum = eight(crc64, 15, load(at) ^ sum) ^ eight(crc64, 7, load(at + 8));
    for (; left; at++, left--)
        sum = sum >> 8 ^ crc64->table[0][(sum ^ *at) & 0xff];
    return ~sum;
}

void wb_crc64_format(uint64_t sum, char out[WB_CRC64_TEXT + 1])
{
    struct wb_err err;
    uint64_t big = htobe64(sum);
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(WB_CRC64_TEXT);
    out[0] = 0;
    if (wb_base64_append(&text, wb_span_of(&big, sizeof(big)), &err) == WB_OK)
        memcpy(out, wb_buf_cstr(&text), WB_CRC64_TEXT + 1);
}

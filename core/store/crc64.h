/* CRC-64/NVME, the checksum that S3 keeps of whole objects and of parts as
 * `x-amz-checksum-crc64nvme` (NVM Express NVM Command Set 1.0, 5.2.1.3.4). */
#ifndef WB_STORE_CRC64_H
#define WB_STORE_CRC64_H

#include "core/base/buf.h"

enum { WB_CRC64_TEXT = 12 };

/* The tables of one polynomial, made once and shared by all that count. */
struct wb_crc64 {
    uint64_t table[16][256];
};

void wb_crc64_init(struct wb_crc64 *crc64); /* fills the tables */

/* The checksum of what `sum` is of and `bytes` behind it; 0 is the checksum of nothing. */
uint64_t wb_crc64_update(const struct wb_crc64 *crc64, uint64_t sum, struct wb_span bytes);

/* As S3 writes it: base64 of the eight bytes, the highest first. */
void wb_crc64_format(uint64_t sum, char out[WB_CRC64_TEXT + 1]);

#endif

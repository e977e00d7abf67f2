/* Randomness, in a file of its own, so that a simulator can put a seeded one in its place. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/base/hash.h"

void wb_random_bytes(void *out, size_t len)
{
    uint8_t *at = out;
    while (len) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        at += got;
        len -= (size_t)got;
    }
}

uint64_t wb_random_u64(void)
{
    uint64_t bits;
    wb_random_bytes(&bits, sizeof(bits));
    return bits;
}

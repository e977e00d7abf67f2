/* Seeded numbers, and the shipped code's own randomness out of one of the streams. */
#include <string.h>

#include "core/base/hash.h"
#include "tests/sim/sim.h"

static uint64_t states[SIM_STREAMS];

/* splitmix64: https://prng.di.unimi.it/splitmix64.c */
static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void sim_random_begin(uint64_t seed)
{
    uint64_t state = seed;
    for (int stream = 0; stream < SIM_STREAMS; stream++)
        states[stream] = next(&state);
}

uint64_t sim_random(enum sim_stream stream)
{
    return next(&states[stream]);
}

int64_t sim_below(enum sim_stream stream, int64_t bound)
{
    return bound > 1 ? (int64_t)(sim_random(stream) % (uint64_t)bound) : 0;
}

bool sim_chance(enum sim_stream stream, int per_mille)
{
    return sim_below(stream, 1000) < per_mille;
}

int64_t sim_spread(enum sim_stream stream, int64_t least, int64_t most)
{
    int64_t top = least > 0 ? least : 1;
    int doublings = 0;
    for (int64_t at = top; at < most; at *= 2)
        doublings++;
    for (int64_t i = sim_below(stream, doublings + 1); i > 0; i--)
        top *= 2;
    if (top > most)
        top = most;
    return least + sim_below(stream, top - least + 1);
}

void wb_random_bytes(void *out, size_t len)
{
    for (size_t at = 0; at < len; at += sizeof(uint64_t)) {
        uint64_t bits = sim_random(SIM_SHIPPED);
        size_t left = len - at;
        memcpy((uint8_t *)out + at, &bits, left < sizeof(bits) ? left : sizeof(bits));
    }
}

uint64_t wb_random_u64(void)
{
    return sim_random(SIM_SHIPPED);
}

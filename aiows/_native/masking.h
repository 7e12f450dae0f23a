/* Masks and unmasks payload: RFC 6455, section 5.3.
 *
 * It works on eight bytes at a time, in a loop that compilers turn into vector instructions. Each function also
 * returns whether the result has a byte that is not ASCII: that costs nothing here, and saves text another pass.
 */
#ifndef AIOWS_MASKING_H
#define AIOWS_MASKING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(_MSC_VER)
#define AIOWS_RESTRICT __restrict
#else
#define AIOWS_RESTRICT __restrict__
#endif

#define AIOWS_HIGH_BITS UINT64_C(0x8080808080808080)

static inline uint64_t
aiows_wide_key(const uint8_t key[4])
{
    uint8_t twice[8];
    uint64_t wide;
    memcpy(twice, key, 4);
    memcpy(twice + 4, key, 4);
    memcpy(&wide, twice, 8);
    return wide;
}

/* XOR byte i of `source` with byte i % 4 of `key` into `target`, which does not overlap it. */
static inline int
aiows_mask_into(uint8_t *AIOWS_RESTRICT target, const uint8_t *AIOWS_RESTRICT source, size_t size,
                const uint8_t key[4])
{
    const uint64_t wide = aiows_wide_key(key);
    const size_t words = size / 8;
    uint64_t seen = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, source + 8 * i, 8);
        word ^= wide;
        seen |= word;
        memcpy(target + 8 * i, &word, 8);
    }
    for (size_t i = 8 * words; i < size; i++) {
        target[i] = source[i] ^ key[i % 4];
        seen |= target[i];
    }
    return (seen & AIOWS_HIGH_BITS) != 0;
}

/* The same in place. It has its own loop: the one above is vectorised only if source and target differ. */
static inline int
aiows_mask_in_place(uint8_t *data, size_t size, const uint8_t key[4])
{
    const uint64_t wide = aiows_wide_key(key);
    const size_t words = size / 8;
    uint64_t seen = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, data + 8 * i, 8);
        word ^= wide;
        seen |= word;
        memcpy(data + 8 * i, &word, 8);
    }
    for (size_t i = 8 * words; i < size; i++) {
        data[i] ^= key[i % 4];
        seen |= data[i];
    }
    return (seen & AIOWS_HIGH_BITS) != 0;
}

/* Change `key` to the one for the rest of a frame, after `masked` bytes of it. */
static inline void
aiows_rotate_key(uint8_t key[4], uint64_t masked)
{
    uint8_t twice[8];
    memcpy(twice, key, 4);
    memcpy(twice + 4, key, 4);
    memcpy(key, twice + masked % 4, 4);
}

#endif

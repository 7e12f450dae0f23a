/* Checks text piece by piece: is it valid UTF-8 so far? RFC 3629, section 4. */
#ifndef AIOWS_UTF8_H
#define AIOWS_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "masking.h"

/* The character that the end of the last piece has cut: how many of its bytes are missing, and the lowest and
 * highest value of the next one. All 0: no character is cut. */
typedef struct {
    uint8_t missing;
    uint8_t lowest;
    uint8_t highest;
} aiows_utf8;

/* Set what the first byte of a character requires of the next ones; return 0 if no character begins with it. */
static inline int
aiows_utf8_begin(aiows_utf8 *state, uint8_t first)
{
    if (first < 0xC2 || first > 0xF4)
        return 0; /* a continuation, an overlong form, or beyond U+10FFFF */
    state->missing = (uint8_t)(1 + (first >= 0xE0) + (first >= 0xF0));
    state->lowest = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;  /* lower is overlong */
    state->highest = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF; /* a surrogate, or beyond */
    return 1;
}

/* Count the ASCII bytes at `data`, in steps of eight. */
static inline size_t
aiows_ascii_words(const uint8_t *data, size_t size)
{
    size_t at = 0;
    uint64_t word;
    while (size - at >= 8) {
        memcpy(&word, data + at, 8);
        if (word & AIOWS_HIGH_BITS)
            break;
        at += 8;
    }
    return at;
}

/* Check the next piece; return 0 at the first byte that cannot be valid. */
static inline int
aiows_utf8_check(aiows_utf8 *state, const uint8_t *data, size_t size)
{
    aiows_utf8 now = *state; /* in registers */
    size_t at = 0;
    while (at < size) {
        uint8_t byte = data[at];
        if (now.missing) {
            if (byte < now.lowest || byte > now.highest)
                return 0;
            now.missing--;
            now.lowest = 0x80;
            now.highest = 0xBF;
            at++;
        } else if (byte < 0x80) {
            size_t skipped = aiows_ascii_words(data + at, size - at);
            at += skipped ? skipped : 1;
        } else if (aiows_utf8_begin(&now, byte)) {
            at++;
        } else {
            return 0;
        }
    }
    *state = now;
    return 1;
}

#endif

/* es_scaling.h: the requantisation of one channel, prepared; the same bits as es_requantise.h.
 *
 * The sum is doubled beforehand, so that the product's high word is the result and needs no shift.
 * Halves of negative numbers go away from zero by taking one more from them: in a number that is
 * doubled once more that is less than a half, and nothing where no bits are shifted out. Needs what
 * layout.py checks: |sum << left| < 2^29 and shifts of -29 or more.
 */
#ifndef ES_SCALING_H
#define ES_SCALING_H

#include <stdint.h>

#include "es_layer.h"

typedef struct {
    int32_t multiplier;
    int32_t half;    /* of what is shifted out, doubled */
    uint8_t left;    /* before the multiplication */
    uint8_t right;   /* after it */
    int8_t zero;
} es_scaling;

static inline es_scaling es_scaling_of(const es_layer *layer, int channel)
{
    const int shift = layer->shift[channel];
    const int left = shift > 0 ? shift : 0, right = left - shift;
    const es_scaling scaling = { layer->multiplier[channel], INT32_C(1) << right,
                                 (uint8_t)(left + 1), (uint8_t)(right + 1), layer->zero_out };
    return scaling;
}

/* round(a * b / 2^32), b not negative. */
#if defined(__ARM_FEATURE_DSP)
static inline int32_t es_high_word(int32_t a, int32_t b)
{
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high;
}
#elif defined(__thumb__) && !defined(__thumb2__)
/* Cortex-M0+ has the low word of products only: four products of halves instead. */
static inline int32_t es_high_word(int32_t a, int32_t b)
{
    const int32_t a_high = a >> 16, b_high = b >> 16;
    const uint32_t a_low = (uint32_t)a & 0xffff, b_low = (uint32_t)b & 0xffff;
    const int32_t middle = a_high * (int32_t)b_low + (int32_t)(a_low * b_low >> 16);
    const uint32_t lower = a_low * (uint32_t)b_high + ((uint32_t)middle & 0xffff) + 0x8000;
    return a_high * b_high + (middle >> 16) + (int32_t)(lower >> 16);
}
#else
static inline int32_t es_high_word(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 31)) >> 32);
}
#endif

/* The code of a sum before any clamping. */
static inline int32_t es_scale(int32_t sum, es_scaling s)
{
    const int32_t high = es_high_word((int32_t)((uint32_t)sum << s.left), s.multiplier);
    return ((2 * high + s.half + (high >> 31)) >> s.right) + s.zero;
}

#endif

/* es_requantise.h: int32 accumulator -> int8 code, as TFLite's reference kernels do it.
 *
 * Two roundings, as in gemmlowp: the doubled high word of the product rounds half up, the shift
 * that follows rounds half away from zero. Vector kernels must give the same bits.
 */
#ifndef ES_REQUANTISE_H
#define ES_REQUANTISE_H

#include <stdint.h>

/* round(a * b / 2^31). The one overflow, both INT32_MIN, cannot occur: multipliers are positive. */
static inline int32_t es_high_product(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

/* round(x / 2^bits), half away from zero, 0 <= bits <= 31. */
static inline int32_t es_rounding_shift(int32_t x, int bits)
{
    const int32_t mask = (int32_t)((UINT32_C(1) << bits) - 1);
    const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> bits) + ((x & mask) > threshold ? 1 : 0);
}

static inline int32_t es_clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

static inline int8_t es_requantise(int32_t accumulator, int32_t multiplier, int shift,
                                   int32_t zero, int32_t low, int32_t high)
{
    const int left = shift > 0 ? shift : 0;
    const int right = shift > 0 ? 0 : -shift;
    const int32_t scaled = (int32_t)((uint32_t)accumulator << left);
    const int32_t code = es_rounding_shift(es_high_product(scaled, multiplier), right) + zero;
    return (int8_t)es_clamp(code, low, high);
}

#endif

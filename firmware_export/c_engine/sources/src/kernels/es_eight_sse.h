/* es_eight_sse.h: eight sums -> eight int8 codes on SSE4.1, the bits of es_requantise.h.
 *
 * SSE has no shifts by different amounts. To the left, powers of two multiply; a rounding shift to
 * the right is the high product with one, as the multiplier's.
 */
#ifndef ES_EIGHT_SSE_H
#define ES_EIGHT_SSE_H

#include <smmintrin.h>
#include <string.h>

#include "es_layer.h"

typedef struct {
    __m128i low, high;
} es_eight;

typedef __m128i es_codes; /* the lower eight bytes */

/* Of four outputs; left and right are factors: 2^left and 2^(31 - right). */
typedef struct {
    __m128i bias, multiplier, left, right;
    __m128i zero_out, low, high;
} es_scaling;

/* 2^x, x of 0 to 31; 2^31 is the most negative int32. By the exponent of a float. */
static inline __m128i es_power_of_two(__m128i x)
{
    const __m128i exponent = _mm_slli_epi32(_mm_add_epi32(x, _mm_set1_epi32(127)), 23);
    return _mm_cvttps_epi32(_mm_castsi128_ps(exponent));
}

static inline es_scaling es_scaling_with(const es_layer *layer, __m128i bias, __m128i multiplier,
                                         __m128i shift)
{
    const __m128i zero = _mm_setzero_si128();
    const __m128i right = _mm_add_epi32(_mm_min_epi32(shift, zero), _mm_set1_epi32(31));
    const es_scaling scaling = { bias,
                                 multiplier,
                                 es_power_of_two(_mm_max_epi32(shift, zero)),
                                 es_power_of_two(right),
                                 _mm_set1_epi16(layer->zero_out),
                                 _mm_set1_epi8(layer->low),
                                 _mm_set1_epi8(layer->high) };
    return scaling;
}

/* Four channels of one position. */
static inline es_scaling es_scaling_of_four(const es_layer *layer, int channel)
{
    int32_t shifts;
    memcpy(&shifts, layer->shift + channel, sizeof shifts);
    return es_scaling_with(layer, _mm_loadu_si128((const __m128i *)(layer->bias + channel)),
                           _mm_loadu_si128((const __m128i *)(layer->multiplier + channel)),
                           _mm_cvtepi8_epi32(_mm_cvtsi32_si128(shifts)));
}

/* Four positions of one channel. */
static inline es_scaling es_scaling_of_one(const es_layer *layer, int channel)
{
    return es_scaling_with(layer, _mm_set1_epi32(layer->bias[channel]),
                           _mm_set1_epi32(layer->multiplier[channel]),
                           _mm_set1_epi32(layer->shift[channel]));
}

/* floor((a * b + 2^30 + more) / 2^31), the lower 32 bits; `more` is 0 or -1. */
static inline __m128i es_high_products(__m128i a, __m128i b, __m128i more)
{
    const __m128i half = _mm_set1_epi64x(1 << 30);
    const __m128i even = _mm_add_epi64(_mm_mul_epi32(a, b), half);
    const __m128i odd =
        _mm_add_epi64(_mm_mul_epi32(_mm_srli_epi64(a, 32), _mm_srli_epi64(b, 32)), half);
    const __m128i more_even = _mm_shuffle_epi32(more, 0xA0), more_odd = _mm_shuffle_epi32(more, 0xF5);
    const __m128i lower = _mm_srli_epi64(_mm_add_epi64(even, more_even), 31);
    const __m128i upper = _mm_slli_epi64(_mm_add_epi64(odd, more_odd), 1);
    return _mm_blend_epi16(lower, upper, 0xCC);
}

/* Halves of negative products are rounded away from zero by taking one from the second product. A
 * shift by 0 is a factor of -2^31: PSIGN takes the minus back. */
static inline __m128i es_scale_four(__m128i sums, const es_scaling *scaling)
{
    const __m128i scaled = _mm_mullo_epi32(_mm_add_epi32(sums, scaling->bias), scaling->left);
    const __m128i product =
        es_high_products(scaled, scaling->multiplier, _mm_setzero_si128());
    const __m128i negative = _mm_srai_epi32(product, 31);
    return _mm_sign_epi32(es_high_products(product, scaling->right, negative), scaling->right);
}

static inline es_codes es_requantise_eight(es_eight sums, const es_scaling *scaling)
{
    const __m128i scaled = _mm_packs_epi32(es_scale_four(sums.low, scaling),
                                           es_scale_four(sums.high, scaling));
    const __m128i shifted = _mm_adds_epi16(scaled, scaling->zero_out);
    const __m128i codes = _mm_packs_epi16(shifted, shifted);
    return _mm_min_epi8(_mm_max_epi8(codes, scaling->low), scaling->high);
}

/* The lower (0) or upper (1) four; `half` is a constant. */
static inline void es_store_four(es_codes codes, int half, int8_t *to)
{
    const int32_t word = half == 0 ? _mm_cvtsi128_si32(codes) : _mm_extract_epi32(codes, 1);
    memcpy(to, &word, sizeof word);
}

#endif

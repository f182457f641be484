/* es_requantise_sse.h: sums -> int8 codes on SSE4.1, the bits of es_requantise.h.
 *
 * SSE has no shifts by different amounts. To the left, powers of two multiply; a rounding shift to
 * the right is a high product with one, as the multiplier's.
 */
#ifndef ES_REQUANTISE_SSE_H
#define ES_REQUANTISE_SSE_H

#include <smmintrin.h>
#include <string.h>

#include "es_compiler.h"
#include "es_layer.h"

typedef __m128i es_codes;

/* Of four channels; left and right are factors: 2^left and 2^(31 - right). */
typedef struct {
    __m128i multiplier, left, right;
} es_scaling;

/* 2^x, x of 0 to 31, by the exponent of a float; 2^31 becomes the most negative int32. */
static ES_INLINE __m128i es_powers_of_two(__m128i x)
{
    const __m128i exponents = _mm_slli_epi32(_mm_add_epi32(x, _mm_set1_epi32(127)), 23);
    return _mm_cvttps_epi32(_mm_castsi128_ps(exponents));
}

static ES_INLINE es_scaling es_scaling_of(const es_layer *layer, int channel)
{
    int32_t bytes;
    memcpy(&bytes, layer->shift + channel, sizeof bytes);
    const __m128i shift = _mm_cvtepi8_epi32(_mm_cvtsi32_si128(bytes));
    const __m128i zero = _mm_setzero_si128();
    const __m128i right = _mm_add_epi32(_mm_min_epi32(shift, zero), _mm_set1_epi32(31));
    const es_scaling scaling = {
        _mm_loadu_si128((const __m128i *)(layer->multiplier + channel)),
        es_powers_of_two(_mm_max_epi32(shift, zero)), es_powers_of_two(right)
    };
    return scaling;
}

/* floor((a * b + 2^30 + more) / 2^31), `more` 0 or -1: even and odd lanes apart, as products have
 * 64 bits. */
static ES_INLINE __m128i es_high_products(__m128i a, __m128i b, __m128i more)
{
    const __m128i half = _mm_set1_epi64x(1 << 30);
    const __m128i more_even = _mm_shuffle_epi32(more, 0xA0);
    const __m128i more_odd = _mm_shuffle_epi32(more, 0xF5);
    const __m128i even = _mm_add_epi64(_mm_mul_epi32(a, b), half);
    const __m128i odd =
        _mm_add_epi64(_mm_mul_epi32(_mm_srli_epi64(a, 32), _mm_srli_epi64(b, 32)), half);
    return _mm_blend_epi16(_mm_srli_epi64(_mm_add_epi64(even, more_even), 31),
                           _mm_slli_epi64(_mm_add_epi64(odd, more_odd), 1), 0xCC);
}

/* The second product rounds halves up; taking one from what is negative rounds them away from
 * zero. A shift by 0 is a factor of -2^31, whose sign PSIGN takes back. */
static ES_INLINE __m128i es_scale(__m128i sums, es_scaling scaling)
{
    const __m128i zero = _mm_setzero_si128();
    const __m128i product =
        es_high_products(_mm_mullo_epi32(sums, scaling.left), scaling.multiplier, zero);
    const __m128i negative = _mm_srai_epi32(product, 31);
    return _mm_sign_epi32(es_high_products(product, scaling.right, negative), scaling.right);
}

static ES_INLINE es_codes es_narrow(const es_layer *layer, const __m128i scaled[4])
{
    const __m128i zero = _mm_set1_epi16(layer->zero_out);
    const __m128i low = _mm_adds_epi16(_mm_packs_epi32(scaled[0], scaled[1]), zero);
    const __m128i high = _mm_adds_epi16(_mm_packs_epi32(scaled[2], scaled[3]), zero);
    return _mm_min_epi8(_mm_max_epi8(_mm_packs_epi16(low, high), _mm_set1_epi8(layer->low)),
                        _mm_set1_epi8(layer->high));
}

static ES_INLINE void es_store_codes(es_codes codes, int8_t *to)
{
    _mm_storeu_si128((__m128i *)to, codes);
}

#endif

/* es_eight_avx2.h: eight sums -> eight int8 codes on AVX2, the bits of es_requantise.h. */
#ifndef ES_EIGHT_AVX2_H
#define ES_EIGHT_AVX2_H

#include <immintrin.h>
#include <string.h>

#include "es_layer.h"

typedef __m256i es_eight;
typedef __m128i es_codes; /* the lower eight bytes */

/* Of four outputs, twice. mask and threshold are those of es_rounding_shift. */
typedef struct {
    __m256i bias, multiplier, left, right, mask, threshold;
    __m128i zero_out, low, high;
} es_scaling;

static inline es_scaling es_scaling_with(const es_layer *layer, __m256i bias, __m256i multiplier,
                                         __m256i shift)
{
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1);
    const __m256i right = _mm256_max_epi32(_mm256_sub_epi32(zero, shift), zero);
    const __m256i mask = _mm256_sub_epi32(_mm256_sllv_epi32(one, right), one);
    const es_scaling scaling = { bias,
                                 multiplier,
                                 _mm256_max_epi32(shift, zero),
                                 right,
                                 mask,
                                 _mm256_srli_epi32(mask, 1),
                                 _mm_set1_epi16(layer->zero_out),
                                 _mm_set1_epi8(layer->low),
                                 _mm_set1_epi8(layer->high) };
    return scaling;
}

static inline __m256i es_load_four_twice(const int32_t *from)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)from));
}

/* Four channels of two positions. */
static inline es_scaling es_scaling_of_four(const es_layer *layer, int channel)
{
    int32_t shifts;
    memcpy(&shifts, layer->shift + channel, sizeof shifts);
    return es_scaling_with(layer, es_load_four_twice(layer->bias + channel),
                           es_load_four_twice(layer->multiplier + channel),
                           _mm256_cvtepi8_epi32(_mm_set1_epi32(shifts)));
}

/* Positions of one channel. */
static inline es_scaling es_scaling_of_one(const es_layer *layer, int channel)
{
    return es_scaling_with(layer, _mm256_set1_epi32(layer->bias[channel]),
                           _mm256_set1_epi32(layer->multiplier[channel]),
                           _mm256_set1_epi32(layer->shift[channel]));
}

/* es_high_product: even and odd lanes apart, as products have 64 bits. */
static inline __m256i es_high_products(__m256i a, __m256i b)
{
    const __m256i half = _mm256_set1_epi64x(1 << 30);
    const __m256i even = _mm256_mul_epi32(a, b);
    const __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
    return _mm256_blend_epi32(_mm256_srli_epi64(_mm256_add_epi64(even, half), 31),
                              _mm256_slli_epi64(_mm256_add_epi64(odd, half), 1), 0xAA);
}

/* es_rounding_shift; a comparison gives -1 where it holds. */
static inline __m256i es_rounding_shifts(__m256i x, const es_scaling *scaling)
{
    const __m256i rest = _mm256_and_si256(x, scaling->mask);
    const __m256i threshold = _mm256_sub_epi32(scaling->threshold, _mm256_srai_epi32(x, 31));
    return _mm256_sub_epi32(_mm256_srav_epi32(x, scaling->right),
                            _mm256_cmpgt_epi32(rest, threshold));
}

static inline es_codes es_requantise_eight(es_eight sums, const es_scaling *scaling)
{
    const __m256i scaled =
        _mm256_sllv_epi32(_mm256_add_epi32(sums, scaling->bias), scaling->left);
    const __m256i shifted =
        es_rounding_shifts(es_high_products(scaled, scaling->multiplier), scaling);
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(shifted),
                                          _mm256_extracti128_si256(shifted, 1));
    const __m128i moved = _mm_adds_epi16(words, scaling->zero_out);
    const __m128i codes = _mm_packs_epi16(moved, moved);
    return _mm_min_epi8(_mm_max_epi8(codes, scaling->low), scaling->high);
}

/* The lower (0) or upper (1) four; `half` is a constant. */
static inline void es_store_four(es_codes codes, int half, int8_t *to)
{
    const int32_t word = half == 0 ? _mm_cvtsi128_si32(codes) : _mm_extract_epi32(codes, 1);
    memcpy(to, &word, sizeof word);
}

#endif

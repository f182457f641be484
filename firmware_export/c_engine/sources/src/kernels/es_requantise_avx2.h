/* es_requantise_avx2.h: sums -> int8 codes on AVX2, the bits of es_requantise.h. */
#ifndef ES_REQUANTISE_AVX2_H
#define ES_REQUANTISE_AVX2_H

#include <immintrin.h>

#include "es_compiler.h"
#include "es_layer.h"

typedef __m128i es_codes;

/* Of eight channels. mask and threshold are those of es_rounding_shift. */
typedef struct {
    __m256i multiplier, left, right, mask, threshold;
} es_scaling;

static ES_INLINE es_scaling es_scaling_of(const es_layer *layer, int channel)
{
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1);
    const __m128i bytes = _mm_loadl_epi64((const __m128i *)(layer->shift + channel));
    const __m256i shift = _mm256_cvtepi8_epi32(bytes);
    const __m256i right = _mm256_max_epi32(_mm256_sub_epi32(zero, shift), zero);
    const __m256i mask = _mm256_sub_epi32(_mm256_sllv_epi32(one, right), one);
    const es_scaling scaling = {
        _mm256_loadu_si256((const __m256i *)(layer->multiplier + channel)),
        _mm256_max_epi32(shift, zero), right, mask, _mm256_srli_epi32(mask, 1)
    };
    return scaling;
}

/* es_high_product: even and odd lanes apart, as products have 64 bits. */
static ES_INLINE __m256i es_high_products(__m256i a, __m256i b)
{
    const __m256i half = _mm256_set1_epi64x(1 << 30);
    const __m256i even = _mm256_mul_epi32(a, b);
    const __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
    return _mm256_blend_epi32(_mm256_srli_epi64(_mm256_add_epi64(even, half), 31),
                              _mm256_slli_epi64(_mm256_add_epi64(odd, half), 1), 0xAA);
}

/* es_rounding_shift; a comparison gives -1 where it holds. */
static ES_INLINE __m256i es_rounding_shifts(__m256i x, const es_scaling *scaling)
{
    const __m256i rest = _mm256_and_si256(x, scaling->mask);
    const __m256i threshold = _mm256_sub_epi32(scaling->threshold, _mm256_srai_epi32(x, 31));
    return _mm256_sub_epi32(_mm256_srav_epi32(x, scaling->right),
                            _mm256_cmpgt_epi32(rest, threshold));
}

static ES_INLINE __m256i es_scale(__m256i sums, const es_scaling *scaling)
{
    const __m256i scaled = _mm256_sllv_epi32(sums, scaling->left);
    return es_rounding_shifts(es_high_products(scaled, scaling->multiplier), scaling);
}

/* Packing works on halves: it leaves fours in the order 0 2 - - 1 3 - -. */
static ES_INLINE es_codes es_narrow(const es_layer *layer, __m256i first, __m256i second)
{
    const __m256i words = _mm256_adds_epi16(_mm256_packs_epi32(first, second),
                                            _mm256_set1_epi16(layer->zero_out));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5);
    const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(words, words), order);
    const __m128i codes = _mm256_castsi256_si128(bytes);
    return _mm_min_epi8(_mm_max_epi8(codes, _mm_set1_epi8(layer->low)),
                        _mm_set1_epi8(layer->high));
}

static ES_INLINE void es_store_codes(es_codes codes, int8_t *to)
{
    _mm_storeu_si128((__m128i *)to, codes);
}

#endif

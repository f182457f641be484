/* es_tile_vnni.h: AVX-512 with VNNI, the sixteen channels of a block in one register.
 *
 * VPDPBUSD multiplies unsigned bytes by signed ones: activations + 128, for which the biases make
 * up (ES_UNSIGNED_ACTIVATIONS, es_choice.h).
 */
#ifndef ES_TILE_VNNI_H
#define ES_TILE_VNNI_H

#include <immintrin.h>
#include <string.h>

#include "es_compiler.h"
#include "es_layer.h"

#define ES_KERNELS "vnni"
#define ES_TILE_POSITIONS 4

/* Two sums, because each has to wait for its previous product. */
typedef struct {
    __m512i even, odd;
} es_sums;

typedef __m128i es_codes;

/* mask and threshold are those of es_rounding_shift. */
typedef struct {
    __m512i multiplier, left, right, mask, threshold, zero_out, low, high;
} es_scaling;

static ES_INLINE es_sums es_start_sums(const int32_t *bias)
{
    const es_sums sums = { _mm512_loadu_si512(bias), _mm512_setzero_si512() };
    return sums;
}

/* sums + four activations (+ 128) times four weights of each channel. */
static ES_INLINE __m512i es_add_four(__m512i sums, const int8_t *x, __m512i weights)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    const __m512i repeated = _mm512_set1_epi32(four);
    return _mm512_dpbusd_epi32(sums, _mm512_xor_si512(repeated, _mm512_set1_epi8(INT8_MIN)),
                               weights);
}

static ES_INLINE void es_add_products(es_sums *sums, int positions, const int8_t *x, int step,
                                      const int8_t *weights)
{
    const __m512i even = _mm512_loadu_si512(weights), odd = _mm512_loadu_si512(weights + 64);
    ES_UNROLL
    for (int p = 0; p < positions; p++) {
        sums[p].even = es_add_four(sums[p].even, x + p * step, even);
        sums[p].odd = es_add_four(sums[p].odd, x + p * step + 4, odd);
    }
}

static ES_INLINE es_scaling es_scaling_of(const es_layer *layer, int channel)
{
    const __m512i zero = _mm512_setzero_si512(), one = _mm512_set1_epi32(1);
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(layer->shift + channel));
    const __m512i shift = _mm512_cvtepi8_epi32(bytes);
    const __m512i right = _mm512_max_epi32(_mm512_sub_epi32(zero, shift), zero);
    const __m512i mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, right), one);
    const es_scaling scaling = { _mm512_loadu_si512(layer->multiplier + channel),
                                 _mm512_max_epi32(shift, zero),
                                 right,
                                 mask,
                                 _mm512_srli_epi32(mask, 1),
                                 _mm512_set1_epi32(layer->zero_out),
                                 _mm512_set1_epi32(layer->low),
                                 _mm512_set1_epi32(layer->high) };
    return scaling;
}

/* es_high_product: even and odd lanes apart, as products have 64 bits. */
static ES_INLINE __m512i es_high_products(__m512i a, __m512i b)
{
    const __m512i half = _mm512_set1_epi64(1 << 30);
    const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(a, b), half);
    const __m512i odd = _mm512_add_epi64(
        _mm512_mul_epi32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32)), half);
    return _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 31),
                                   _mm512_slli_epi64(odd, 1));
}

/* es_rounding_shift. */
static ES_INLINE __m512i es_rounding_shifts(__m512i x, const es_scaling *scaling)
{
    const __m512i rest = _mm512_and_si512(x, scaling->mask);
    const __m512i threshold = _mm512_sub_epi32(scaling->threshold, _mm512_srai_epi32(x, 31));
    const __m512i shifted = _mm512_srav_epi32(x, scaling->right);
    return _mm512_mask_add_epi32(shifted, _mm512_cmpgt_epi32_mask(rest, threshold), shifted,
                                 _mm512_set1_epi32(1));
}

static ES_INLINE es_codes es_codes_of(es_sums sums, const es_scaling *scaling)
{
    const __m512i both = _mm512_add_epi32(sums.even, sums.odd);
    const __m512i product =
        es_high_products(_mm512_sllv_epi32(both, scaling->left), scaling->multiplier);
    const __m512i codes =
        _mm512_add_epi32(es_rounding_shifts(product, scaling), scaling->zero_out);
    return _mm512_cvtepi32_epi8(
        _mm512_min_epi32(_mm512_max_epi32(codes, scaling->low), scaling->high));
}

static ES_INLINE void es_requantise_sums(const es_layer *layer, int channel, const es_sums *sums,
                                         int positions, es_codes *codes)
{
    const es_scaling scaling = es_scaling_of(layer, channel);
    ES_UNROLL
    for (int p = 0; p < positions; p++) {
        codes[p] = es_codes_of(sums[p], &scaling);
    }
}

static ES_INLINE void es_store_codes(es_codes codes, int8_t *to)
{
    _mm_storeu_si128((__m128i *)to, codes);
}

#include "es_tile_block.h"

#endif

/* es_tile_vnni.h: x86 with VNNI, of AVX-512 or AVX.
 *
 * VPDPBUSD multiplies unsigned bytes by signed ones: activations + 128, for which the biases make
 * up (ES_UNSIGNED_ACTIVATIONS, es_choice.h).
 */
#ifndef ES_TILE_VNNI_H
#define ES_TILE_VNNI_H

#include <string.h>

#include "es_requantise_avx2.h"

#define ES_KERNELS "vnni"
#define ES_TILE_POSITIONS 4

typedef struct {
    __m256i eight[2]; /* of eight channels each */
} es_sums;

static ES_INLINE es_sums es_start_sums(const int32_t *bias)
{
    const es_sums sums = { { _mm256_loadu_si256((const __m256i *)bias),
                             _mm256_loadu_si256((const __m256i *)(bias + 8)) } };
    return sums;
}

static ES_INLINE __m256i es_dot(__m256i sums, __m256i x, __m256i w)
{
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
    return _mm256_dpbusd_epi32(sums, x, w);
#else
    return _mm256_dpbusd_avx_epi32(sums, x, w);
#endif
}

/* Four activations + 128, eight times. */
static ES_INLINE __m256i es_repeat_four(const int8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_xor_si256(_mm256_set1_epi32(four), _mm256_set1_epi8(INT8_MIN));
}

static ES_INLINE void es_add_products(es_sums *sums, int positions, const int8_t *x, int step,
                                      const int8_t *weights)
{
    ES_UNROLL
    for (int k = 0; k < 8; k += 4, weights += 64) {
        const __m256i first = _mm256_loadu_si256((const __m256i *)weights);
        const __m256i second = _mm256_loadu_si256((const __m256i *)(weights + 32));
        ES_UNROLL
        for (int p = 0; p < positions; p++) {
            const __m256i repeated = es_repeat_four(x + p * step + k);
            sums[p].eight[0] = es_dot(sums[p].eight[0], repeated, first);
            sums[p].eight[1] = es_dot(sums[p].eight[1], repeated, second);
        }
    }
}

static ES_INLINE __m256i es_sums_of_eight(const es_sums *sums, const int32_t *bias, int i)
{
    (void)bias; /* already in them */
    return sums->eight[i];
}

#include "es_block_avx2.h"
#include "es_tile_block.h"

#endif

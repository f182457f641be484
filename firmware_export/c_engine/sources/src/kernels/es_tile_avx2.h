/* es_tile_avx2.h: AVX2. */
#ifndef ES_TILE_AVX2_H
#define ES_TILE_AVX2_H

#include <string.h>

#include "es_requantise_avx2.h"

#define ES_KERNELS "avx2"
#define ES_TILE_POSITIONS 2

typedef struct {
    __m256i four[4]; /* of four channels each, two partial sums of each */
} es_sums;

/* Biases come when partial sums are added. */
static ES_INLINE es_sums es_start_sums(const int32_t *bias)
{
    const __m256i zero = _mm256_setzero_si256();
    const es_sums sums = { { zero, zero, zero, zero } };
    (void)bias;
    return sums;
}

/* Four activations in 16 bits, four times. */
static ES_INLINE __m256i es_repeat_four(const int8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_cvtepi8_epi16(_mm_set1_epi32(four));
}

static ES_INLINE void es_add_products(es_sums *sums, int positions, const int8_t *x, int step,
                                      const int8_t *weights)
{
    ES_UNROLL
    for (int k = 0; k < 8; k += 4) {
        __m256i repeated[ES_TILE_POSITIONS];
        ES_UNROLL
        for (int p = 0; p < positions; p++) {
            repeated[p] = es_repeat_four(x + p * step + k);
        }
        ES_UNROLL
        for (int i = 0; i < 4; i++) {
            const __m128i bytes = _mm_loadu_si128((const __m128i *)(weights + 16 * (k + i)));
            const __m256i w = _mm256_cvtepi8_epi16(bytes);
            ES_UNROLL
            for (int p = 0; p < positions; p++) {
                sums[p].four[i] =
                    _mm256_add_epi32(sums[p].four[i], _mm256_madd_epi16(repeated[p], w));
            }
        }
    }
}

/* Adding pairs works on halves: it leaves pairs of channels in the order 0 2 1 3. */
static ES_INLINE __m256i es_sums_of_eight(const es_sums *sums, const int32_t *bias, int i)
{
    const __m256i pairs = _mm256_hadd_epi32(sums->four[2 * i], sums->four[2 * i + 1]);
    return _mm256_add_epi32(_mm256_permute4x64_epi64(pairs, 0xD8),
                            _mm256_loadu_si256((const __m256i *)(bias + 8 * i)));
}

static ES_INLINE void es_requantise_sums(const es_layer *layer, int channel, const es_sums *sums,
                                         int positions, es_codes *codes)
{
    const int32_t *bias = layer->bias + channel;
    const es_scaling first = es_scaling_of(layer, channel);
    const es_scaling second = es_scaling_of(layer, channel + 8);
    ES_UNROLL
    for (int p = 0; p < positions; p++) {
        codes[p] = es_narrow(layer, es_scale(es_sums_of_eight(sums + p, bias, 0), &first),
                             es_scale(es_sums_of_eight(sums + p, bias, 1), &second));
    }
}

#include "es_tile_block.h"

#endif

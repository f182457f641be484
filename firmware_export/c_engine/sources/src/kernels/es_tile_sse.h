/* es_tile_sse.h: SSE4.1, which every x86-64 since 2008 has. */
#ifndef ES_TILE_SSE_H
#define ES_TILE_SSE_H

#include <string.h>

#include "es_requantise_sse.h"

#define ES_KERNELS "sse4.1"
#define ES_TILE_POSITIONS 1

typedef struct {
    __m128i two[8]; /* of two channels each, two partial sums of each */
} es_sums;

/* Biases come when partial sums are added. */
static ES_INLINE es_sums es_start_sums(const int32_t *bias)
{
    es_sums sums;
    (void)bias;
    ES_UNROLL
    for (int i = 0; i < 8; i++) {
        sums.two[i] = _mm_setzero_si128();
    }
    return sums;
}

/* Four activations in 16 bits, twice. */
static ES_INLINE __m128i es_repeat_four(const int8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm_cvtepi8_epi16(_mm_set1_epi32(four));
}

static ES_INLINE void es_add_products(es_sums *sums, int positions, const int8_t *x, int step,
                                      const int8_t *weights)
{
    (void)step;
    (void)positions;
    ES_UNROLL
    for (int k = 0; k < 8; k += 4) {
        const __m128i repeated = es_repeat_four(x + k);
        ES_UNROLL
        for (int i = 0; i < 8; i++) {
            const __m128i bytes = _mm_loadl_epi64((const __m128i *)(weights + 16 * k + 8 * i));
            const __m128i products = _mm_madd_epi16(repeated, _mm_cvtepi8_epi16(bytes));
            sums->two[i] = _mm_add_epi32(sums->two[i], products);
        }
    }
}

static ES_INLINE void es_requantise_sums(const es_layer *layer, int channel, const es_sums *sums,
                                         int positions, es_codes *codes)
{
    __m128i scaled[4];
    (void)positions;
    ES_UNROLL
    for (int i = 0; i < 4; i++) {
        const int first = channel + 4 * i;
        const __m128i bias = _mm_loadu_si128((const __m128i *)(layer->bias + first));
        const __m128i both = _mm_hadd_epi32(sums->two[2 * i], sums->two[2 * i + 1]);
        scaled[i] = es_scale(_mm_add_epi32(both, bias), es_scaling_of(layer, first));
    }
    codes[0] = es_narrow(layer, scaled);
}

#include "es_tile_block.h"

#endif

/* es_tile_sse.h: SSE4.1, which every x86-64 since 2008 has. */
#ifndef ES_TILE_SSE_H
#define ES_TILE_SSE_H

#include "es_eight_sse.h"

#define ES_KERNELS "sse4.1"
#define ES_TILE_CHANNELS 4
#define ES_TILE_POSITIONS 2

typedef struct {
    __m128i low, high; /* in 16 bits */
} es_vector;

typedef __m128i es_dots;

static inline es_vector es_load_weights(const int8_t *w)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)w);
    const es_vector wide = { _mm_cvtepi8_epi16(bytes),
                             _mm_cvtepi8_epi16(_mm_srli_si128(bytes, 8)) };
    return wide;
}

static inline es_vector es_load_activations(const int8_t *x)
{
    return es_load_weights(x);
}

static inline es_dots es_no_dots(void)
{
    return _mm_setzero_si128();
}

static inline es_dots es_add_dots(es_dots dots, es_vector x, es_vector w)
{
    const __m128i low = _mm_madd_epi16(x.low, w.low), high = _mm_madd_epi16(x.high, w.high);
    return _mm_add_epi32(_mm_add_epi32(dots, low), high);
}

static inline __m128i es_sum_four(es_dots a, es_dots b, es_dots c, es_dots d)
{
    return _mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d));
}

static inline es_eight es_sum_eight(es_dots a, es_dots b, es_dots c, es_dots d, es_dots e,
                                    es_dots f, es_dots g, es_dots h)
{
    const es_eight sums = { es_sum_four(a, b, c, d), es_sum_four(e, f, g, h) };
    return sums;
}

#include "es_tile_dots.h"

#endif

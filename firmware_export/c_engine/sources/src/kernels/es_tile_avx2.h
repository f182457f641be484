/* es_tile_avx2.h: AVX2. */
#ifndef ES_TILE_AVX2_H
#define ES_TILE_AVX2_H

#include "es_eight_avx2.h"

#define ES_KERNELS "avx2"
#define ES_TILE_CHANNELS 4
#define ES_TILE_POSITIONS 2

typedef __m256i es_vector; /* in 16 bits */
typedef __m256i es_dots;

static inline es_vector es_load_weights(const int8_t *w)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)w));
}

static inline es_vector es_load_activations(const int8_t *x)
{
    return es_load_weights(x);
}

static inline es_dots es_no_dots(void)
{
    return _mm256_setzero_si256();
}

static inline es_dots es_add_dots(es_dots dots, es_vector x, es_vector w)
{
    return _mm256_add_epi32(dots, _mm256_madd_epi16(x, w));
}

/* Two halves of four sums. */
static inline __m256i es_sum_four(es_dots a, es_dots b, es_dots c, es_dots d)
{
    return _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
}

static inline es_eight es_sum_eight(es_dots a, es_dots b, es_dots c, es_dots d, es_dots e,
                                    es_dots f, es_dots g, es_dots h)
{
    const __m256i abcd = es_sum_four(a, b, c, d), efgh = es_sum_four(e, f, g, h);
    return _mm256_add_epi32(_mm256_permute2x128_si256(abcd, efgh, 0x20),
                            _mm256_permute2x128_si256(abcd, efgh, 0x31));
}

#include "es_tile_dots.h"

#endif

/* es_tile_vnni.h: x86 with VNNI, of AVX-512 or AVX.
 *
 * VPDPBUSD multiplies unsigned bytes by signed ones: activations + 128, whose excess the bias has
 * already lost (ES_UNSIGNED_ACTIVATIONS, es_choice.h).
 */
#ifndef ES_TILE_VNNI_H
#define ES_TILE_VNNI_H

#include "es_eight_avx2.h"

#define ES_KERNELS "vnni"
#define ES_TILE_CHANNELS 4
#define ES_TILE_POSITIONS 4

typedef __m128i es_vector;
typedef __m128i es_dots;

static inline es_vector es_load_weights(const int8_t *w)
{
    return _mm_loadu_si128((const __m128i *)w);
}

static inline es_vector es_load_activations(const int8_t *x)
{
    return _mm_xor_si128(_mm_loadu_si128((const __m128i *)x), _mm_set1_epi8(INT8_MIN));
}

static inline es_dots es_no_dots(void)
{
    return _mm_setzero_si128();
}

static inline es_dots es_add_dots(es_dots dots, es_vector x, es_vector w)
{
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
    return _mm_dpbusd_epi32(dots, x, w);
#else
    return _mm_dpbusd_avx_epi32(dots, x, w);
#endif
}

static inline __m128i es_sum_four(es_dots a, es_dots b, es_dots c, es_dots d)
{
    return _mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d));
}

static inline es_eight es_sum_eight(es_dots a, es_dots b, es_dots c, es_dots d, es_dots e,
                                    es_dots f, es_dots g, es_dots h)
{
    return _mm256_set_m128i(es_sum_four(e, f, g, h), es_sum_four(a, b, c, d));
}

#include "es_tile_dots.h"

#endif

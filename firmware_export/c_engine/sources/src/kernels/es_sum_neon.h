/* es_sum_neon.h: what both NEON kernels have in common: loads, and partial sums to sums. */
#ifndef ES_SUM_NEON_H
#define ES_SUM_NEON_H

#include "es_eight_neon.h"

typedef int8x16_t es_vector;
typedef int32x4_t es_dots;

static inline es_vector es_load_activations(const int8_t *x)
{
    return vld1q_s8(x);
}

static inline es_vector es_load_weights(const int8_t *w)
{
    return vld1q_s8(w);
}

static inline es_dots es_no_dots(void)
{
    return vdupq_n_s32(0);
}

static inline int32x4_t es_sum_four(es_dots a, es_dots b, es_dots c, es_dots d)
{
#ifdef __aarch64__
    return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
#else
    const int32x2_t ab = vpadd_s32(vadd_s32(vget_low_s32(a), vget_high_s32(a)),
                                   vadd_s32(vget_low_s32(b), vget_high_s32(b)));
    const int32x2_t cd = vpadd_s32(vadd_s32(vget_low_s32(c), vget_high_s32(c)),
                                   vadd_s32(vget_low_s32(d), vget_high_s32(d)));
    return vcombine_s32(ab, cd);
#endif
}

static inline es_eight es_sum_eight(es_dots a, es_dots b, es_dots c, es_dots d, es_dots e,
                                    es_dots f, es_dots g, es_dots h)
{
    const es_eight sums = { es_sum_four(a, b, c, d), es_sum_four(e, f, g, h) };
    return sums;
}

#endif

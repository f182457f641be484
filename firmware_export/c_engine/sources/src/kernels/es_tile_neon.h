/* es_tile_neon.h: NEON without dot product: armv7, Cortex-A53, A72.
 *
 * Two products are added in 16 bits: weights are not below -127 (graph.py), so they fit.
 */
#ifndef ES_TILE_NEON_H
#define ES_TILE_NEON_H

#include <string.h>

#include "es_requantise_neon.h"

#define ES_KERNELS "neon"
#define ES_TILE_POSITIONS 1 /* more save loads, but compilers run out of registers */

typedef struct {
    int32x4_t two[8]; /* of two channels each, two partial sums of each */
} es_sums;

/* Biases come when partial sums are added. */
static ES_INLINE es_sums es_start_sums(const int32_t *bias)
{
    es_sums sums;
    (void)bias;
    ES_UNROLL
    for (int i = 0; i < 8; i++) {
        sums.two[i] = vdupq_n_s32(0);
    }
    return sums;
}

/* Four activations, again and again. Products of upper halves take the upper half of a register
 * on aarch64; armv7 names halves, and has half as many registers. */
#ifdef __aarch64__
typedef int8x16_t es_repeated;

static ES_INLINE es_repeated es_repeat_four(const int8_t *x)
{
    uint32_t four;
    memcpy(&four, x, sizeof four);
    es_repeated repeated = vreinterpretq_s8_u32(vdupq_n_u32(four));
#ifdef __clang__
    /* Knowing that both halves are equal, clang moves upper halves of weights instead. */
    __asm__("" : "+w"(repeated));
#endif
    return repeated;
}

static ES_INLINE int8x8_t es_half(es_repeated x)
{
    return vget_low_s8(x);
}
#else
typedef int8x8_t es_repeated;

static ES_INLINE es_repeated es_repeat_four(const int8_t *x)
{
    uint32_t four;
    memcpy(&four, x, sizeof four);
    return vreinterpret_s8_u32(vdup_n_u32(four));
}

static ES_INLINE int8x8_t es_half(es_repeated x)
{
    return x;
}
#endif

/* The lower and the upper eight of two products: v * x + w * y. */
static ES_INLINE int16x8_t es_low_products(int8x16_t v, es_repeated x, int8x16_t w, es_repeated y)
{
    return vmlal_s8(vmull_s8(vget_low_s8(v), es_half(x)), vget_low_s8(w), es_half(y));
}

static ES_INLINE int16x8_t es_high_products(int8x16_t v, es_repeated x, int8x16_t w, es_repeated y)
{
#ifdef __aarch64__
    return vmlal_high_s8(vmull_high_s8(v, x), w, y);
#else
    return vmlal_s8(vmull_s8(vget_high_s8(v), x), vget_high_s8(w), y);
#endif
}

static ES_INLINE void es_add_products(es_sums *sums, int positions, const int8_t *x, int step,
                                      const int8_t *weights)
{
    const es_repeated first = es_repeat_four(x), second = es_repeat_four(x + 4);
    int32x4_t *two = sums->two;
    (void)positions;
    (void)step;
    ES_UNROLL
    for (int i = 0; i < 4; i++, two += 2) {
        const int8x16_t v = vld1q_s8(weights + 16 * i), w = vld1q_s8(weights + 64 + 16 * i);
        two[0] = vpadalq_s16(two[0], es_low_products(v, first, w, second));
        two[1] = vpadalq_s16(two[1], es_high_products(v, first, w, second));
    }
}

static ES_INLINE int32x4_t es_sums_of_four(const es_sums *sums, const int32_t *bias, int i)
{
    const int32x4_t a = sums->two[2 * i], b = sums->two[2 * i + 1];
#ifdef __aarch64__
    return vaddq_s32(vpaddq_s32(a, b), vld1q_s32(bias + 4 * i));
#else
    const int32x4_t both = vcombine_s32(vpadd_s32(vget_low_s32(a), vget_high_s32(a)),
                                        vpadd_s32(vget_low_s32(b), vget_high_s32(b)));
    return vaddq_s32(both, vld1q_s32(bias + 4 * i));
#endif
}

#include "es_block_neon.h"
#include "es_tile_block.h"

#endif

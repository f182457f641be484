/* es_tile_neon_dot.h: NEON with the dot-product extension: Cortex-A55, A75 and later. */
#ifndef ES_TILE_NEON_DOT_H
#define ES_TILE_NEON_DOT_H

#include "es_requantise_neon.h"

#define ES_KERNELS "neon-dot"
#define ES_TILE_POSITIONS 4

typedef struct {
    int32x4_t four[4]; /* of four channels each */
} es_sums;

static ES_INLINE es_sums es_start_sums(const int32_t *bias)
{
    const es_sums sums = { { vld1q_s32(bias), vld1q_s32(bias + 4), vld1q_s32(bias + 8),
                             vld1q_s32(bias + 12) } };
    return sums;
}

static ES_INLINE void es_add_products(es_sums *sums, int positions, const int8_t *x, int step,
                                      const int8_t *weights)
{
    int8x8_t eight[ES_TILE_POSITIONS];
    ES_UNROLL
    for (int p = 0; p < positions; p++) {
        eight[p] = vld1_s8(x + p * step);
    }
    ES_UNROLL
    for (int i = 0; i < 4; i++) {
        const int8x16_t w = vld1q_s8(weights + 16 * i);
        ES_UNROLL
        for (int p = 0; p < positions; p++) {
            sums[p].four[i] = vdotq_lane_s32(sums[p].four[i], w, eight[p], 0);
        }
    }
    ES_UNROLL
    for (int i = 0; i < 4; i++) {
        const int8x16_t w = vld1q_s8(weights + 64 + 16 * i);
        ES_UNROLL
        for (int p = 0; p < positions; p++) {
            sums[p].four[i] = vdotq_lane_s32(sums[p].four[i], w, eight[p], 1);
        }
    }
}

static ES_INLINE int32x4_t es_sums_of_four(const es_sums *sums, const int32_t *bias, int i)
{
    (void)bias; /* already in them */
    return sums->four[i];
}

#include "es_block_neon.h"
#include "es_tile_block.h"

#endif

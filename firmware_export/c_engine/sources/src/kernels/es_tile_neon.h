/* es_tile_neon.h: NEON without dot product: armv7, Cortex-A53, A72.
 *
 * Two products are added in 16 bits: weights are at least -127 (graph.py), so they fit.
 */
#ifndef ES_TILE_NEON_H
#define ES_TILE_NEON_H

#include "es_eight_neon.h"
#include "es_sum_neon.h"

#define ES_KERNELS "neon"
#define ES_TILE_CHANNELS 4
#ifdef __aarch64__
#define ES_TILE_POSITIONS 4
#else
#define ES_TILE_POSITIONS 2 /* 16 registers, not 32 */
#endif

static inline es_dots es_add_dots(es_dots dots, es_vector x, es_vector w)
{
    const int16x8_t products = vmull_s8(vget_low_s8(x), vget_low_s8(w));
    return vpadalq_s16(dots, vmlal_s8(products, vget_high_s8(x), vget_high_s8(w)));
}

#include "es_tile_dots.h"

#endif

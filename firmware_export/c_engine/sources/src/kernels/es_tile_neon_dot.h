/* es_tile_neon_dot.h: NEON with the dot-product extension: Cortex-A55, A75 and later. */
#ifndef ES_TILE_NEON_DOT_H
#define ES_TILE_NEON_DOT_H

#include "es_eight_neon.h"
#include "es_sum_neon.h"

#define ES_KERNELS "neon-dot"
#define ES_TILE_CHANNELS 4
#define ES_TILE_POSITIONS 4

static inline es_dots es_add_dots(es_dots dots, es_vector x, es_vector w)
{
    return vdotq_s32(dots, x, w);
}

#include "es_tile_dots.h"

#endif

/* es_max_mve.h: the largest of some cells, 16 channels at once. */
#ifndef ES_MAX_MVE_H
#define ES_MAX_MVE_H

#include <arm_mve.h>

#include "es_row.h"

static inline void es_max_cells(const es_act *x, int cells, int cell, int channels, es_act *out)
{
    for (int c = 0; c < channels; c += 16) {
        const es_act *next = x + c;
        const mve_pred16_t lanes = vctp8q((uint32_t)(channels - c));
        int8x16_t best = vldrbq_z_s8(next, lanes);
        for (int i = 1; i < cells; i++) {
            next += cell;
            best = vmaxq_s8(best, vldrbq_z_s8(next, lanes));
        }
        vstrbq_p_s8(out + c, best, lanes);
    }
}

#endif

/* es_max_dsp.h: the largest of some cells, two channels at once; cells have an even number. */
#ifndef ES_MAX_DSP_H
#define ES_MAX_DSP_H

#include <arm_acle.h>
#include <string.h>

#include "es_row.h"

static inline int16x2_t es_two_channels_of(const es_act *x)
{
    int16x2_t two;
    memcpy(&two, x, sizeof two);
    return two;
}

static inline void es_max_cells(const es_act *x, int cells, int cell, int channels, es_act *out)
{
    for (int c = 0; c < channels; c += 2) {
        const es_act *next = x + c;
        int16x2_t best = es_two_channels_of(next);
        for (int i = 1; i < cells; i++) {
            next += cell;
            const int16x2_t two = es_two_channels_of(next);
            (void)__ssub16(best, two); /* says for each channel which is larger, to SEL */
            best = (int16x2_t)__sel((uint8x4_t)best, (uint8x4_t)two);
        }
        out[c] = (es_act)best;
        if (c + 1 < channels) {
            out[c + 1] = (es_act)(best >> 16);
        }
    }
}

#endif

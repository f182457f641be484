/* es_leftover.h: what does not divide into tiles.
 *
 * The last tile of a row, or of its channels, is moved back to end with it: what it computes again
 * costs less than code for remainders. A layer smaller than a tile gets the plain kernel.
 */
#ifndef ES_LEFTOVER_H
#define ES_LEFTOVER_H

#include "es_output_plain.h"

/* Where the tile from `start` on really starts. */
static inline int es_moved_back(int start, int tile, int size)
{
    return start + tile > size ? size - tile : start;
}

static inline void es_plain_row(const es_layer *layer, const es_act *rows, es_act *out, int pitch)
{
    const int step = layer->stride_f * layer->pitch;
    for (int band = 0; band < layer->bands_out; band++, rows += step, out += pitch) {
        for (int channel = 0; channel < layer->channels_out; channel++) {
            out[channel] = es_plain_output(layer, rows, channel);
        }
    }
}

#endif

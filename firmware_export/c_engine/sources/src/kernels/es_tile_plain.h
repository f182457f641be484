/* es_tile_plain.h: the reference kernel, one output at a time. Every other kernel equals it. */
#ifndef ES_TILE_PLAIN_H
#define ES_TILE_PLAIN_H

#include "es_output_plain.h"

#define ES_KERNELS "plain"
#define ES_TILE_CHANNELS 1
#define ES_TILE_POSITIONS 1

static inline void es_tile(const es_layer *layer, const es_act *rows, int position, int channel,
                           int positions, es_act *restrict out, int pitch)
{
    const es_act *window = rows + position * layer->stride_f * layer->pitch;
    (void)positions;
    out[position * pitch + channel] = es_plain_output(layer, window, channel);
}

#endif

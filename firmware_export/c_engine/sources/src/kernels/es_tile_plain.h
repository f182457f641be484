/* es_tile_plain.h: the reference kernel, one output at a time. Every other kernel equals it. */
#ifndef ES_TILE_PLAIN_H
#define ES_TILE_PLAIN_H

#include "es_output_plain.h"

#define ES_KERNELS "plain"
#define ES_TILE_CHANNELS 1
#define ES_TILE_POSITIONS 1

static inline void es_tile(const es_layer *layer, const es_act *const rows[], int position,
                           int channel, int positions, int8_t *out)
{
    (void)positions;
    out[position * layer->channels_out + channel] =
        es_plain_output(layer, rows, position, channel);
}

#endif

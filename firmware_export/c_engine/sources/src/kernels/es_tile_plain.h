/* es_tile_plain.h: the reference kernel, one output at a time. Every other kernel equals it. */
#ifndef ES_TILE_PLAIN_H
#define ES_TILE_PLAIN_H

#include "es_requantise.h"
#include "es_row.h"

#define ES_KERNELS "plain"
#define ES_TILE_CHANNELS 1
#define ES_TILE_POSITIONS 1

static inline void es_tile(const es_layer *layer, const es_act *const rows[], int position,
                           int channel, int positions, int8_t *out)
{
    int32_t sum = layer->bias[channel];
    const int8_t *weights = layer->weights + (uint32_t)channel * layer->kernel_t * layer->run;
    (void)positions;
    for (int t = 0; t < layer->kernel_t; t++, weights += layer->run) {
        const es_act *x = es_window(layer, rows[t], position);
        for (int k = 0; k < layer->run; k++) {
            sum += weights[es_weight_at(k)] * x[k];
        }
    }
    out[position * layer->channels_out + channel] =
        es_requantise(sum, layer->multiplier[channel], layer->shift[channel], layer->zero_out,
                      layer->low, layer->high);
}

#endif

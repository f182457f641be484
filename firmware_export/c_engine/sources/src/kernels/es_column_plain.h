/* es_column_plain.h: outputs one at a time, in plain C: the reference, and what a kernel without
 * an es_column of its own leaves over. */
#ifndef ES_COLUMN_PLAIN_H
#define ES_COLUMN_PLAIN_H

#include "es_requantise.h"
#include "es_row.h"

#define ES_COLUMNS_LEFT 0

static inline int8_t es_plain_output(const es_layer *layer, const es_act *const rows[],
                                     int position, int channel)
{
    int32_t sum = layer->bias[channel];
    const int8_t *weights = layer->weights + (uint32_t)channel * layer->kernel_t * layer->run;
    for (int t = 0; t < layer->kernel_t; t++, weights += layer->run) {
        const es_act *x = es_window(layer, rows[t], position);
        for (int k = 0; k < layer->run; k++) {
            sum += weights[es_weight_at(k)] * x[k];
        }
    }
    return es_requantise(sum, layer->multiplier[channel], layer->shift[channel],
                         layer->zero_out, layer->low, layer->high);
}

static inline void es_column(const es_layer *layer, const es_act *const rows[], int position,
                             int channel, int positions, int8_t *out)
{
    for (int p = position; p < position + positions; p++) {
        out[p * layer->channels_out + channel] = es_plain_output(layer, rows, p, channel);
    }
}

#endif

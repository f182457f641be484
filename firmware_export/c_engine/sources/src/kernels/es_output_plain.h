/* es_output_plain.h: one output in plain C: the reference, in every layout of the weights. */
#ifndef ES_OUTPUT_PLAIN_H
#define ES_OUTPUT_PLAIN_H

#include "es_requantise.h"
#include "es_row.h"

/* window: what the kernel covers of the stored rows at one band. */
static inline int8_t es_plain_output(const es_layer *layer, const es_act *window, int channel)
{
    int32_t sum = layer->bias[channel];
    for (int k = 0; k < layer->run; k++) {
        sum += es_weight(layer, channel, k) * window[k];
    }
    return es_requantise(sum, layer->multiplier[channel], layer->shift[channel],
                         layer->zero_out, layer->low, layer->high);
}

#endif

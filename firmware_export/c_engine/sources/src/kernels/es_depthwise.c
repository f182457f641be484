/* es_depthwise.c: one output row of a depthwise convolution (multiplier 1).
 *
 * Weights lie [kernel_f][kernel_t][cell], as the rows.
 */
#include "es_conv.h"

#include "es_requantise.h"

/* x, weight: one channel of the first of `cells` cells. */
static int32_t sum_of(int32_t sum, const es_act *x, const int8_t *weight, int cells, int cell)
{
    for (int i = 0; i < cells; i++, x += cell, weight += cell) {
        sum += *weight * *x;
    }
    return sum;
}

void es_depthwise_row(const es_layer *layer, const es_act *rows, es_act *out, int pitch)
{
    const int cell = layer->cell, cells = layer->kernel_f * layer->kernel_t;
    for (int band = 0; band < layer->bands_out; band++, out += pitch) {
        for (int c = 0; c < layer->channels_out; c++) {
            const int32_t sum = sum_of(layer->bias[c], rows + c, layer->weights + c, cells, cell);
            out[c] = es_requantise(sum, layer->multiplier[c], layer->shift[c], layer->zero_out,
                                   layer->low, layer->high);
        }
        rows += layer->stride_f * layer->pitch;
    }
}

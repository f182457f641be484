/* es_depthwise.c: one output row of a depthwise convolution (multiplier 1).
 *
 * Weights lie [kernel_t][kernel_f][width], so that the inner loop runs over neighbours.
 */
#include "es_conv.h"

#include "es_requantise.h"

static int32_t sum_of(const es_layer *layer, const es_act *const rows[], int band, int channel)
{
    int32_t sum = layer->bias[channel];
    const int8_t *weight = layer->weights + channel;
    for (int t = 0; t < layer->kernel_t; t++) {
        const es_act *x = es_window(layer, rows[t], band) + channel;
        for (int f = 0; f < layer->kernel_f; f++, weight += layer->width) {
            sum += *weight * x[f * layer->width];
        }
    }
    return sum;
}

void es_depthwise_row(const es_layer *layer, const es_act *const rows[], int8_t *out)
{
    for (int band = 0; band < layer->bands_out; band++) {
        for (int c = 0; c < layer->channels_out; c++) {
            *out++ = es_requantise(sum_of(layer, rows, band, c), layer->multiplier[c],
                                   layer->shift[c], layer->zero_out, layer->low, layer->high);
        }
    }
}

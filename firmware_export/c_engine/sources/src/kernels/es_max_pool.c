/* es_max_pool.c: one output row of a max-pool; padding holds the zero point, as TFLite's PAD. */
#include "es_conv.h"

#include "es_requantise.h"

static int8_t largest(const es_layer *layer, const es_act *const rows[], int band, int channel)
{
    es_act best = INT8_MIN;
    for (int t = 0; t < layer->kernel_t; t++) {
        const es_act *x = es_window(layer, rows[t], band) + channel;
        for (int f = 0; f < layer->kernel_f; f++, x += layer->width) {
            best = *x > best ? *x : best;
        }
    }
    return (int8_t)es_clamp(best, layer->low, layer->high);
}

void es_max_pool_row(const es_layer *layer, const es_act *const rows[], int8_t *out)
{
    for (int band = 0; band < layer->bands_out; band++) {
        for (int channel = 0; channel < layer->channels_out; channel++) {
            *out++ = largest(layer, rows, band, channel);
        }
    }
}

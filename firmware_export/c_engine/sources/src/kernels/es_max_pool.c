/* es_max_pool.c: one output row of a max-pool; padding holds the zero point, as TFLite's PAD. */
#include "es_conv.h"

#include "es_requantise.h"

/* x: one channel of the first of `cells` cells. */
static es_act largest(const es_act *x, int cells, int cell)
{
    es_act best = *x;
    while (--cells > 0) {
        x += cell;
        best = *x > best ? *x : best;
    }
    return best;
}

void es_max_pool_row(const es_layer *layer, const es_act *rows, es_act *out, int pitch)
{
    const int cell = layer->cell, cells = layer->kernel_f * layer->kernel_t;
    const int channels = layer->channels_out, low = layer->low, high = layer->high;
    for (int band = 0; band < layer->bands_out; band++, out += pitch) {
        for (int c = 0; c < channels; c++) {
            out[c] = (es_act)es_clamp(largest(rows + c, cells, cell), low, high);
        }
        rows += layer->stride_f * layer->pitch;
    }
}

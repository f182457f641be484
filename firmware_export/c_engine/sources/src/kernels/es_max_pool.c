/* es_max_pool.c: one output row of a max-pool; padding holds the zero point, as TFLite's PAD. */
#include "es_clamp_row.h"
#include "es_conv.h"

#if ES_LAYOUT_DSP && defined(__ARM_FEATURE_DSP)
#include "es_max_dsp.h"
#elif defined(__ARM_FEATURE_MVE)
#include "es_max_mve.h"
#else
#include "es_max_c.h"
#endif

void es_max_pool_row(const es_layer *layer, const es_act *rows, es_act *restrict out, int pitch)
{
    const int cells = layer->kernel_f * layer->kernel_t, cell = layer->cell;
    const int step = layer->stride_f * layer->pitch;
    for (int band = 0; band < layer->bands_out; band++) {
        es_max_cells(rows + band * step, cells, cell, layer->channels_out, out + band * pitch);
    }
    es_clamp_row(layer, out, pitch);
}

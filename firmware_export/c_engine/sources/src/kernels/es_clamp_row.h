/* es_clamp_row.h: a fused activation, after a kernel whose codes are saturated to int8 only.
 *
 * Most layers need none: a ReLU's zero point is the lowest code.
 */
#ifndef ES_CLAMP_ROW_H
#define ES_CLAMP_ROW_H

#include "es_requantise.h"
#include "es_row.h"

static inline void es_clamp_row(const es_layer *layer, es_act *out, int pitch)
{
    if (layer->low == INT8_MIN && layer->high == INT8_MAX) {
        return;
    }
    for (int band = 0; band < layer->bands_out; band++, out += pitch) {
        for (int c = 0; c < layer->channels_out; c++) {
            out[c] = (es_act)es_clamp(out[c], layer->low, layer->high);
        }
    }
}

#endif

/* es_row.h: the type of a stored activation, and where a layer's bands lie in a stored row.
 *
 * A stored row holds pad_before_f zero-point bands, the bands, and zero-point bands up to its end,
 * each `width` elements; kernels may read (never use) slack behind the last one. Cores that
 * multiply pairs of 16-bit numbers keep rows in 16 bits, so that nothing is widened in a loop.
 */
#ifndef ES_ROW_H
#define ES_ROW_H

#include <stdint.h>

#include "es_layer.h"
#include "es_model.h"

#if ES_LAYOUT_DSP
typedef int16_t es_act;
#else
typedef int8_t es_act;
#endif

/* Where the window of output band `position` begins in a stored row. */
static inline const es_act *es_window(const es_layer *layer, const es_act *row, int position)
{
    return row + position * layer->stride_f * layer->width;
}

/* The order of weights inside four of one run: cores that unpack bytes 0 and 2, then 1 and 3,
 * of a word (SXTB16) find them stored as 0 2 1 3. */
static inline int es_weight_at(int k)
{
#if ES_LAYOUT_DSP
    return (k & ~3) | ((k & 1) << 1) | ((k & 2) >> 1);
#else
    return k;
#endif
}

#endif

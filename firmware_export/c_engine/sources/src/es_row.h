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

/* Where a weight of an output channel lies: element k of the run of kernel row t. In blocks of
 * channels, four neighbours of a run for each channel of the block come before the next four. */
static inline uint32_t es_weight_index(const es_layer *layer, int channel, int t, int k)
{
    const uint32_t block = (uint32_t)channel / ES_CHANNEL_BLOCK;
    const uint32_t run = block * layer->kernel_t + (uint32_t)t;
#if ES_CHANNEL_BLOCK > 1
    const uint32_t lane = (uint32_t)channel % ES_CHANNEL_BLOCK;
    const uint32_t four = (run * layer->run + (uint32_t)k) / 4;
    return (four * ES_CHANNEL_BLOCK + lane) * 4 + (uint32_t)k % 4;
#else
    return run * layer->run + (uint32_t)es_weight_at(k);
#endif
}

#endif

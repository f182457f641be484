/* es_row.h: the type of a stored activation, and how a layer's input is stored.
 *
 * The rows under a kernel lie side by side, as [positions][kernel_t][cell]: of each band, padding
 * included, kernel_t cells of channels, the oldest first. So what the kernel covers at one band is
 * one run of kernel_f * kernel_t cells, and a single sum of products. A new row does not move the
 * others: it starts the layout one cell later, where its own cell of a band falls on the one that
 * the next band no longer needs.
 *
 * Kernels may read (never use) what lies behind the last window. Cores that multiply pairs of
 * 16-bit numbers keep activations in 16 bits, so that nothing is widened in a loop.
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

/* Where element k of an output channel's run of weights lies. Blocks of channels hold four
 * neighbours of a run for each channel, then the next four. Pairs of channels share two bytes, see
 * es_weight. */
static inline uint32_t es_weight_index(const es_layer *layer, int channel, int k)
{
    const uint32_t run = (uint32_t)channel / ES_CHANNEL_BLOCK;
    const uint32_t element = run * layer->run + (uint32_t)k;
#if ES_LAYOUT_DSP
    return 2 * element;
#else
    const uint32_t lane = (uint32_t)channel % ES_CHANNEL_BLOCK;
    return (element / 4 * ES_CHANNEL_BLOCK + lane) * 4 + element % 4;
#endif
}

/* That weight. Pairs are stored as 256 times the second channel's plus the first one's. */
static inline int32_t es_weight(const es_layer *layer, int channel, int k)
{
    const int8_t *at = layer->weights + es_weight_index(layer, channel, k);
#if ES_LAYOUT_DSP
    const int32_t both = at[1] * 256 + (uint8_t)at[0];
    return channel % 2 == 0 ? at[0] : (both - at[0]) / 256;
#else
    return *at;
#endif
}

#endif

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

/* Where a weight of an output channel lies: element k of its run. In blocks of channels, four
 * neighbours of a run for each channel of the block come before the next four. */
static inline uint32_t es_weight_index(const es_layer *layer, int channel, int k)
{
    const uint32_t run = (uint32_t)channel / ES_CHANNEL_BLOCK;
#if ES_CHANNEL_BLOCK > 1
    const uint32_t lane = (uint32_t)channel % ES_CHANNEL_BLOCK;
    const uint32_t four = (run * layer->run + (uint32_t)k) / 4;
    return (four * ES_CHANNEL_BLOCK + lane) * 4 + (uint32_t)k % 4;
#else
    return run * layer->run + (uint32_t)es_weight_at(k);
#endif
}

#endif

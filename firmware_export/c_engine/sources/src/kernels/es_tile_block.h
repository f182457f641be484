/* es_tile_block.h: the tile of all kernels whose lanes are output channels (layout "simd").
 *
 * Weights lie in the order in which they are used: four neighbours of a window for each of sixteen
 * channels, then the next four. So sums need nothing from other lanes, and sixteen codes come out
 * side by side. The kernel's header defines, before it includes this one:
 *     es_sums            of sixteen channels at one band
 *     es_start_sums      from the biases
 *     es_add_products    eight elements of the windows of all bands of the tile
 *     es_requantise_sums to es_codes, sixteen int8
 */
#ifndef ES_TILE_BLOCK_H
#define ES_TILE_BLOCK_H

#include <string.h>

#include "es_row.h"

#define ES_TILE_CHANNELS ES_CHANNEL_BLOCK

/* The first `count` of sixteen; two pieces that overlap cost less than a loop over single bytes. */
static ES_INLINE void es_store_some(es_codes codes, int count, int8_t *to)
{
    int8_t all[ES_CHANNEL_BLOCK];
    es_store_codes(codes, all);
    if (count >= 8) {
        memcpy(to, all, 8);
        memcpy(to + count - 8, all + count - 8, 8);
        return;
    }
    for (int i = 0; i < count; i++) {
        to[i] = all[i];
    }
}

/* The block of channels from `channel` on, which may end early, at `positions` bands. */
static ES_INLINE void es_tile(const es_layer *layer, const es_act *rows, int position, int channel,
                              int positions, es_act *restrict out, int pitch)
{
    es_sums sums[ES_TILE_POSITIONS];
    es_codes codes[ES_TILE_POSITIONS];
    const int step = layer->stride_f * layer->pitch;
    const int left = layer->channels_out - channel;
    const int8_t *weights = layer->weights + (uint32_t)channel * layer->run;
    const es_act *x = rows + position * step;
    ES_UNROLL
    for (int p = 0; p < positions; p++) {
        sums[p] = es_start_sums(layer->bias + channel);
    }
    for (int k = 0; k < layer->run; k += 8, x += 8, weights += 8 * ES_CHANNEL_BLOCK) {
        es_add_products(sums, positions, x, step, weights);
    }
    es_requantise_sums(layer, channel, sums, positions, codes);
    int8_t *to = out + position * pitch + channel;
    ES_UNROLL
    for (int p = 0; p < positions; p++, to += pitch) {
        if (left >= ES_CHANNEL_BLOCK) {
            es_store_codes(codes[p], to);
        } else {
            es_store_some(codes[p], left, to);
        }
    }
}

#endif

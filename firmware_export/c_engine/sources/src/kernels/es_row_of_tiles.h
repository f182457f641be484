/* es_row_of_tiles.h: a convolution's output row, cut into the tiles that a kernel computes. */
#ifndef ES_ROW_OF_TILES_H
#define ES_ROW_OF_TILES_H

#include "es_compiler.h"
#include "es_leftover.h"

/* ES_TILE_CHANNELS channels of all bands. */
static ES_INLINE void es_tiles(const es_layer *layer, const es_act *rows, int channel,
                               es_act *restrict out, int pitch)
{
    const int bands = layer->bands_out;
    int f = 0;
    /* Half a tile or less costs less band by band. */
    while (bands >= ES_TILE_POSITIONS && 2 * (bands - f) > ES_TILE_POSITIONS) {
        const int position = es_moved_back(f, ES_TILE_POSITIONS, bands);
        /* A constant number lets the compiler unroll the tile. */
        es_tile(layer, rows, position, channel, ES_TILE_POSITIONS, out, pitch);
        f = position + ES_TILE_POSITIONS;
    }
    for (; f < bands; f++) {
        es_tile(layer, rows, f, channel, 1, out, pitch);
    }
}

static ES_INLINE void es_row(const es_layer *layer, const es_act *rows, es_act *restrict out,
                             int pitch)
{
    const int channels = layer->channels_out;
    if (ES_CHANNEL_BLOCK == 1 && channels < ES_TILE_CHANNELS) {
        es_plain_row(layer, rows, out, pitch);
        return;
    }
    for (int c = 0; c < channels; c += ES_TILE_CHANNELS) {
        const int channel =
            ES_CHANNEL_BLOCK > 1 ? c : es_moved_back(c, ES_TILE_CHANNELS, channels);
        es_tiles(layer, rows, channel, out, pitch);
    }
}

#endif

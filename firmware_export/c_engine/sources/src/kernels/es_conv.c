/* es_conv.c: a convolution's output row, cut into the tiles that the chosen kernel computes.
 *
 * The last tile of a row is moved back to end with it, as is that of the channels: what it
 * computes again costs less than code for remainders.
 */
#include "es_conv.h"

#include "es_compiler.h"
#include "es_kernel.h"
#include "es_output_plain.h"

/* Where the tile from `start` on really starts. */
static inline int moved_back(int start, int tile, int size)
{
    return start + tile > size ? size - tile : start;
}

/* ES_TILE_CHANNELS channels of all bands. */
static ES_INLINE void tiles(const es_layer *layer, const es_act *const rows[], int channel,
                            int8_t *out)
{
    const int bands = layer->bands_out;
    int f = 0;
    while (bands >= ES_TILE_POSITIONS && bands - f > 1) {
        const int position = moved_back(f, ES_TILE_POSITIONS, bands);
        /* A constant number lets the compiler unroll the tile. */
        es_tile(layer, rows, position, channel, ES_TILE_POSITIONS, out);
        f = position + ES_TILE_POSITIONS;
    }
    for (; f < bands; f++) {
        es_tile(layer, rows, f, channel, 1, out);
    }
}

/* A layer with fewer channels than a tile. */
static void narrow_row(const es_layer *layer, const es_act *const rows[], int8_t *out)
{
    for (int position = 0; position < layer->bands_out; position++) {
        for (int channel = 0; channel < layer->channels_out; channel++) {
            *out++ = es_plain_output(layer, rows, position, channel);
        }
    }
}

void es_conv_row(const es_layer *layer, const es_act *const rows[], int8_t *out)
{
    /* What is written to `out` cannot change a copy: its fields stay in registers. */
    const es_layer copy = *layer;
    const int channels = copy.channels_out;
    if (ES_CHANNEL_BLOCK == 1 && channels < ES_TILE_CHANNELS) {
        narrow_row(&copy, rows, out);
        return;
    }
    for (int c = 0; c < channels; c += ES_TILE_CHANNELS) {
        tiles(&copy, rows, ES_CHANNEL_BLOCK > 1 ? c : moved_back(c, ES_TILE_CHANNELS, channels),
              out);
    }
}

const char *es_kernels(void)
{
    return ES_KERNELS;
}

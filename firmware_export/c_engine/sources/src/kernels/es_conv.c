/* es_conv.c: a convolution's output row, cut into the tiles that the chosen kernel computes.
 *
 * What is left over is computed by itself if it is little; otherwise the last tile is moved back
 * to end with the row: what it computes again costs less than code for every remainder.
 */
#include "es_conv.h"

#include "es_kernel.h"

static inline void tiles(const es_layer *layer, const es_act *const rows[], int position,
                         int positions, int8_t *out)
{
    const int channels = layer->channels_out;
    int c = 0;
    while (channels >= ES_TILE_CHANNELS && channels - c > ES_COLUMNS_LEFT) {
        const int left = channels - c;
        const int channel = left < ES_TILE_CHANNELS ? channels - ES_TILE_CHANNELS : c;
        es_tile(layer, rows, position, channel, positions, out);
        c = channel + ES_TILE_CHANNELS;
    }
    for (; c < channels; c++) {
        es_column(layer, rows, position, c, positions, out);
    }
}

void es_conv_row(const es_layer *layer, const es_act *const rows[], int8_t *out)
{
    const int bands = layer->bands_out;
    int f = 0;
    while (bands >= ES_TILE_POSITIONS && bands - f > 1) {
        const int left = bands - f;
        const int position = left < ES_TILE_POSITIONS ? bands - ES_TILE_POSITIONS : f;
        /* Constants let the compiler unroll the tiles. */
        tiles(layer, rows, position, ES_TILE_POSITIONS, out);
        f = position + ES_TILE_POSITIONS;
    }
    for (; f < bands; f++) {
        tiles(layer, rows, f, 1, out);
    }
}

const char *es_kernels(void)
{
    return ES_KERNELS;
}

/* es_conv.c: a convolution's output row, cut into the tiles that the chosen kernel computes.
 *
 * The last tile of a row or of the channels is moved back to end with it: what it computes again
 * costs less than code for remainders.
 */
#include "es_conv.h"

#include "es_kernel.h"

static int last_start(int start, int size, int tile)
{
    return start + tile > size ? size - tile : start;
}

static void tiles_of_position(const es_layer *layer, const es_act *const rows[], int position,
                              int positions, int8_t *out)
{
    const int channels = layer->channels_out;
    for (int c = 0; c < channels; c += ES_TILE_CHANNELS) {
        const int channel = last_start(c, channels, ES_TILE_CHANNELS);
        /* A constant count lets the compiler unroll the tile. */
        if (positions == ES_TILE_POSITIONS) {
            es_tile(layer, rows, position, channel, ES_TILE_POSITIONS, out);
        } else {
            es_tile(layer, rows, position, channel, 1, out);
        }
    }
}

void es_conv_row(const es_layer *layer, const es_act *const rows[], int8_t *out)
{
    const int bands = layer->bands_out;
    const int step = bands >= ES_TILE_POSITIONS ? ES_TILE_POSITIONS : 1;
    for (int f = 0; f < bands; f += step) {
        tiles_of_position(layer, rows, last_start(f, bands, step), step, out);
    }
}

const char *es_kernels(void)
{
    return ES_KERNELS;
}

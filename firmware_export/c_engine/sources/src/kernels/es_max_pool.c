/* es_max_pool.c: one output row of a max-pool; padding holds the zero point, as TFLite's PAD. */
#include "es_compiler.h"
#include "es_conv.h"

/* Channels at once: compilers make vectors of eight where the machine has them. */
#define LANES (ES_CHANNEL_BLOCK > 1 ? 8 : 1)

static ES_INLINE es_act larger(es_act a, es_act b)
{
    return a > b ? a : b;
}

static ES_INLINE es_act smaller(es_act a, es_act b)
{
    return a < b ? a : b;
}

/* Of `lanes` channels (a constant). x: the first of the window's cells. */
static ES_INLINE void largest(const es_layer *layer, const es_act *restrict x, int lanes,
                              es_act *restrict out)
{
    const es_act low = layer->low, high = layer->high;
    for (int i = 0; i < lanes; i++) {
        out[i] = larger(x[i], low);
    }
    for (int cells = layer->kernel_f * layer->kernel_t; cells > 1; cells--) {
        x += layer->cell;
        for (int i = 0; i < lanes; i++) {
            out[i] = larger(x[i], out[i]);
        }
    }
    for (int i = 0; i < lanes; i++) {
        out[i] = smaller(out[i], high);
    }
}

/* All channels of one band; the last lanes are moved back to end with them. */
static ES_INLINE void largest_of_band(const es_layer *layer, const es_act *x, es_act *out)
{
    const int channels = layer->channels_out;
    int c = 0;
    for (; channels >= LANES && c < channels; c += LANES) {
        const int first = c + LANES > channels ? channels - LANES : c;
        largest(layer, x + first, LANES, out + first);
    }
    for (; c < channels; c++) {
        largest(layer, x + c, 1, out + c);
    }
}

void es_max_pool_row(const es_layer *layer, const es_act *rows, es_act *out, int pitch)
{
    const es_layer copy = *layer; /* see es_conv_row */
    for (int band = 0; band < copy.bands_out; band++, out += pitch) {
        largest_of_band(&copy, rows, out);
        rows += copy.stride_f * copy.pitch;
    }
}

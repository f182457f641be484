/* es_tile_dsp.h: SMLAD, two products of 16-bit numbers at once: Cortex-M4, M7, M33 (layout "dsp").
 *
 * The weights of two channels lie in one 16-bit number, 256 * second + first. Where a row has many
 * bands they are widened to 16 bits, once for the row, and two channels are summed at two bands at
 * once; an odd last channel is 16 bits wide as it is, and summed at four. Where a row has few
 * bands, weights are used too seldom for that, and only the first of a pair is unpacked: the sums
 * are of (256 * second + first) * x and of first * x.
 */
#ifndef ES_TILE_DSP_H
#define ES_TILE_DSP_H

#include "es_clamp_row.h"
#include "es_dots_dsp.h"
#include "es_leftover.h"
#include "es_scaling.h"

#define ES_KERNELS "dsp"
#define ES_OWN_ROW

enum {
    ES_FEW_BANDS = 3,      /* fewer than es_dot_one takes */
    ES_MOST_BANDS = 32,    /* summed before they are requantised */
    ES_MOST_CHANNELS = 32, /* likewise; even */
    ES_MOST_ELEMENTS = 512 /* of es_dot_pairs */
};

static inline es_act es_dsp_code(int32_t sum, es_scaling scaling)
{
    int32_t code;
    __asm__("ssat %0, #8, %1" : "=r"(code) : "r"(es_scale(sum, scaling)));
    return (es_act)code;
}

/* The codes of one channel; its sums are `every` numbers apart. */
static void es_store_bands(const es_layer *layer, int channel, const int32_t *sums, int every,
                           int bands, es_act *out, int pitch)
{
    const es_scaling scaling = es_scaling_of(layer, channel);
    const int32_t *const end = sums + every * bands;
    for (; sums != end; sums += every, out += pitch) {
        *out = es_dsp_code(*sums, scaling);
    }
}

/* How many of the `left` bands come next, a multiple of `tile`; perhaps more than are left. */
static inline int es_next_bands(int left, int tile)
{
    return left > ES_MOST_BANDS ? ES_MOST_BANDS : left < tile ? tile : left / tile * tile;
}

/* One or two channels at all bands; weights: theirs in 16 bits, up to `end`. */
static void es_channels(const es_layer *layer, const es_act *rows, int channel, int channels,
                        const int16_t *weights, const int16_t *end, es_act *out, int pitch)
{
    const int step = layer->stride_f * layer->pitch, bands = layer->bands_out;
    const int32_t *bias = layer->bias + channel;
    int32_t sums[2 * ES_MOST_BANDS];
    for (int f = 0; f < bands;) {
        const int count = es_next_bands(bands - f, channels == 2 ? 2 : 4);
        const int band = es_moved_back(f, count, bands);
        es_bands_job job = { weights, rows + band * step,   2 * step, end,
                             { bias[0], bias[1] }, sums, sums + channels * count };
        if (channels == 2) {
            es_dot_two(&job);
        } else {
            es_dot_one(&job);
        }
        for (int c = 0; c < channels; c++) {
            es_store_bands(layer, channel + c, sums + c, channels, count,
                           out + band * pitch + channel + c, pitch);
        }
        f = band + count;
    }
}

static void es_all_bands(const es_layer *layer, const es_act *rows, es_act *out, int pitch)
{
    int16_t wide[2 * ES_LONGEST_RUN] ES_ALIGNED_TO_WORDS;
    const int channels = layer->channels_out, run = layer->run;
    const int8_t *weights = layer->weights;
    for (int c = 0; c + 1 < channels; c += 2, weights += 2 * run) {
        es_widen(weights, weights + 2 * run, wide);
        es_channels(layer, rows, c, 2, wide, wide + 2 * run, out, pitch);
    }
    if (channels % 2 != 0) {
        const int16_t *last = (const int16_t *)(const void *)weights;
        es_channels(layer, rows, channels - 1, 1, last, last + run, out, pitch);
    }
}

/* sums: of `channels` channels from `first` on at one band, and of one more if they are odd. */
static void es_sum_channels(const es_layer *layer, const es_act *x, int first, int channels,
                            int32_t *sums)
{
    const int run = layer->run;
    const int8_t *weights = layer->weights + first * run;
    const int32_t *const end = sums + (channels + 1) / 2 * 2;
    for (int c = 0; c < channels; c += 2) {
        sums[c] = layer->bias[first + c];
        sums[c + 1] = layer->bias[first + c + 1];
    }
    for (int k = 0; k < run; k += ES_MOST_ELEMENTS) {
        const int size = run - k < ES_MOST_ELEMENTS ? run - k : ES_MOST_ELEMENTS;
        es_pairs_job job = { weights + 2 * k, x + k, 2 * size, 2 * (run - size), sums, end };
        es_dot_pairs(&job);
    }
}

/* All channels at one band. */
static void es_band(const es_layer *layer, const es_act *x, es_act *out)
{
    int32_t sums[ES_MOST_CHANNELS];
    for (int first = 0; first < layer->channels_out; first += ES_MOST_CHANNELS) {
        const int left = layer->channels_out - first;
        const int channels = left < ES_MOST_CHANNELS ? left : ES_MOST_CHANNELS;
        es_sum_channels(layer, x, first, channels, sums);
        for (int c = 0; c < channels; c++) {
            out[first + c] = es_dsp_code(sums[c], es_scaling_of(layer, first + c));
        }
    }
}

static void es_row(const es_layer *layer, const es_act *rows, es_act *restrict out, int pitch)
{
    const int step = layer->stride_f * layer->pitch;
    if (layer->bands_out > ES_FEW_BANDS) {
        es_all_bands(layer, rows, out, pitch);
    } else {
        for (int band = 0; band < layer->bands_out; band++) {
            es_band(layer, rows + band * step, out + band * pitch);
        }
    }
    es_clamp_row(layer, out, pitch);
}

#endif

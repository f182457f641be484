/* es_tile_portable.h: cores without SIMD: Cortex-M0+, M3, RISC-V (layout "plain"). */
#ifndef ES_TILE_PORTABLE_H
#define ES_TILE_PORTABLE_H

#include "es_compiler.h"
#include "es_leftover.h"
#include "es_scaling.h"

#if defined(__GNUC__) && defined(__thumb2__)
#include "es_dots_m3.h"
#elif defined(__GNUC__) && defined(__thumb__)
#include "es_dots_m0.h"
#else
#include "es_dots_c.h"
#endif

#define ES_KERNELS "portable"
#define ES_OWN_ROW

enum { ES_FOUR = 4, ES_TILE_SUMS = ES_TILE_CHANNELS * ES_TILE_BANDS };

/* ES_TILE_CHANNELS channels at all bands. */
static void es_channels(const es_layer *layer, const es_act *rows, int channel,
                        es_act *restrict out, int pitch)
{
    const int step = layer->stride_f * layer->pitch, run = layer->run;
    const int low = layer->low, high = layer->high, bands = layer->bands_out;
    const int8_t *weights = layer->weights + channel * run;
    es_scaling scaling[ES_TILE_CHANNELS];
    int32_t start[ES_TILE_SUMS], sums[ES_TILE_SUMS];
    for (int c = 0; c < ES_TILE_CHANNELS; c++) {
        scaling[c] = es_scaling_of(layer, channel + c);
    }
    for (int i = 0; i < ES_TILE_SUMS; i++) {
        start[i] = layer->bias[channel + i / ES_TILE_BANDS];
    }
    for (int f = 0; f < bands; f += ES_TILE_BANDS) {
        const int band = es_moved_back(f, ES_TILE_BANDS, bands);
        es_act *to = out + band * pitch + channel;
        ES_UNROLL
        for (int i = 0; i < ES_TILE_SUMS; i++) {
            sums[i] = start[i];
        }
        es_dot_tile(sums, weights, rows + band * step, step, run);
        ES_UNROLL
        for (int c = 0; c < ES_TILE_CHANNELS; c++) {
            ES_UNROLL
            for (int p = 0; p < ES_TILE_BANDS; p++) {
                const int32_t code = es_scale(sums[c * ES_TILE_BANDS + p], scaling[c]);
                to[p * pitch + c] = (es_act)es_clamp(code, low, high);
            }
        }
    }
}

/* Four channels at one band. */
static void es_four_channels(const es_layer *layer, const es_act *x, int channel,
                             es_act *restrict out)
{
    const int run = layer->run;
    int32_t sums[ES_FOUR];
    ES_UNROLL
    for (int c = 0; c < ES_FOUR; c++) {
        sums[c] = layer->bias[channel + c];
    }
    es_dot_four(sums, x, layer->weights + channel * run, run, run);
    for (int c = 0; c < ES_FOUR; c++) {
        const int32_t code = es_scale(sums[c], es_scaling_of(layer, channel + c));
        out[channel + c] = (es_act)es_clamp(code, layer->low, layer->high);
    }
}

/* A row of fewer bands than a tile has. */
static void es_short_row(const es_layer *layer, const es_act *rows, es_act *restrict out,
                         int pitch)
{
    const int channels = layer->channels_out;
    for (int band = 0; band < layer->bands_out; band++, out += pitch) {
        for (int c = 0; c < channels; c += ES_FOUR) {
            es_four_channels(layer, rows, es_moved_back(c, ES_FOUR, channels), out);
        }
        rows += layer->stride_f * layer->pitch;
    }
}

static void es_row(const es_layer *layer, const es_act *rows, es_act *restrict out, int pitch)
{
    const int channels = layer->channels_out;
    if (channels < ES_FOUR) {
        es_plain_row(layer, rows, out, pitch);
        return;
    }
    if (layer->bands_out < ES_TILE_BANDS) {
        es_short_row(layer, rows, out, pitch);
        return;
    }
    for (int c = 0; c < channels; c += ES_TILE_CHANNELS) {
        es_channels(layer, rows, es_moved_back(c, ES_TILE_CHANNELS, channels), out, pitch);
    }
}

#endif

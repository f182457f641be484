/* es_tile_mve.h: Helium, 16 products at once: Cortex-M55 (layout "helium"). */
#ifndef ES_TILE_MVE_H
#define ES_TILE_MVE_H

#include <arm_mve.h>

#include "es_clamp_row.h"
#include "es_compiler.h"
#include "es_leftover.h"
#include "es_row.h"

#define ES_KERNELS "helium"
#define ES_OWN_ROW

/* Of four sums. */
typedef struct {
    int32x4_t multiplier, left, right, rounds;
    int32_t zero;
} es_scaling;

/* lanes: which of the channels from `channel` on. */
static inline es_scaling es_scaling_of(const es_layer *layer, int channel, uint32x4_t lanes)
{
    const int32x4_t shift = vldrbq_gather_offset_s32(layer->shift + channel, lanes);
    const int32x4_t none = vdupq_n_s32(0);
    const es_scaling scaling = {
        vldrwq_gather_shifted_offset_s32(layer->multiplier + channel, lanes),
        vmaxq_s32(shift, none), vminq_s32(shift, none), vshrq_n_s32(shift, 31), layer->zero_out
    };
    return scaling;
}

/* Four codes, saturated; to: the offsets of their places. */
static ES_INLINE void es_store_codes(int32x4_t sums, const es_scaling *s, int8_t *out,
                                     uint32x4_t to)
{
    const int32x4_t high = vqrdmulhq_s32(vshlq_s32(sums, s->left), s->multiplier);
    /* VRSHL rounds halves up; one less, and those of negative numbers go away from zero. */
    const int32x4_t lowered = vaddq_s32(high, vshrq_n_s32(vandq_s32(high, s->rounds), 31));
    const int32x4_t codes = vaddq_n_s32(vrshlq_s32(lowered, s->right), s->zero);
    const int16x8_t narrow = vqmovnbq_s32(vreinterpretq_s16_s32(codes), codes);
    const int8x16_t bytes = vqmovnbq_s16(vreinterpretq_s8_s16(narrow), narrow);
    vstrbq_scatter_offset_s32(out, to, vreinterpretq_s32_s8(bytes));
}

/* Two channels at all bands, two bands at once; the last two may overlap those before. */
static void es_two_channels(const es_layer *layer, const int8_t *rows, int channel, int8_t *out,
                            int pitch)
{
    static const uint32_t pair[4] = { 0, 1, 0, 1 }, other[4] = { 0, 0, 1, 1 };
    const uint32x4_t lanes = vldrwq_u32(pair);
    const uint32x4_t to = vmlaq_n_u32(lanes, vldrwq_u32(other), (uint32_t)pitch);
    const es_scaling scaling = es_scaling_of(layer, channel, lanes);
    const int8_t *const weights = layer->weights + channel * layer->run;
    const int32_t bias0 = layer->bias[channel], bias1 = layer->bias[channel + 1];
    const int run = layer->run, blocks = run / 16, bands = layer->bands_out;
    const int step = layer->stride_f * layer->pitch;
    for (int f = 0; f < bands; f += 2) {
        const int band = f + 2 > bands ? bands - 2 : f;
        const int8_t *w0 = weights, *w1 = weights + run;
        const int8_t *x0 = rows + band * step, *x1 = x0 + step;
        int32_t s00 = bias0, s01 = bias1, s10 = bias0, s11 = bias1;
        for (int k = blocks; k > 0; k--, w0 += 16, w1 += 16, x0 += 16, x1 += 16) {
            const int8x16_t a = vldrbq_s8(w0), b = vldrbq_s8(w1);
            const int8x16_t x = vldrbq_s8(x0), y = vldrbq_s8(x1);
            s00 = vmladavaq_s8(s00, a, x);
            s01 = vmladavaq_s8(s01, b, x);
            s10 = vmladavaq_s8(s10, a, y);
            s11 = vmladavaq_s8(s11, b, y);
        }
        const int32x4_t sums = { s00, s01, s10, s11 };
        es_store_codes(sums, &scaling, out + band * pitch + channel, to);
    }
}

/* Four channels at the only band. */
static void es_four_channels(const es_layer *layer, const int8_t *x, int channel, int8_t *out)
{
    const uint32x4_t lanes = vidupq_n_u32(0, 1);
    const es_scaling scaling = es_scaling_of(layer, channel, lanes);
    const int run = layer->run;
    const int32_t *const bias = layer->bias + channel;
    const int8_t *w0 = layer->weights + channel * run;
    const int8_t *w1 = w0 + run, *w2 = w1 + run, *w3 = w2 + run;
    int32_t s0 = bias[0], s1 = bias[1], s2 = bias[2], s3 = bias[3];
    for (int k = run / 16; k > 0; k--, w0 += 16, w1 += 16, w2 += 16, w3 += 16, x += 16) {
        const int8x16_t activations = vldrbq_s8(x);
        s0 = vmladavaq_s8(s0, vldrbq_s8(w0), activations);
        s1 = vmladavaq_s8(s1, vldrbq_s8(w1), activations);
        s2 = vmladavaq_s8(s2, vldrbq_s8(w2), activations);
        s3 = vmladavaq_s8(s3, vldrbq_s8(w3), activations);
    }
    const int32x4_t sums = { s0, s1, s2, s3 };
    es_store_codes(sums, &scaling, out + channel, lanes);
}

static void es_row(const es_layer *layer, const int8_t *rows, int8_t *out, int pitch)
{
    const int channels = layer->channels_out;
    if (channels < 4) {
        es_plain_row(layer, rows, out, pitch);
        return;
    }
    if (layer->bands_out == 1) {
        for (int c = 0; c < channels; c += 4) {
            es_four_channels(layer, rows, es_moved_back(c, 4, channels), out);
        }
    } else {
        for (int c = 0; c < channels; c += 2) {
            es_two_channels(layer, rows, es_moved_back(c, 2, channels), out, pitch);
        }
    }
    es_clamp_row(layer, out, pitch);
}

#endif

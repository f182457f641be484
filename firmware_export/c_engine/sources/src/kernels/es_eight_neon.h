/* es_eight_neon.h: eight sums -> eight int8 codes on NEON, the bits of es_requantise.h. */
#ifndef ES_EIGHT_NEON_H
#define ES_EIGHT_NEON_H

#include <arm_neon.h>
#include <string.h>

#include "es_layer.h"

typedef struct {
    int32x4_t low, high;
} es_eight;

typedef int8x8_t es_codes;

/* Of four outputs; `right` is negative: NEON shifts to the right by shifting to the left by less
 * than nothing. */
typedef struct {
    int32x4_t bias, multiplier, left, right;
    int16x8_t zero_out;
    int8x8_t low, high;
} es_scaling;

static inline es_scaling es_scaling_with(const es_layer *layer, int32x4_t bias,
                                         int32x4_t multiplier, int32x4_t shift)
{
    const es_scaling scaling = { bias,
                                 multiplier,
                                 vmaxq_s32(shift, vdupq_n_s32(0)),
                                 vminq_s32(shift, vdupq_n_s32(0)),
                                 vdupq_n_s16(layer->zero_out),
                                 vdup_n_s8(layer->low),
                                 vdup_n_s8(layer->high) };
    return scaling;
}

/* Four channels of one position. */
static inline es_scaling es_scaling_of_four(const es_layer *layer, int channel)
{
    uint32_t shifts;
    memcpy(&shifts, layer->shift + channel, sizeof shifts);
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(shifts)));
    return es_scaling_with(layer, vld1q_s32(layer->bias + channel),
                           vld1q_s32(layer->multiplier + channel), vmovl_s16(vget_low_s16(wide)));
}

/* Four positions of one channel. */
static inline es_scaling es_scaling_of_one(const es_layer *layer, int channel)
{
    return es_scaling_with(layer, vdupq_n_s32(layer->bias[channel]),
                           vdupq_n_s32(layer->multiplier[channel]),
                           vdupq_n_s32(layer->shift[channel]));
}

/* VRSHL rounds halves up; taking one from what is negative first rounds them away from zero. */
static inline int32x4_t es_scale_four(int32x4_t sums, const es_scaling *scaling)
{
    const int32x4_t scaled = vshlq_s32(vaddq_s32(sums, scaling->bias), scaling->left);
    const int32x4_t product = vqrdmulhq_s32(scaled, scaling->multiplier);
    const int32x4_t away = vshrq_n_s32(vandq_s32(product, scaling->right), 31);
    return vrshlq_s32(vqaddq_s32(product, away), scaling->right);
}

static inline es_codes es_requantise_eight(es_eight sums, const es_scaling *scaling)
{
    const int16x8_t scaled = vcombine_s16(vqmovn_s32(es_scale_four(sums.low, scaling)),
                                          vqmovn_s32(es_scale_four(sums.high, scaling)));
    const int8x8_t codes = vqmovn_s16(vqaddq_s16(scaled, scaling->zero_out));
    return vmin_s8(vmax_s8(codes, scaling->low), scaling->high);
}

/* The lower (0) or upper (1) four; `half` is a constant. */
static inline void es_store_four(es_codes codes, int half, int8_t *to)
{
    const uint32x2_t words = vreinterpret_u32_s8(codes);
    const uint32_t word = half == 0 ? vget_lane_u32(words, 0) : vget_lane_u32(words, 1);
    memcpy(to, &word, sizeof word);
}

#endif

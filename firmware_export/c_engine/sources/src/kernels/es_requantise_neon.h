/* es_requantise_neon.h: sums -> int8 codes on NEON, the bits of es_requantise.h. */
#ifndef ES_REQUANTISE_NEON_H
#define ES_REQUANTISE_NEON_H

#include <arm_neon.h>

#include "es_compiler.h"
#include "es_layer.h"

typedef int8x16_t es_codes;

/* Of four channels. `right` is not above 0: NEON shifts to the right by less than nothing. */
typedef struct {
    int32x4_t multiplier, left, right;
} es_scaling;

static ES_INLINE es_scaling es_scaling_of(const int32_t *multiplier, int16x4_t shift)
{
    const int32x4_t wide = vmovl_s16(shift), zero = vdupq_n_s32(0);
    const es_scaling scaling = { vld1q_s32(multiplier), vmaxq_s32(wide, zero),
                                 vminq_s32(wide, zero) };
    return scaling;
}

/* VRSHL rounds halves up; one less than what is negative rounds them away from zero. */
static ES_INLINE int32x4_t es_scale(int32x4_t sums, es_scaling scaling)
{
    const int32x4_t product = vqrdmulhq_s32(vshlq_s32(sums, scaling.left), scaling.multiplier);
    const int32x4_t less = vshrq_n_s32(vandq_s32(product, scaling.right), 31);
    return vrshlq_s32(vqaddq_s32(product, less), scaling.right);
}

static ES_INLINE es_codes es_narrow(const es_layer *layer, const int32x4_t scaled[4])
{
    const int16x8_t zero = vdupq_n_s16(layer->zero_out);
    const int16x8_t low = vcombine_s16(vqmovn_s32(scaled[0]), vqmovn_s32(scaled[1]));
    const int16x8_t high = vcombine_s16(vqmovn_s32(scaled[2]), vqmovn_s32(scaled[3]));
    const int8x16_t codes =
        vcombine_s8(vqmovn_s16(vqaddq_s16(low, zero)), vqmovn_s16(vqaddq_s16(high, zero)));
    return vminq_s8(vmaxq_s8(codes, vdupq_n_s8(layer->low)), vdupq_n_s8(layer->high));
}

static ES_INLINE void es_store_codes(es_codes codes, int8_t *to)
{
    vst1q_s8(to, codes);
}

#endif

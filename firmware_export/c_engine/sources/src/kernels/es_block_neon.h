/* es_block_neon.h: sums of a tile -> codes, for both NEON kernels. */
#ifndef ES_BLOCK_NEON_H
#define ES_BLOCK_NEON_H

static ES_INLINE void es_requantise_sums(const es_layer *layer, int channel, const es_sums *sums,
                                         int positions, es_codes *codes)
{
    int32x4_t scaled[ES_TILE_POSITIONS][4];
    const int32_t *multiplier = layer->multiplier + channel;
    const int8x16_t bytes = vld1q_s8(layer->shift + channel);
    const int16x8_t shifts[2] = { vmovl_s8(vget_low_s8(bytes)), vmovl_s8(vget_high_s8(bytes)) };
    ES_UNROLL
    for (int i = 0; i < 4; i++) {
        const int16x8_t eight = shifts[i / 2];
        const int16x4_t four = i % 2 == 0 ? vget_low_s16(eight) : vget_high_s16(eight);
        const es_scaling scaling = es_scaling_of(multiplier + 4 * i, four);
        ES_UNROLL
        for (int p = 0; p < positions; p++) {
            scaled[p][i] = es_scale(es_sums_of_four(sums + p, layer->bias + channel, i), scaling);
        }
    }
    ES_UNROLL
    for (int p = 0; p < positions; p++) {
        codes[p] = es_narrow(layer, scaled[p]);
    }
}

#endif

/* es_block_avx2.h: sums of a tile -> codes, for the kernels of AVX2 and VNNI. */
#ifndef ES_BLOCK_AVX2_H
#define ES_BLOCK_AVX2_H

static ES_INLINE void es_requantise_sums(const es_layer *layer, int channel, const es_sums *sums,
                                         int positions, es_codes *codes)
{
    const int32_t *bias = layer->bias + channel;
    const es_scaling first = es_scaling_of(layer, channel);
    const es_scaling second = es_scaling_of(layer, channel + 8);
    ES_UNROLL
    for (int p = 0; p < positions; p++) {
        codes[p] = es_narrow(layer, es_scale(es_sums_of_eight(sums + p, bias, 0), &first),
                             es_scale(es_sums_of_eight(sums + p, bias, 1), &second));
    }
}

#endif

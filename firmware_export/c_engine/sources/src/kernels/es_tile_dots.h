/* es_tile_dots.h: the tile of every kernel that has a dot product in its registers.
 *
 * Each output is a dot product along the windows, 16 elements at a time, kept as partial sums in
 * a register of its own; weights are loaded once for all positions of the tile, activations once
 * for all its channels. The kernel's header says, before it includes this one, how:
 *     es_vector            16 activations or weights; es_load_activations, es_load_weights
 *     es_dots              partial sums of one output; es_no_dots, es_add_dots
 *     es_sum_eight         those of eight outputs as eight sums
 * and includes the es_eight_*.h that makes codes of them.
 */
#ifndef ES_TILE_DOTS_H
#define ES_TILE_DOTS_H

#include "es_row.h"

#define ES_COLUMNS_LEFT 1

/* Constant short loops over registers: they have to vanish at any level of optimisation. */
#define ES_UNROLL _Pragma("GCC unroll 16")

/* dots: [channels][positions]. run is the layer's; a constant lets the loop over it vanish too. */
static inline void es_sum_windows(const es_layer *layer, const es_act *const rows[], int position,
                                  int positions, int channel, int channels, int run,
                                  es_dots *dots)
{
    const int step = layer->stride_f * layer->width;
    const int size = layer->kernel_t * run;
    const int8_t *weights = layer->weights + channel * size;
    ES_UNROLL
    for (int i = 0; i < channels * positions; i++) {
        dots[i] = es_no_dots();
    }
    for (int t = 0; t < layer->kernel_t; t++, weights += run) {
        const es_act *window = rows[t] + position * step;
        for (int k = 0; k < run; k += 16) {
            es_vector x[ES_TILE_POSITIONS];
            ES_UNROLL
            for (int p = 0; p < positions; p++) {
                x[p] = es_load_activations(window + p * step + k);
            }
            ES_UNROLL
            for (int c = 0; c < channels; c++) {
                const es_vector w = es_load_weights(weights + c * size + k);
                ES_UNROLL
                for (int p = 0; p < positions; p++) {
                    dots[c * positions + p] = es_add_dots(dots[c * positions + p], x[p], w);
                }
            }
        }
    }
}

/* Four channels at `positions` bands, ES_TILE_POSITIONS (even) or 1. */
static inline void es_tile(const es_layer *layer, const es_act *const rows[], int position,
                           int channel, int positions, int8_t *out)
{
    es_dots dots[ES_TILE_CHANNELS * ES_TILE_POSITIONS];
    const es_scaling scaling = es_scaling_of_four(layer, channel);
    int8_t *to = out + position * layer->channels_out + channel;
    es_sum_windows(layer, rows, position, positions, channel, ES_TILE_CHANNELS, layer->run, dots);
    ES_UNROLL
    for (int p = 0; p < positions; p += 2, to += 2 * layer->channels_out) {
        const es_dots *a = dots + p, *b = positions == 1 ? a : a + 1;
        const es_eight sums =
            es_sum_eight(a[0], a[positions], a[2 * positions], a[3 * positions], b[0],
                         b[positions], b[2 * positions], b[3 * positions]);
        const es_codes codes = es_requantise_eight(sums, &scaling);
        es_store_four(codes, 0, to);
        if (positions > 1) {
            es_store_four(codes, 1, to + layer->channels_out);
        }
    }
}

/* One channel at `positions` bands, at most four of them. */
static inline void es_column(const es_layer *layer, const es_act *const rows[], int position,
                             int channel, int positions, int8_t *out)
{
    es_dots dots[ES_TILE_POSITIONS];
    int8_t codes[4];
    const es_scaling scaling = es_scaling_of_one(layer, channel);
    const int last = positions - 1;
    int8_t *to = out + position * layer->channels_out + channel;
    es_sum_windows(layer, rows, position, positions, channel, 1, layer->run, dots);
    const es_dots a = dots[0], b = dots[1 & last], c = dots[2 & last], d = dots[3 & last];
    es_store_four(es_requantise_eight(es_sum_eight(a, b, c, d, a, b, c, d), &scaling), 0, codes);
    ES_UNROLL
    for (int p = 0; p < positions; p++) {
        to[p * layer->channels_out] = codes[p];
    }
}

#endif

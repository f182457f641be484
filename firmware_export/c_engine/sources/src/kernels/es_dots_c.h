/* es_dots_c.h: several dot products at once in plain C, for cores with many registers: RISC-V.
 *
 * Whatever is loaded is used more than once. Runs are multiples of four, so that pointers move
 * once for four elements.
 */
#ifndef ES_DOTS_C_H
#define ES_DOTS_C_H

#include <stdint.h>

#include "es_compiler.h"

#define ES_TILE_CHANNELS 2
#define ES_TILE_BANDS 3

/* sums[i] += shared . others[i], `step` elements from other to other. */
static ES_INLINE void es_dot_four(int32_t *sums, const int8_t *shared, const int8_t *others,
                                  int step, int run)
{
    const int8_t *const end = shared + run;
    const int8_t *a = others, *b = a + step, *c = b + step, *d = c + step;
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    for (; shared != end; shared += 4, a += 4, b += 4, c += 4, d += 4) {
        ES_UNROLL
        for (int k = 0; k < 4; k++) {
            const int32_t x = shared[k];
            s0 += x * a[k];
            s1 += x * b[k];
            ES_KEEP(s0);
            ES_KEEP(s1);
            s2 += x * c[k];
            s3 += x * d[k];
            ES_KEEP(s2);
            ES_KEEP(s3);
        }
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* sums[c][p] += weights[c] . x[p], `run` elements from channel to channel, `step` from band to
 * band. */
static ES_INLINE void es_dot_tile(int32_t *sums, const int8_t *weights, const int8_t *x, int step,
                                  int run)
{
    const int8_t *const end = weights + run;
    const int8_t *first = weights, *second = end;
    const int8_t *a = x, *b = a + step, *c = b + step;
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3], s4 = sums[4], s5 = sums[5];
    for (; first != end; first += 4, second += 4, a += 4, b += 4, c += 4) {
        ES_UNROLL
        for (int k = 0; k < 4; k++) {
            const int32_t v = first[k], w = second[k];
            s0 += v * a[k];
            s3 += w * a[k];
            ES_KEEP(s0);
            ES_KEEP(s3);
            s1 += v * b[k];
            s4 += w * b[k];
            ES_KEEP(s1);
            ES_KEEP(s4);
            s2 += v * c[k];
            s5 += w * c[k];
            ES_KEEP(s2);
            ES_KEEP(s5);
        }
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
    sums[4] = s4;
    sums[5] = s5;
}

#endif

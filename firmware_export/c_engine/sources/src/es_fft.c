/* es_fft.c: the butterflies. */
#include "es_exact.h"

#include "es_fft.h"

static inline void add_and_subtract(es_complex *a, es_complex *b, es_real re, es_real im)
{
    b->re = a->re - re;
    b->im = a->im - im;
    a->re += re;
    a->im += im;
}

void es_transform(es_complex z[ES_N_FFT / 2 + 1])
{
    const int n = ES_N_FFT / 2;
    for (int half = 1; half < n; half *= 2) {
        for (int start = 0; start < n; start += 2 * half) {
            es_complex *low = z + start, *high = low + half;
            add_and_subtract(low, high, high->re, high->im); /* no turn */
            for (int k = 1; k < half; k++) {
                const es_real *turn = es_turn + 2 * k * (n / half);
                es_complex *b = high + k;
                const es_real re = es_turned(b->re, turn[0], b->im, turn[1]);
                const es_real im = es_turned(b->im, turn[0], -b->re, turn[1]);
                add_and_subtract(low + k, b, re, im);
            }
        }
    }
    z[n] = z[0];
}

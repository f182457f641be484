/* es_fft.c: the butterflies, and untangling the two real halves of the packed transform. */
#include "es_exact.h"

#include "es_fft.h"

/* a * cosine + b * sine. */
#if ES_FRONTEND_FIXED
static inline es_real turned(es_real a, es_real cosine, es_real b, es_real sine)
{
    const int64_t sum = (int64_t)a * cosine + (int64_t)b * sine;
    return (es_real)((sum + (INT64_C(1) << 29)) >> 30);
}
#else
static inline es_real turned(es_real a, es_real cosine, es_real b, es_real sine)
{
    return a * cosine + b * sine;
}
#endif

static inline void add_and_subtract(es_complex *a, es_complex *b, es_real re, es_real im)
{
    b->re = a->re - re;
    b->im = a->im - im;
    a->re += re;
    a->im += im;
}

void es_transform(es_complex *z)
{
    const int n = ES_N_FFT / 2;
    for (int half = 1; half < n; half *= 2) {
        for (int start = 0; start < n; start += 2 * half) {
            es_complex *low = z + start, *high = low + half;
            add_and_subtract(low, high, high->re, high->im); /* no turn */
            for (int k = 1; k < half; k++) {
                const es_real *turn = es_turn + 2 * k * (n / half);
                es_complex *b = high + k;
                const es_real re = turned(b->re, turn[0], b->im, turn[1]);
                const es_real im = turned(b->im, turn[0], -b->re, turn[1]);
                add_and_subtract(low + k, b, re, im);
            }
        }
    }
}

es_complex es_double_bin(const es_complex *z, int k)
{
    const int n = ES_N_FFT / 2;
    const es_complex a = z[k == n ? 0 : k];
    const es_complex b = z[k == 0 ? 0 : n - k];
    const es_real *turn = es_turn + 2 * k;
    const es_real odd_re = a.im + b.im, odd_im = b.re - a.re;
    const es_complex bin = { a.re + b.re + turned(odd_re, turn[0], odd_im, turn[1]),
                             a.im - b.im + turned(odd_im, turn[0], -odd_re, turn[1]) };
    return bin;
}

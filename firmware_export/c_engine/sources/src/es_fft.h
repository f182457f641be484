/* es_fft.h: the spectrum of one real frame, in float32 or in 32-bit fixed point.
 *
 * n real points as n / 2 complex ones: even samples are real, odd ones imaginary parts. Radix 2,
 * decimation in time. Fixed point does not scale: the frame must leave log2(n) bits free.
 */
#ifndef ES_FFT_H
#define ES_FFT_H

#include <stdint.h>

#include "es_frontend.h"

#if ES_FRONTEND_FIXED
typedef int32_t es_real;
#define es_turn es_turn_fixed /* Q30 */
#else
typedef float es_real;
#define es_turn es_turn_float
#endif

typedef struct {
    es_real re, im;
} es_complex;

/* a * cosine + b * sine. */
#if ES_FRONTEND_FIXED
static inline es_real es_turned(es_real a, es_real cosine, es_real b, es_real sine)
{
    const int64_t sum = (int64_t)a * cosine + (int64_t)b * sine;
    return (es_real)((sum + (INT64_C(1) << 29)) >> 30);
}
#else
static inline es_real es_turned(es_real a, es_real cosine, es_real b, es_real sine)
{
    return a * cosine + b * sine;
}
#endif

/* In place. z: ES_N_FFT / 2 pairs of neighbouring samples, in the order of es_bit_reversed; the
 * first result is repeated behind the last. */
void es_transform(es_complex z[ES_N_FFT / 2 + 1]);

/* Twice the value of bin k (0 to ES_N_FFT / 2) of the real frame, from its packed transform: the
 * two real halves untangled. */
static inline es_complex es_double_bin(const es_complex z[ES_N_FFT / 2 + 1], int k)
{
    const es_complex a = z[k], b = z[ES_N_FFT / 2 - k];
    const es_real *turn = es_turn + 2 * k;
    const es_real odd_re = a.im + b.im, odd_im = b.re - a.re;
    const es_complex bin = { a.re + b.re + es_turned(odd_re, turn[0], odd_im, turn[1]),
                             a.im - b.im + es_turned(odd_im, turn[0], -odd_re, turn[1]) };
    return bin;
}

#endif

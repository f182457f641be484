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

/* In place. z: ES_N_FFT / 2 pairs of neighbouring samples, in the order of es_bit_reversed. */
void es_transform(es_complex *z);

/* Twice the value of bin k (0 to ES_N_FFT / 2) of the real frame, from its packed transform. */
es_complex es_double_bin(const es_complex *z, int k);

#endif

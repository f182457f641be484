/* es_frontend_float.c: the front-end in float32, for cores with a floating-point unit.
 *
 * Only +, -, *, / and comparisons, in a fixed order, no library function and no contraction:
 * every IEEE machine gives the same bits.
 */
#include "es_exact.h"

#include "es_frontend.h"

#include <string.h>

#include "es_fft.h"

#if !ES_FRONTEND_FIXED

#define FULL_SCALE 32768.0f

void es_frontend_set_level(es_frontend *frontend, float mean, float variance)
{
    frontend->level.mean = mean;
    frontend->level.square = variance;
    frontend->level.fixed = true;
}

static void hear_hop(es_level *level, const int16_t *hop)
{
    int32_t sum;
    int64_t squares;
    es_count_hop(level, hop, &sum, &squares);
    const float share = 1.0f / (float)level->hops;
    const float mean = (float)sum * (1.0f / ((float)ES_HOP * FULL_SCALE));
    const float square = (float)squares * (1.0f / ((float)ES_HOP * FULL_SCALE * FULL_SCALE));
    level->mean += share * (mean - level->mean);
    level->square += share * (square - level->square);
}

static float variance_of(const es_level *level)
{
    if (level->fixed) {
        return level->square;
    }
    const float variance = level->square - level->mean * level->mean;
    return variance > 0.0f ? variance : 0.0f;
}

/* In two passes: the first is one of neighbours, which compilers vectorise. */
static void load_frame(const es_frontend *frontend, es_complex *z)
{
    float frame[ES_N_FFT];
    const float mean = frontend->level.mean;
    for (int i = 0; i < ES_N_FFT; i++) {
        const float x = (float)frontend->heard[i] * (1.0f / FULL_SCALE) - mean;
        frame[i] = x * es_window_float[i];
    }
    for (int i = 0; i < frontend->unheard; i++) {
        frame[i] = 0.0f;
    }
    for (int i = 0; i < ES_N_FFT / 2; i++) {
        const es_complex pair = { frame[2 * i], frame[2 * i + 1] };
        z[es_bit_reversed[i]] = pair;
    }
}

/* Base-2 logarithm of a positive normal number, absolute error below 1e-6: the exponent from the
 * bits, the mantissa in [sqrt(1/2), sqrt(2)) by the series of the inverse hyperbolic tangent. */
static float logarithm(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int32_t shifted = (int32_t)(bits - UINT32_C(0x3F3504F3)); /* sqrt(1/2) */
    const int32_t exponent = shifted >> 23;
    bits = ((uint32_t)shifted & UINT32_C(0x007FFFFF)) + UINT32_C(0x3F3504F3);
    float mantissa;
    memcpy(&mantissa, &bits, sizeof mantissa);
    const float s = (mantissa - 1.0f) / (mantissa + 1.0f);
    const float s2 = s * s;
    const float tail = (s2 * 0.3205989f + 0.41219859f) * s2 + 0.57707802f;
    return (float)exponent + s * ((tail * s2 + 0.9617967f) * s2 + 2.88539f);
}

/* Nearest code, ties to even: adding 1.5 * 2^23 leaves no room for a fraction. */
static int8_t code_of(float value)
{
    const float bounded = value < -512.0f ? -512.0f : value > 512.0f ? 512.0f : value;
    const float shifted = bounded + 12582912.0f;
    const int32_t code = (int32_t)(shifted - 12582912.0f) + ES_INPUT_ZERO;
    return (int8_t)(code < -128 ? -128 : code > 127 ? 127 : code);
}

/* Four times the squared magnitude of each bin. */
static void load_power(const es_complex *z, float *power)
{
    for (int k = 0; k <= ES_N_FFT / 2; k++) {
        const es_complex bin = es_double_bin(z, k);
        power[k] = bin.re * bin.re + bin.im * bin.im;
    }
}

static void load_energies(const float *power, float *energies)
{
    const float *weight = es_mel_float;
    for (int band = 0; band < ES_MELS; band++) {
        const float *bins = power + es_mel_first[band];
        const int count = es_mel_count[band];
        float energy = 0.0f;
        for (int i = 0; i < count; i++) {
            energy += *weight++ * bins[i];
        }
        energies[band] = energy;
    }
}

void es_frontend_row(es_frontend *frontend, int8_t *codes)
{
    es_complex z[ES_N_FFT / 2 + 1];
    float power[ES_N_FFT / 2 + 1], energies[ES_MELS];
    if (!frontend->level.fixed) {
        hear_hop(&frontend->level, frontend->heard + (ES_N_FFT - ES_HOP));
    }
    load_frame(frontend, z);
    es_transform(z);
    load_power(z, power);
    load_energies(power, energies);
    const float gain = 0.25f / (variance_of(&frontend->level) + ES_LEVEL_EPS);
    for (int band = 0; band < ES_MELS; band++) {
        const float energy = energies[band] * gain;
        const float floored = energy > ES_LOG_FLOOR ? energy : ES_LOG_FLOOR;
        codes[band] = code_of(logarithm(floored) * ES_CODES_PER_OCTAVE + ES_CODE_OFFSET);
    }
}

#else
typedef int es_frontend_float_unused; /* C99 wants a declaration in every file */
#endif

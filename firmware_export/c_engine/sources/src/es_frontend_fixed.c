/* es_frontend_fixed.c: the front-end in integers, for cores without a floating-point unit.
 *
 * Block floating point: a windowed frame is scaled so that its largest sample has 23 bits, the
 * spectrum's power so that its largest bin has 32. The exponents come back in the logarithm, which is where
 * everything ends. Level and logarithm are Q16.
 */
#include "es_frontend.h"

#include "es_fft.h"

#if ES_FRONTEND_FIXED

enum {
    SAMPLE_BITS = 12, /* fraction of a sample once its mean is taken away */
    FRAME_BITS = 23   /* of the largest windowed sample: the transform adds at most 7 */
};

void es_frontend_set_level(es_frontend *frontend, float mean, float variance)
{
    const float full_scale = 32768.0f, q16 = 65536.0f;
    frontend->level.mean = (int64_t)(mean * full_scale * q16);
    frontend->level.square = (int64_t)(variance * full_scale * full_scale * q16);
    frontend->level.fixed = true;
}

static void hear_hop(es_level *level, const int16_t *hop)
{
    int32_t sum;
    int64_t squares;
    es_count_hop(level, hop, &sum, &squares);
    const int64_t mean = (int64_t)sum * 65536 / ES_HOP;
    const int64_t square = squares * 65536 / ES_HOP;
    level->mean += (mean - level->mean) / (int64_t)level->hops;
    level->square += (square - level->square) / (int64_t)level->hops;
}

static uint64_t variance_of(const es_level *level)
{
    if (level->fixed) {
        return (uint64_t)level->square;
    }
    const int64_t variance = level->square - ((level->mean * level->mean) >> 16);
    return variance > 0 ? (uint64_t)variance : 0;
}

static int bits_of(uint64_t x)
{
    const uint32_t high = (uint32_t)(x >> 32);
    int bits = high != 0 ? 32 : 0;
    uint32_t low = high != 0 ? high : (uint32_t)x;
    for (int step = 16; step > 0; step /= 2) {
        if (low >> step != 0) {
            bits += step;
            low >>= step;
        }
    }
    return bits + (int)low;
}

/* Q16 logarithm to base 2 of a positive number: its bits, and a table of its mantissa with
 * straight lines between the entries. */
static int32_t logarithm(uint64_t x)
{
    const int bits = bits_of(x);
    /* 16 bits behind the leading one */
    const uint32_t mantissa =
        (uint32_t)(bits > 17 ? x >> (bits - 17) : x << (17 - bits)) & UINT32_C(0xFFFF);
    const uint32_t index = mantissa / (65536 / ES_LOG2_STEPS);
    const uint32_t rest = mantissa % (65536 / ES_LOG2_STEPS);
    const uint32_t from = es_log2_fixed[index], to = es_log2_fixed[index + 1];
    const uint32_t fraction = from + (to - from) * rest / (65536 / ES_LOG2_STEPS);
    return (bits - 1) * 65536 + (int32_t)fraction;
}

static int32_t scaled(int32_t x, int shift)
{
    return shift >= 0 ? (int32_t)((uint32_t)x << shift) : x >> -shift;
}

/* A windowed sample less the mean; zero before the signal. */
static int32_t windowed(const es_frontend *frontend, int i)
{
    const int32_t mean = (int32_t)(frontend->level.mean >> (16 - SAMPLE_BITS));
    const int64_t levelled = frontend->heard[i] * (1 << SAMPLE_BITS) - mean;
    return i < frontend->unheard ? 0 : (int32_t)((levelled * es_window_fixed[i]) >> 16);
}

/* Returns the power of two by which the frame was scaled. */
static int load_frame(const es_frontend *frontend, es_complex *z)
{
    int32_t frame[ES_N_FFT];
    uint32_t all = 0;
    for (int i = 0; i < ES_N_FFT; i++) {
        frame[i] = windowed(frontend, i);
        all |= (uint32_t)(frame[i] < 0 ? -frame[i] : frame[i]);
    }
    const int shift = FRAME_BITS - bits_of(all);
    for (int i = 0; i < ES_N_FFT; i++) {
        es_complex *to = z + es_bit_reversed[i / 2];
        *(i % 2 == 0 ? &to->re : &to->im) = scaled(frame[i], shift);
    }
    return shift;
}

/* power: of each bin, shifted right so that the largest has 32 bits; returns by how much. */
static int load_power(const es_complex *z, uint32_t *power)
{
    uint64_t exact[ES_N_FFT / 2 + 1];
    uint64_t all = 0;
    for (int k = 0; k <= ES_N_FFT / 2; k++) {
        const es_complex bin = es_double_bin(z, k);
        exact[k] = (uint64_t)((int64_t)bin.re * bin.re) + (uint64_t)((int64_t)bin.im * bin.im);
        all |= exact[k];
    }
    const int bits = bits_of(all);
    const int shift = bits > 32 ? bits - 32 : 0;
    for (int k = 0; k <= ES_N_FFT / 2; k++) {
        power[k] = (uint32_t)(exact[k] >> shift);
    }
    return shift;
}

/* Q16 logarithm of energy over variance -> code. */
static int8_t code_of(int32_t octaves)
{
    const int32_t floored = octaves > ES_LOG_FLOOR_Q16 ? octaves : ES_LOG_FLOOR_Q16;
    const int64_t product = (int64_t)floored * ES_CODES_PER_OCTAVE_Q16 + ES_CODE_OFFSET_Q32;
    const int32_t code = (int32_t)((product + (INT64_C(1) << 31)) >> 32) + ES_INPUT_ZERO;
    return (int8_t)(code < -128 ? -128 : code > 127 ? 127 : code);
}

void es_frontend_row(es_frontend *frontend, int8_t *codes)
{
    es_complex z[ES_N_FFT / 2 + 1];
    uint32_t power[ES_N_FFT / 2 + 1];
    if (!frontend->level.fixed) {
        hear_hop(&frontend->level, frontend->heard + (ES_N_FFT - ES_HOP));
    }
    const int frame_shift = load_frame(frontend, z);
    es_transform(z);
    const int power_shift = load_power(z, power);
    /* Four times the power, the sample's fraction, the mel weights' scale, the variance's. */
    const int exponent = power_shift - 2 - 2 * (SAMPLE_BITS + frame_shift) - ES_MEL_BITS + 16;
    const int32_t offset =
        exponent * 65536 - logarithm(variance_of(&frontend->level) + ES_LEVEL_EPS_Q16);
    const uint32_t *weight = es_mel_fixed;
    for (int band = 0; band < ES_MELS; band++) {
        uint64_t energy = 0;
        for (int i = 0; i < es_mel_count[band]; i++) {
            energy += (uint64_t)*weight++ * power[es_mel_first[band] + i];
        }
        codes[band] = code_of(energy == 0 ? INT32_MIN : logarithm(energy) + offset);
    }
}

#else
typedef int es_frontend_fixed_unused; /* C99 wants a declaration in every file */
#endif

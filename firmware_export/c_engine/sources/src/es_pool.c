/* es_pool.c: sums over time, and the float head that reads them. */
#include "es_exact.h"

#include "es_pool.h"

#include <string.h>

void es_sums_reset(es_sums *sums)
{
    memset(sums, 0, sizeof *sums);
}

void es_sums_add_frame(es_sums *sums, const es_act *values, const es_act *scores)
{
    for (int i = 0; i < ES_FEATURES; i++) {
        const float weight = es_exp[scores[i] + 128];
        sums->denominator[i] += weight;
        sums->numerator[i] += weight * (float)values[i];
    }
}

void es_sums_add(es_sums *sums, const es_sums *other)
{
    for (int i = 0; i < ES_FEATURES; i++) {
        sums->denominator[i] += other->denominator[i];
        sums->numerator[i] += other->numerator[i];
    }
}

#if ES_SECOND_ORDER
/* Products x xT of the features as a channels x channels matrix, each summed over the bands. */
static float second_order(const float *pooled, const float *weights)
{
    float sum = 0.0f;
    for (int a = 0; a < ES_CHANNELS; a++) {
        for (int b = 0; b < ES_CHANNELS; b++) {
            float product = 0.0f;
            for (int band = 0; band < ES_BANDS; band++) {
                const float *x = pooled + band * ES_CHANNELS;
                product += x[a] * x[b];
            }
            sum += product * *weights++;
        }
    }
    return sum;
}
#endif

static float linear(const float *pooled, int output)
{
    const float *weights = es_head_weights + output * ES_HEAD_WIDTH;
    float sum = es_head_bias[output];
    for (int i = 0; i < ES_FEATURES; i++) {
        sum += pooled[i] * weights[i];
    }
#if ES_SECOND_ORDER
    sum += second_order(pooled, weights + ES_FEATURES);
#endif
    return sum;
}

void es_sums_read(es_sums *sums, float adv[3])
{
    float *pooled = sums->numerator;
    for (int i = 0; i < ES_FEATURES; i++) {
        const float code = sums->numerator[i] / sums->denominator[i];
        pooled[i] = (code - (float)ES_VALUES_ZERO) * ES_VALUES_SCALE;
    }
    for (int output = 0; output < 3; output++) {
        adv[output] = linear(pooled, output);
    }
}

/* conv_rows.c: output rows of random convolutions, one checksum a line, from the compiled kernel.
 *
 *     conv_rows SEED COUNT
 *
 * Layers have any shape, the largest weights and codes, and shifts of any size; sums stay within
 * what layout.py allows. What lies around an output row takes part in its checksum.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/es_choice.h"
#include "kernels/es_conv.h"

#define ALIGNED __attribute__((aligned(16)))

enum { WEIGHTS = 1 << 16, CHANNELS = 64, ROWS = 1 << 13, OUT = 1 << 12, MARGIN = 64 };

static uint64_t state;
static int8_t weights[WEIGHTS] ALIGNED, shift[CHANNELS];
static int32_t bias[CHANNELS], multiplier[CHANNELS];
static es_act rows[ROWS] ALIGNED, out[OUT] ALIGNED;

static uint32_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static int between(int least, int most)
{
    return least + (int)(draw() % (uint32_t)(most - least + 1));
}

static int round_up(int value, int multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

static es_layer draw_layer(int limited)
{
    es_layer layer;
    memset(&layer, 0, sizeof layer);
    layer.kind = ES_CONV;
    layer.kernel_t = (uint8_t)between(1, 4);
    layer.kernel_f = (uint8_t)between(1, 5);
    layer.stride_f = (uint8_t)between(1, 2);
    layer.channels_in = (uint16_t)between(1, 20);
    layer.cell = (uint16_t)round_up(layer.channels_in, ES_LAYOUT_DSP ? 2 : 1);
    layer.channels_out = (uint16_t)between(1, 40);
    layer.bands_out = (uint16_t)between(1, 20);
    layer.pitch = (uint16_t)(layer.kernel_t * layer.cell);
    layer.run = (uint16_t)round_up(layer.kernel_f * layer.pitch, ES_RUN_MULTIPLE);
    layer.zero_out = (int8_t)between(-128, 127);
    layer.low = (int8_t)(limited ? between(-128, 0) : -128);
    layer.high = (int8_t)(limited ? between(0, 127) : 127);
    layer.weights = weights;
    layer.bias = bias;
    layer.multiplier = multiplier;
    layer.shift = shift;
    return layer;
}

static void store_weight(const es_layer *layer, int channel, int k, int weight)
{
#if ES_LAYOUT_DSP
    int8_t *pair = weights + 2 * (channel / 2 * layer->run + k);
    const int before = pair[1] * 256 + (uint8_t)pair[0];
    const int both = before + (channel % 2 ? 256 * weight : weight);
    pair[0] = (int8_t)(both & 0xff);
    pair[1] = (int8_t)(both >> 8);
#else
    weights[es_weight_index(layer, channel, k)] = (int8_t)weight;
#endif
}

/* Returns the sum of the channel's weights. */
static int draw_weights(const es_layer *layer, int channel, int extreme)
{
    int sum = 0;
    for (int k = 0; k < layer->kernel_f * layer->pitch; k++) {
        const int weight = extreme ? (draw() % 2 ? 127 : -127) : between(-127, 127);
        store_weight(layer, channel, k, weight);
        sum += weight;
    }
    return sum;
}

static void draw_channel(const es_layer *layer, int channel, int extreme)
{
    const int sum = draw_weights(layer, channel, extreme);
    const int left = between(0, 3) == 0 ? between(1, 6) : 0;
    const int32_t largest = INT32_C(1) << (left > 0 ? 20 - left : 28);
    shift[channel] = (int8_t)(left > 0 ? left : between(draw() % 2 ? -14 : -29, 0));
    multiplier[channel] = (int32_t)(UINT32_C(0x40000000) + draw() % UINT32_C(0x40000000));
    bias[channel] = draw() % 2 ? between(-3000, 3000) : between(-largest, largest);
    bias[channel] -= ES_UNSIGNED_ACTIVATIONS ? 128 * sum : 0;
}

static uint32_t checksum(void)
{
    uint32_t sum = UINT32_C(2166136261);
    for (int i = 0; i < OUT; i++) {
        sum = (sum ^ (uint8_t)out[i]) * UINT32_C(16777619);
    }
    return sum;
}

static void one_row(void)
{
    const int extreme = draw() % 4 == 0;
    memset(weights, 0, sizeof weights);
    memset(shift, 0, sizeof shift);
    memset(bias, 0, sizeof bias);
    memset(multiplier, 0, sizeof multiplier);
    const es_layer layer = draw_layer(draw() % 3 == 0);
    for (int channel = 0; channel < layer.channels_out; channel++) {
        draw_channel(&layer, channel, extreme);
    }
    for (int i = 0; i < ROWS; i++) {
        rows[i] = (es_act)(extreme ? (draw() % 2 ? 127 : -128) : between(-128, 127));
        out[i % OUT] = 0x55;
    }
    es_conv_row(&layer, rows, out + MARGIN, layer.channels_out + between(0, 5));
    printf("%08lx\n", (unsigned long)checksum());
}

int main(int count, char **words)
{
    const long layers = count > 2 ? atol(words[2]) : 0;
    state = UINT64_C(88172645463325252) ^ (count > 1 ? strtoull(words[1], NULL, 10) << 20 : 0);
    printf("%s\n", es_kernels());
    for (long i = 0; i < layers; i++) {
        one_row();
    }
    return 0;
}

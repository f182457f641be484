/* fuzz_push.c: libFuzzer target. The input is a list of calls with hostile arguments: chunks of any
 * size and content, resets, ends, levels that are no numbers. Sanitizers watch; the values must be
 * finite and a refused call must stay refused. Without libFuzzer, FUZZ_REPLAY reads inputs from
 * standard input, one after the other. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "edge_ser.h"

enum { LARGEST_CHUNK = 2048 };

static uint8_t take(const uint8_t **data, size_t *size)
{
    if (*size == 0) {
        return 0;
    }
    --*size;
    return *(*data)++;
}

static float take_float(const uint8_t **data, size_t *size)
{
    uint32_t bits = 0;
    float value;
    for (int i = 0; i < 4; i++) {
        bits = bits << 8 | take(data, size);
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void push_chunk(edge_ser *engine, const uint8_t **data, size_t *size)
{
    int16_t chunk[LARGEST_CHUNK];
    const size_t count = ((size_t)take(data, size) * 8 + take(data, size) % 8) % LARGEST_CHUNK;
    const uint8_t first = take(data, size), step = take(data, size);
    for (size_t i = 0; i < count; i++) {
        chunk[i] = (int16_t)(uint16_t)((first + i * step) * 2654435761u >> 8);
    }
    edge_ser_push(engine, chunk, count);
}

static void check(const edge_ser *engine)
{
    const edge_ser_result now = edge_ser_get_result(engine);
    const float values[3] = { now.arousal, now.dominance, now.valence };
    for (int i = 0; i < 3; i++) {
        if (!(values[i] > -1e3f && values[i] < 1e3f) || (!now.ready && values[i] != 0.0f)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *memory = malloc(edge_ser_get_buffer_size());
    edge_ser *engine = edge_ser_init(memory, edge_ser_get_buffer_size());
    if (engine == NULL) {
        abort();
    }
    while (size > 0) {
        switch (take(&data, &size) % 8) {
        case 0:
            edge_ser_reset(engine);
            break;
        case 1:
            edge_ser_finish(engine);
            break;
        case 2: {
            const float mean = take_float(&data, &size);
            edge_ser_set_level(engine, mean, take_float(&data, &size));
            break;
        }
        default:
            push_chunk(engine, &data, &size);
        }
        check(engine);
    }
    free(memory);
    return 0;
}

#ifdef FUZZ_REPLAY
#include <stdio.h>

int main(void)
{
    static uint8_t input[65536];
    const size_t size = fread(input, 1, sizeof input, stdin);
    for (size_t start = 0; start < size; start += 64) {
        LLVMFuzzerTestOneInput(input + start, size - start < 64 ? size - start : 64);
    }
    return 0;
}
#endif

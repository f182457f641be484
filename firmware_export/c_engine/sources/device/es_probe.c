/* es_probe.c: a server around the engine, for tests on emulated and real devices.
 *
 * The host sends one letter and its binary arguments (little-endian), the device answers each
 * with one line of text:
 *
 *     H               H edge-ser <version> <model sha256> <kernels> <frontend> <buffer bytes>
 *     R               reset
 *     L f32 f32       fixed level: mean, variance
 *     P u16 n*i16     push n samples, n <= 512
 *     Q               Q <ready> <arousal> <dominance> <valence> <rows> <crc codes> <crc outputs>
 *     F               finish, then as Q
 *     B u16 n         push the last chunk again and again until n * 8000 samples are in, between
 *                     the marks of es_measure.h
 *     M               M <stack peak> <static bytes>; 0 where unknown
 *     X               end the program
 *
 * Floats are printed as the hexadecimal digits of their bits, and every code of the front-end and
 * of the backbone enters a CRC: two devices agree exactly or not at all. Not for production.
 */
#include "edge_ser.h"
#include "es_board.h"
#include "es_crc32.h"
#include "es_internal.h"
#include "es_measure.h"
#include "es_text.h"
#include "es_transport.h"

#if ES_FRONTEND_FIXED
#define FRONTEND "fixed"
#else
#define FRONTEND "float"
#endif

enum { CHUNK = 512, BURST_UNIT = 8000 };

typedef struct {
    edge_ser *engine;
    int16_t chunk[CHUNK];
    size_t in_chunk;
    uint32_t rows; /* backbone output frames since reset */
    uint32_t codes_crc, outputs_crc;
} probe;

static void observe_codes(void *context, const int8_t *codes, int count)
{
    probe *p = context;
    p->codes_crc = es_crc32(p->codes_crc, codes, (size_t)count);
}

static void observe_outputs(void *context, const int8_t *values, const int8_t *scores, int count)
{
    probe *p = context;
    p->rows++;
    p->outputs_crc = es_crc32(p->outputs_crc, values, (size_t)count);
    p->outputs_crc = es_crc32(p->outputs_crc, scores, (size_t)count);
}

static uint32_t get_bytes(int count)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++) {
        value |= (uint32_t)(es_transport_get() & 0xff) << (8 * i);
    }
    return value;
}

static float get_float(void)
{
    const union {
        uint32_t bits;
        float value;
    } both = {.bits = get_bytes(4)};
    return both.value;
}

static void put_float(float value)
{
    const union {
        float value;
        uint32_t bits;
    } both = {.value = value};
    es_text(" ");
    es_text_hexadecimal(both.bits);
}

static void put_number(uint32_t number)
{
    es_text(" ");
    es_text_decimal(number);
}

static void hello(void)
{
    es_text("H edge-ser ");
    es_text(edge_ser_version());
    es_text(" ");
    es_text(edge_ser_model_sha256());
    es_text(" ");
    es_text(edge_ser_kernels());
    es_text(" " FRONTEND);
    put_number((uint32_t)edge_ser_get_buffer_size());
}

static void reset(probe *p)
{
    edge_ser_reset(p->engine);
    p->rows = 0;
    p->codes_crc = 0;
    p->outputs_crc = 0;
    es_text("R");
}

static void set_level(probe *p)
{
    const float mean = get_float();
    const float variance = get_float();
    edge_ser_set_level(p->engine, mean, variance);
    es_text("L");
}

static void push(probe *p)
{
    const size_t count = get_bytes(2);
    for (size_t i = 0; i < count; i++) {
        const int16_t sample = (int16_t)get_bytes(2);
        if (i < CHUNK) {
            p->chunk[i] = sample;
        }
    }
    if (count > CHUNK) {
        es_text("E a chunk has at most 512 samples");
        return;
    }
    p->in_chunk = count;
    edge_ser_push(p->engine, p->chunk, count);
    es_text("P");
}

static void result(const probe *p, const char *letter)
{
    const edge_ser_result now = edge_ser_get_result(p->engine);
    es_text(letter);
    put_number(now.ready ? 1 : 0);
    put_float(now.arousal);
    put_float(now.dominance);
    put_float(now.valence);
    put_number(p->rows);
    es_text(" ");
    es_text_hexadecimal(p->codes_crc);
    es_text(" ");
    es_text_hexadecimal(p->outputs_crc);
}

static void push_repeatedly(probe *p, size_t samples)
{
    while (samples > 0) {
        const size_t count = samples < p->in_chunk ? samples : p->in_chunk;
        edge_ser_push(p->engine, p->chunk, count);
        samples -= count;
    }
}

static void burst(probe *p)
{
    const size_t samples = (size_t)get_bytes(2) * BURST_UNIT;
    if (p->in_chunk == 0) {
        es_text("E push a chunk first");
        return;
    }
    /* The observers' CRCs are the probe's own work and must not be counted. */
    es_set_observer(p->engine, NULL, NULL, NULL);
    es_measure_begin();
    push_repeatedly(p, samples);
    es_measure_end();
    es_set_observer(p->engine, observe_codes, observe_outputs, p);
    es_text("B");
}

static void memory(void)
{
    es_text("M");
    put_number(es_board_stack_peak());
    put_number(es_board_static_bytes());
}

/* Answer one command; false after the last. */
static bool answer(probe *p, int command)
{
    switch (command) {
    case 'H':
        hello();
        break;
    case 'R':
        reset(p);
        break;
    case 'L':
        set_level(p);
        break;
    case 'P':
        push(p);
        break;
    case 'Q':
        result(p, "Q");
        break;
    case 'F':
        edge_ser_finish(p->engine);
        result(p, "F");
        break;
    case 'B':
        burst(p);
        break;
    case 'M':
        memory();
        break;
    case 'X':
        es_text("X");
        break;
    default:
        es_text("E unknown command");
        break;
    }
    es_text_end();
    return command != 'X';
}

int main(void)
{
    static probe p; /* its chunk would be a large part of a small stack */
    const size_t size = edge_ser_get_buffer_size();
    int command = 0;
    es_transport_start();
    p.engine = edge_ser_init(es_board_memory(size), size);
    if (p.engine == NULL) {
        es_text("E not enough memory");
        es_text_end();
        es_board_exit(1);
    }
    es_set_observer(p.engine, observe_codes, observe_outputs, &p);
    do {
        command = es_transport_get();
    } while (command >= 0 && answer(&p, command));
    es_board_exit(0);
    return 0;
}

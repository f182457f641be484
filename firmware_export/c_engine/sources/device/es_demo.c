/* es_demo.c: the engine in a firmware: a sound from flash goes in as a microphone would deliver
 * it, 10 ms at a time, and every new reading is printed.
 *
 * A product replaces the loop's input by its microphone's buffers and printing by what it does
 * with the values; the rest stays.
 */
#include "edge_ser.h"
#include "es_board.h"
#include "es_demo_clip.h"
#include "es_text.h"
#include "es_transport.h"

enum { STEP = EDGE_SER_SAMPLE_RATE / 100 };

static void print_value(const char *name, float value)
{
    es_text(name);
    es_text_thousandths((int32_t)(value * 1000.0f + (value < 0.0f ? -0.5f : 0.5f)));
}

static void print_reading(uint32_t samples, edge_ser_result now)
{
    es_text_thousandths((int32_t)(samples / (EDGE_SER_SAMPLE_RATE / 1000)));
    print_value(" s  arousal ", now.arousal);
    print_value("  dominance ", now.dominance);
    print_value("  valence ", now.valence);
    es_text_end();
}

static void print_memory(void)
{
    if (es_board_static_bytes() == 0) { /* unknown */
        return;
    }
    es_text("RAM: ");
    es_text_decimal(es_board_static_bytes());
    es_text(" bytes and ");
    es_text_decimal(es_board_stack_peak());
    es_text(" of stack");
    es_text_end();
}

static void listen(edge_ser *engine)
{
    uint32_t printed = 0;
    for (uint32_t at = 0; at < es_demo_clip_samples;) {
        const uint32_t left = es_demo_clip_samples - at;
        const uint32_t count = left < STEP ? left : STEP;
        edge_ser_push(engine, &es_demo_clip[at], count);
        at += count;
        const edge_ser_result now = edge_ser_get_result(engine);
        if (now.ready && now.blocks != printed) {
            printed = now.blocks;
            print_reading(at, now);
        }
    }
    edge_ser_finish(engine);
    print_reading(es_demo_clip_samples, edge_ser_get_result(engine));
}

int main(void)
{
    const size_t size = edge_ser_get_buffer_size();
    es_transport_start();
    edge_ser *engine = edge_ser_init(es_board_memory(size), size);
    if (engine == NULL) {
        es_text("not enough RAM for the engine");
        es_text_end();
        return 1;
    }
    es_text("edge-ser ");
    es_text(edge_ser_version());
    es_text(", kernels ");
    es_text(edge_ser_kernels());
    es_text_end();
    listen(engine);
    print_memory();
    return 0;
}

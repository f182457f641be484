/* edge_ser.c: the public functions: frames into blocks, blocks into a window, a window read. */
#include "es_internal.h"

#include <string.h>

#include "kernels/es_conv.h"

size_t edge_ser_get_buffer_size(void)
{
    return sizeof(edge_ser);
}

edge_ser *edge_ser_init(void *buffer, size_t size)
{
    if (buffer == NULL || size < sizeof(edge_ser) || (uintptr_t)buffer % 8 != 0) {
        return NULL;
    }
    edge_ser *engine = buffer;
    memset(engine, 0, sizeof *engine);
    edge_ser_reset(engine);
    return engine;
}

void edge_ser_reset(edge_ser *engine)
{
    es_frontend_reset(&engine->frontend);
    es_backbone_reset(&engine->backbone);
    memset(engine->blocks, 0, sizeof engine->blocks);
    memset(&engine->result, 0, sizeof engine->result);
    engine->block_rows = 0;
    engine->finished = false;
}

/* Not a number becomes `low`. */
static float bounded(float x, float low, float high)
{
    return x > low ? (x < high ? x : high) : low;
}

void edge_ser_set_level(edge_ser *engine, float mean, float variance)
{
    es_frontend_set_level(&engine->frontend, bounded(mean, -1.0f, 1.0f),
                          bounded(variance, 0.0f, 1.0f));
}

edge_ser_result edge_ser_get_result(const edge_ser *engine)
{
    return engine->result;
}

/* The window is all slots: those of completed blocks, and zeros where there were none yet. */
static void read_window(edge_ser *engine)
{
    float adv[3];
    es_sums *sums = &engine->window;
    es_sums_reset(sums);
    for (int block = 0; block < ES_WINDOW_BLOCKS; block++) {
        es_sums_add(sums, &engine->blocks[block]);
    }
    es_sums_read(sums, adv);
    engine->result.arousal = adv[0];
    engine->result.dominance = adv[1];
    engine->result.valence = adv[2];
    engine->result.ready = true;
    if (engine->observe_reading != NULL) {
        engine->observe_reading(engine->observer_context, &engine->result);
    }
}

static es_sums *current_block(edge_ser *engine)
{
    return &engine->blocks[engine->result.blocks % ES_WINDOW_BLOCKS];
}

/* A block that is shorter than a stride of rows has no output frame yet. */
static bool block_is_empty(const edge_ser *engine)
{
    return engine->block_rows < ES_TIME_STRIDE;
}

static void complete_block(edge_ser *engine)
{
    engine->result.blocks++;
    if (engine->result.blocks >= ES_FIRST_BLOCKS) {
        read_window(engine);
    }
}

/* Observers get int8 codes, however wide they are stored. */
static void observe_outputs(const edge_ser *engine, const es_act *values, const es_act *scores)
{
    int8_t codes[2][ES_FEATURES];
    for (int i = 0; i < ES_FEATURES; i++) {
        codes[0][i] = (int8_t)values[i];
        codes[1][i] = (int8_t)scores[i];
    }
    engine->observe_outputs(engine->observer_context, codes[0], codes[1], ES_FEATURES);
}

static void take_frame(void *context, const es_act *values, const es_act *scores)
{
    edge_ser *engine = context;
    if (engine->observe_outputs != NULL) {
        observe_outputs(engine, values, scores);
    }
    if (block_is_empty(engine)) {
        es_sums_reset(current_block(engine)); /* it takes the slot of the oldest one */
    }
    es_sums_add_frame(current_block(engine), values, scores);
    engine->block_rows += ES_TIME_STRIDE;
    if (engine->block_rows >= ES_BLOCK_ROWS) {
        engine->block_rows -= ES_BLOCK_ROWS;
        complete_block(engine);
    }
}

void edge_ser_push(edge_ser *engine, const int16_t *samples, size_t count)
{
    int8_t codes[ES_MELS];
    while (count > 0 && !engine->finished) {
        const uint32_t offered = count < ES_HOP ? (uint32_t)count : ES_HOP;
        bool complete;
        const uint32_t taken =
            es_frontend_take(&engine->frontend, samples, offered, codes, &complete);
        samples += taken;
        count -= taken;
        if (complete) {
            if (engine->observe_codes != NULL) {
                engine->observe_codes(engine->observer_context, codes, ES_MELS);
            }
            es_backbone_push(&engine->backbone, codes, take_frame, engine);
        }
    }
}

void edge_ser_finish(edge_ser *engine)
{
    if (engine->finished) {
        return;
    }
    engine->finished = true;
    es_backbone_finish(&engine->backbone, take_frame, engine);
    if (!block_is_empty(engine)) {
        engine->result.blocks++;
        read_window(engine);
    } else if (engine->result.blocks > 0 && !engine->result.ready) {
        read_window(engine);
    }
}

void es_set_observer(edge_ser *engine, es_codes_observer codes, es_outputs_observer outputs,
                     void *context)
{
    engine->observe_codes = codes;
    engine->observe_outputs = outputs;
    engine->observer_context = context;
}

void es_set_reading_observer(edge_ser *engine, es_reading_observer reading)
{
    engine->observe_reading = reading;
}

const char *edge_ser_version(void)
{
    return ES_VERSION;
}

const char *edge_ser_model_sha256(void)
{
    return ES_MODEL_SHA256;
}

const char *edge_ser_kernels(void)
{
    return es_kernels();
}

/* es_backbone.c: where rows are stored, and the way of a row through the layers. */
#include "es_backbone.h"

#include <string.h>

#include "kernels/es_conv.h"

static void fill(es_act *to, uint32_t count, es_act value)
{
    for (uint32_t i = 0; i < count; i++) {
        to[i] = value;
    }
}

/* The oldest cell of the first band. */
static es_act *rows_of(es_backbone *backbone, int index)
{
    return backbone->stored + es_layers[index].buffer + backbone->windows[index].start;
}

/* Forward; may move up to seven bytes more. C libraries of small cores move byte by byte. */
static void move_back(es_act *to, const es_act *from, uint32_t count)
{
    uint64_t block;
    const uint32_t step = sizeof block / sizeof *to;
    for (uint32_t i = 0; i < count; i += step) {
        memcpy(&block, from + i, sizeof block);
        memcpy(to + i, &block, sizeof block);
    }
}

/* Forget the oldest row, if the kernel has more than one. */
static void slide(es_backbone *backbone, int index)
{
    const es_layer *layer = &es_layers[index];
    es_window *window = &backbone->windows[index];
    window->start += layer->slide;
    if (window->start > (uint32_t)ES_SLIDES * layer->slide) {
        es_act *to = backbone->stored + layer->buffer;
        move_back(to, to + window->start, (uint32_t)layer->positions * layer->pitch);
        window->start = 0;
    }
    window->filled++;
}

/* newest: the newest cell of band 0. */
static void pad_bands(const es_layer *layer, es_act *newest, int from, int to)
{
    for (int band = from; band < to; band++) {
        fill(newest + band * layer->pitch, layer->cell, layer->zero_in);
    }
}

/* Returns where a new row has to be written: its cell of the first band that is not padding. */
static es_act *begin_row(es_backbone *backbone, int index)
{
    const es_layer *layer = &es_layers[index];
    slide(backbone, index);
    es_act *newest = rows_of(backbone, index) + (layer->pitch - layer->cell);
    pad_bands(layer, newest, 0, layer->pad_before_f);
    pad_bands(layer, newest, layer->pad_before_f + layer->bands_in, layer->positions);
    return newest + layer->pad_before_f * layer->pitch;
}

static void store_padding(es_backbone *backbone, int index)
{
    const es_layer *layer = &es_layers[index];
    pad_bands(layer, begin_row(backbone, index), 0, layer->bands_in);
}

static bool full(const es_backbone *backbone, int index)
{
    return backbone->windows[index].filled == es_layers[index].kernel_t;
}

/* rows: of this layer; out: its output, `pitch` elements from band to band. */
static void run_layer(const es_layer *layer, const es_act *rows, es_act *out, int pitch)
{
    if (layer->kind == ES_MAX_POOL) {
        es_max_pool_row(layer, rows, out, pitch);
    } else if (layer->kind == ES_DEPTHWISE) {
        es_depthwise_row(layer, rows, out, pitch);
    } else {
        es_conv_row(layer, rows, out, pitch);
    }
}

/* Both read the row that is stored for the values. */
static void run_heads(es_backbone *backbone, es_frame_sink sink, void *context)
{
    const es_layer *values = &es_layers[ES_VALUES_LAYER], *scores = &es_layers[ES_SCORES_LAYER];
    const es_act *row = rows_of(backbone, ES_VALUES_LAYER);
    run_layer(values, row, backbone->values, values->channels_out);
    run_layer(scores, row, backbone->scores, scores->channels_out);
    backbone->windows[ES_VALUES_LAYER].filled = 0;
    sink(context, backbone->values, backbone->scores);
}

/* Run the trunk from a layer that has just got a row, as far as rows are completed. */
static void run_from(es_backbone *backbone, int index, es_frame_sink sink, void *context)
{
    for (; index < ES_TRUNK_LAYERS; index++) {
        if (!full(backbone, index)) {
            return;
        }
        es_act *out = begin_row(backbone, index + 1);
        run_layer(&es_layers[index], rows_of(backbone, index), out, es_layers[index + 1].pitch);
        backbone->windows[index].filled -= es_layers[index].stride_t;
    }
    run_heads(backbone, sink, context);
}

void es_backbone_reset(es_backbone *backbone)
{
    memset(backbone, 0, sizeof *backbone);
    for (int index = 0; index < ES_LAYERS; index++) {
        const es_layer *layer = &es_layers[index];
        fill(rows_of(backbone, index), (uint32_t)layer->positions * layer->pitch, layer->zero_in);
        backbone->windows[index].filled = layer->pad_before_t;
    }
}

void es_backbone_push(es_backbone *backbone, const int8_t *codes, es_frame_sink sink,
                      void *context)
{
    es_act *to = begin_row(backbone, 0);
    for (int band = 0; band < ES_MELS; band++) {
        to[band * es_layers[0].pitch] = codes[band];
    }
    run_from(backbone, 0, sink, context);
}

void es_backbone_finish(es_backbone *backbone, es_frame_sink sink, void *context)
{
    for (int index = 0; index < ES_TRUNK_LAYERS; index++) {
        for (int t = 0; t < es_layers[index].pad_after_t; t++) {
            store_padding(backbone, index);
            run_from(backbone, index, sink, context);
        }
    }
}

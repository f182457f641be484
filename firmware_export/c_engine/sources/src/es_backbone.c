/* es_backbone.c: line buffers, and the way of a row through the layers. */
#include "es_backbone.h"

#include <string.h>

#include "kernels/es_conv.h"

static es_act *slot_of(es_backbone *backbone, int layer, int slot)
{
    return backbone->stored + es_layers[layer].ring + (uint32_t)slot * es_layers[layer].row;
}

static void advance(es_backbone *backbone, int index)
{
    es_ring *ring = &backbone->rings[index];
    ring->next = (uint8_t)(ring->next + 1 == es_layers[index].kernel_t ? 0 : ring->next + 1);
    ring->filled++;
}

/* Padding keeps its zero points from reset on; only the bands between are written. */
static void store_row(es_backbone *backbone, int index, const int8_t *row)
{
    const es_layer *layer = &es_layers[index];
    es_act *to = slot_of(backbone, index, backbone->rings[index].next) +
                 layer->pad_before_f * layer->width;
    for (int band = 0; band < layer->bands_in; band++, to += layer->width) {
        for (int channel = 0; channel < layer->channels_in; channel++) {
            to[channel] = *row++;
        }
    }
    advance(backbone, index);
}

static void fill(es_act *to, int count, es_act value)
{
    for (int i = 0; i < count; i++) {
        to[i] = value;
    }
}

static void store_padding(es_backbone *backbone, int index)
{
    const es_layer *layer = &es_layers[index];
    fill(slot_of(backbone, index, backbone->rings[index].next), layer->row, layer->zero_in);
    advance(backbone, index);
}

static bool full(const es_backbone *backbone, int index)
{
    return backbone->rings[index].filled == es_layers[index].kernel_t;
}

static void run_layer(es_backbone *backbone, int index, int8_t *out)
{
    const es_layer *layer = &es_layers[index];
    const es_act *rows[ES_LONGEST_KERNEL];
    int slot = backbone->rings[index].next;
    for (int t = 0; t < layer->kernel_t; t++) {
        rows[t] = slot_of(backbone, index, slot);
        slot = slot + 1 == layer->kernel_t ? 0 : slot + 1;
    }
    if (layer->kind == ES_MAX_POOL) {
        es_max_pool_row(layer, rows, out);
    } else if (layer->kind == ES_DEPTHWISE) {
        es_depthwise_row(layer, rows, out);
    } else {
        es_conv_row(layer, rows, out);
    }
    backbone->rings[index].filled = (int16_t)(backbone->rings[index].filled - layer->stride_t);
}

static void run_heads(es_backbone *backbone, es_frame_sink sink, void *context)
{
    store_row(backbone, ES_VALUES_LAYER, backbone->row);
    run_layer(backbone, ES_VALUES_LAYER, backbone->values);
    store_row(backbone, ES_SCORES_LAYER, backbone->row);
    run_layer(backbone, ES_SCORES_LAYER, backbone->scores);
    sink(context, backbone->values, backbone->scores);
}

/* Run the trunk from a layer that has just got a row, as far as rows are completed. */
static void run_from(es_backbone *backbone, int index, es_frame_sink sink, void *context)
{
    for (;; index++) {
        if (!full(backbone, index)) {
            return;
        }
        run_layer(backbone, index, backbone->row);
        if (index + 1 == ES_TRUNK_LAYERS) {
            run_heads(backbone, sink, context);
            return;
        }
        store_row(backbone, index + 1, backbone->row);
    }
}

void es_backbone_reset(es_backbone *backbone)
{
    memset(backbone, 0, sizeof *backbone);
    for (int index = 0; index < ES_LAYERS; index++) {
        const es_layer *layer = &es_layers[index];
        for (int t = 0; t < layer->kernel_t; t++) {
            fill(slot_of(backbone, index, t), layer->row, layer->zero_in);
        }
        backbone->rings[index].filled = layer->pad_before_t;
        backbone->rings[index].next = (uint8_t)(layer->pad_before_t % layer->kernel_t);
    }
}

void es_backbone_push(es_backbone *backbone, const int8_t *codes, es_frame_sink sink,
                      void *context)
{
    store_row(backbone, 0, codes);
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

/* es_backbone.c: rows into blocks, blocks through TFLite-Micro, the interior of each to the sink. */
#include "es_backbone.h"

#include <string.h>

#include "es_tflm.h"

#define CONTEXT_OUTPUTS (ES_TFLM_CONTEXT / ES_TFLM_STRIDE)

void es_backbone_reset(es_backbone *backbone)
{
    memset(backbone, 0, sizeof *backbone);
}

/* The ES_TFLM_FRAMES rows before the newest `skipped` ones, oldest first. */
static void copy_rows(const es_backbone *backbone, uint32_t skipped, int8_t *to)
{
    uint32_t slot = (backbone->next + 2 * ES_TFLM_RING - skipped - ES_TFLM_FRAMES) % ES_TFLM_RING;
    for (uint32_t row = 0; row < ES_TFLM_FRAMES; row++, to += ES_TFLM_BANDS) {
        memcpy(to, backbone->rows + slot * ES_TFLM_BANDS, ES_TFLM_BANDS);
        slot = slot + 1 == ES_TFLM_RING ? 0 : slot + 1;
    }
}

/* Run one block and hand its outputs `first` to `last` - 1 on. */
static void run(es_backbone *backbone, uint32_t skipped, uint32_t first, uint32_t last,
                es_frame_sink sink, void *context)
{
    const int8_t *values, *scores;
    int8_t *input = es_tflm_input();
    if (input == NULL) {
        return;
    }
    copy_rows(backbone, skipped, input);
    if (!es_tflm_invoke(&values, &scores)) {
        return;
    }
    for (uint32_t output = first; output < last; output++) {
        sink(context, values + output * ES_TFLM_FEATURES, scores + output * ES_TFLM_FEATURES);
    }
}

void es_backbone_push(es_backbone *backbone, const int8_t *codes, es_frame_sink sink,
                      void *context)
{
    memcpy(backbone->rows + backbone->next * ES_TFLM_BANDS, codes, ES_TFLM_BANDS);
    backbone->next = backbone->next + 1 == ES_TFLM_RING ? 0 : backbone->next + 1;
    backbone->pending++;
    if (backbone->pending == (backbone->started ? ES_TFLM_ADVANCE : ES_TFLM_FRAMES)) {
        /* Before the first row there is the padding of an offline pass, in the model itself. */
        const uint32_t first = backbone->started ? CONTEXT_OUTPUTS : 0;
        run(backbone, 0, first, ES_TFLM_OUTPUTS - CONTEXT_OUTPUTS, sink, context);
        backbone->started = true;
        backbone->pending = 0;
    }
}

void es_backbone_finish(es_backbone *backbone, es_frame_sink sink, void *context)
{
    if (!backbone->started) {
        return;
    }
    const uint32_t skipped = backbone->pending % ES_TFLM_STRIDE;
    const uint32_t fresh = (backbone->pending - skipped) / ES_TFLM_STRIDE + CONTEXT_OUTPUTS;
    run(backbone, skipped, ES_TFLM_OUTPUTS - fresh, ES_TFLM_OUTPUTS, sink, context);
}

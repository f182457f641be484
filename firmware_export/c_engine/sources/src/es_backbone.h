/* es_backbone.h: the int8 network, one row at a time.
 *
 * Every layer keeps only the rows under its kernel. A pushed log-mel row goes down the layers as
 * far as it completes a row of each; the padding in time that an offline pass has before the first
 * row is there at reset, what it has after the last row comes with es_backbone_finish. So the
 * outputs are those of TFLite's reference kernels over the whole signal, to the bit.
 */
#ifndef ES_BACKBONE_H
#define ES_BACKBONE_H

#include <stdbool.h>
#include <stdint.h>

#include "es_model.h"
#include "es_row.h"

typedef struct {
    uint32_t start; /* of the rows under the kernel, in elements from es_layer.buffer */
    int32_t filled; /* of these rows; those still to be skipped counted negative */
} es_window;

typedef struct {
    es_window windows[ES_LAYERS];
    es_act stored[ES_STORED]; /* all layers' inputs */
    es_act values[ES_FEATURES], scores[ES_FEATURES]; /* one output frame, bands x channels */
} es_backbone;

/* Called for each output frame: `values` and `scores` have ES_FEATURES elements. */
typedef void (*es_frame_sink)(void *context, const es_act *values, const es_act *scores);

void es_backbone_reset(es_backbone *backbone);

/* codes: ES_MELS int8. */
void es_backbone_push(es_backbone *backbone, const int8_t *codes, es_frame_sink sink,
                      void *context);

/* The signal has ended: push what padding still completes. */
void es_backbone_finish(es_backbone *backbone, es_frame_sink sink, void *context);

#endif

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
    uint8_t next;   /* slot of the ring that is written next; when full, the oldest row */
    int16_t filled; /* rows in it, those still to be skipped counted negative */
} es_ring;

typedef struct {
    es_ring rings[ES_LAYERS];
    es_act stored[ES_RING_ELEMENTS]; /* all rings; es_layer.ring says where each begins */
    int8_t row[ES_LONGEST_ROW];      /* between two layers */
    int8_t values[ES_FEATURES], scores[ES_FEATURES]; /* one output frame, bands x channels */
} es_backbone;

/* Called for each output frame: `values` and `scores` have ES_FEATURES elements. */
typedef void (*es_frame_sink)(void *context, const int8_t *values, const int8_t *scores);

void es_backbone_reset(es_backbone *backbone);

/* codes: ES_MELS int8. */
void es_backbone_push(es_backbone *backbone, const int8_t *codes, es_frame_sink sink,
                      void *context);

/* The signal has ended: push what padding still completes. */
void es_backbone_finish(es_backbone *backbone, es_frame_sink sink, void *context);

#endif

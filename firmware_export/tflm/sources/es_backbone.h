/* es_backbone.h: the backbone on TFLite-Micro, in the place of the engine's own.
 *
 * The same three functions as the row-streaming one, so that front-end, pooled head and public API
 * do not know which of them runs. TFLite-Micro takes a fixed number of rows, so rows are collected
 * and run in overlapping blocks; only outputs whose receptive field lies inside a block are kept.
 * They equal one offline pass over the whole signal, to the bit. Not here: the interpreter.
 */
#ifndef ES_BACKBONE_H
#define ES_BACKBONE_H

#include <stdbool.h>
#include <stdint.h>

#include "es_model.h"
#include "es_tflm_model.h"

/* Front-end, backbone and head are of one bundle, or this does not compile. */
typedef char es_tflm_fits[ES_MELS == ES_TFLM_BANDS && ES_FEATURES == ES_TFLM_FEATURES ? 1 : -1];

/* At the end of a signal a block may have to end before the newest row. */
#define ES_TFLM_RING (ES_TFLM_FRAMES + ES_TFLM_STRIDE - 1)

typedef struct {
    int8_t rows[ES_TFLM_RING * ES_TFLM_BANDS]; /* the newest rows, as a ring */
    uint32_t next;                             /* slot of the ring that is written next */
    uint32_t pending;                          /* rows since the last run's end */
    bool started;                              /* there was a run */
} es_backbone;

/* Called for each output frame: `values` and `scores` have ES_TFLM_FEATURES elements. */
typedef void (*es_frame_sink)(void *context, const int8_t *values, const int8_t *scores);

void es_backbone_reset(es_backbone *backbone);

/* codes: ES_TFLM_BANDS int8. */
void es_backbone_push(es_backbone *backbone, const int8_t *codes, es_frame_sink sink,
                      void *context);

/* The signal has ended: the outputs that waited for later rows. One row is left out where the
 * number of rows is odd; a signal shorter than one block (ES_TFLM_FRAMES rows) gives none. */
void es_backbone_finish(es_backbone *backbone, es_frame_sink sink, void *context);

#endif

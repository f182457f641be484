/* es_layer.h: what one layer of the int8 backbone is; the generated es_model.c holds a table.
 *
 * How its input is stored: es_row.h.
 */
#ifndef ES_LAYER_H
#define ES_LAYER_H

#include <stdint.h>

enum { ES_CONV = 0, ES_DEPTHWISE = 1, ES_MAX_POOL = 2 };

typedef struct {
    uint8_t kind;
    uint8_t kernel_t, kernel_f; /* in rows and bands */
    uint8_t stride_t, stride_f;
    uint8_t pad_before_t, pad_after_t; /* rows of zero points around the signal */
    uint8_t pad_before_f;              /* bands of zero points before each row */
    uint16_t bands_in, channels_in;
    uint16_t bands_out, channels_out;
    uint16_t positions; /* bands of a stored row: those of its input and its padding */
    uint16_t cell;      /* elements of one band of one row: channels_in, rounded up */
    uint16_t pitch;     /* elements between neighbouring bands: kernel_t cells */
    uint16_t slide;     /* elements by which a new row moves them: a cell, 0 if kernel_t is 1 */
    uint16_t run;       /* elements of one channel's weights: a window, padded with zeros */
    uint32_t buffer;    /* where its input is stored, in elements */
    int8_t zero_in;          /* zero point of the input: what padding holds */
    int8_t zero_out;
    int8_t low, high;        /* clamp of the output: the fused activation */
    const int8_t *weights;   /* es_weight (es_row.h) reads them; depthwise: es_depthwise.c */
    const int32_t *bias;     /* [channels_out], the input's zero point already folded in */
    const int32_t *multiplier; /* [channels_out], Q31 in [2^30, 2^31) */
    const int8_t *shift;     /* [channels_out], power of two that follows it; -29 to 8, > 0 is to
                              * the left. |sum << shift| < 2^29: layout.py refuses others. */
    /* All four hold zeros for what is missing to whole blocks of channels (ES_CHANNEL_BLOCK). */
} es_layer;

#endif

/* es_layer.h: what one layer of the int8 backbone is; the generated es_model.c holds a table.
 *
 * Rows are one log-mel frame (or backbone frame) wide: bands x channels int8, channels innermost.
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
    uint16_t width;          /* elements of one position of a stored row: channels_in, rounded up */
    uint16_t row;            /* elements of a stored row, its padding and slack included */
    uint16_t run;            /* elements of one kernel row in the weights, padded with zeros */
    uint32_t ring;           /* where its kernel_t stored rows begin, in elements */
    int8_t zero_in;          /* zero point of the input: what padding holds */
    int8_t zero_out;
    int8_t low, high;        /* clamp of the output: the fused activation */
    const int8_t *weights;   /* es_weight_index says where which; depthwise: es_depthwise.c */
    const int32_t *bias;     /* [channels_out], the input's zero point already folded in */
    const int32_t *multiplier; /* [channels_out], Q31 in [2^30, 2^31) */
    const int8_t *shift;     /* [channels_out], power of two that follows it; > 0 is to the left */
    /* All four hold zeros for what is missing to whole blocks of channels (ES_CHANNEL_BLOCK). */
} es_layer;

#endif

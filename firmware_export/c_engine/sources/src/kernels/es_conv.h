/* es_conv.h: one output row of one layer from the rows under its kernel. */
#ifndef ES_CONV_H
#define ES_CONV_H

#include "es_layer.h"
#include "es_row.h"

/* rows: as stored (es_row.h); out: bands_out x channels_out codes, `pitch` elements from band to
 * band. */
void es_conv_row(const es_layer *layer, const es_act *rows, es_act *restrict out, int pitch);
void es_depthwise_row(const es_layer *layer, const es_act *rows, es_act *restrict out, int pitch);
void es_max_pool_row(const es_layer *layer, const es_act *rows, es_act *restrict out, int pitch);

/* Name of the kernel that this build uses for convolutions. */
const char *es_kernels(void);

#endif

/* es_conv.h: one output row of one layer from the rows under its kernel. */
#ifndef ES_CONV_H
#define ES_CONV_H

#include "es_layer.h"
#include "es_row.h"

/* rows: kernel_t stored rows, oldest first; out: bands_out x channels_out int8. */
void es_conv_row(const es_layer *layer, const es_act *const rows[], int8_t *out);
void es_depthwise_row(const es_layer *layer, const es_act *const rows[], int8_t *out);
void es_max_pool_row(const es_layer *layer, const es_act *const rows[], int8_t *out);

/* Name of the kernel that this build uses for convolutions. */
const char *es_kernels(void);

#endif

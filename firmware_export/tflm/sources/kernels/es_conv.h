/* es_conv.h: what edge_ser_kernels() reports; the engine's own kernels are not in this hand-off. */
#ifndef ES_CONV_H
#define ES_CONV_H

static inline const char *es_kernels(void)
{
    return "tflite-micro";
}

#endif

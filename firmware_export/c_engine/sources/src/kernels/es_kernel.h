/* es_kernel.h: which convolution kernel this build gets, and what its rows are made of.
 *
 * Dispatch only. A kernel is one header that defines
 *     ES_KERNELS          its name
 *     ES_TILE_CHANNELS    output channels and
 *     ES_TILE_POSITIONS   output bands that it computes at once
 *     es_tile(...)        them: dot products, requantised, stored
 * and that may ask a layout of the generated weights (es_model.h). All give the same bits as
 * es_tile_plain.h; ES_KERNEL_PLAIN chooses that one on any machine.
 */
#ifndef ES_KERNEL_H
#define ES_KERNEL_H

#include "es_layer.h"
#include "es_model.h"
#include "es_row.h"

#if defined(ES_KERNEL_PLAIN)
#include "es_tile_plain.h"
#elif ES_LAYOUT_DSP && defined(__ARM_FEATURE_DSP)
#include "es_tile_dsp.h"
#elif ES_RUN_MULTIPLE % 16 == 0 && defined(__ARM_FEATURE_MVE)
#include "es_tile_mve.h"
#elif ES_RUN_MULTIPLE % 16 == 0 && defined(__ARM_NEON) && defined(__ARM_FEATURE_DOTPROD)
#include "es_tile_neon_dot.h"
#elif ES_RUN_MULTIPLE % 16 == 0 && defined(__ARM_NEON)
#include "es_tile_neon.h"
#elif ES_RUN_MULTIPLE % 16 == 0 && defined(__AVX512VNNI__) && defined(__AVX512VL__)
#include "es_tile_vnni.h"
#elif ES_RUN_MULTIPLE % 16 == 0 && defined(__AVX2__)
#include "es_tile_avx2.h"
#elif ES_RUN_MULTIPLE % 16 == 0 && defined(__SSE4_1__)
#include "es_tile_sse.h"
#else
#include "es_tile_portable.h"
#endif

#endif

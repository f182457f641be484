/* es_choice.h: which convolution kernel this build gets, from the compiler's flags and the layout.
 *
 * Dispatch only. For es_kernel.h, and for es_model.c, whose biases depend on the kernel. All
 * kernels give the same bits as es_tile_plain.h; ES_KERNEL_PLAIN chooses that one on any machine.
 */
#ifndef ES_CHOICE_H
#define ES_CHOICE_H

#include "es_model.h"

#define ES_LAYOUT_SIMD (ES_CHANNEL_BLOCK == 16 && ES_RUN_MULTIPLE % 8 == 0)

#if defined(ES_KERNEL_PLAIN)
#define ES_TILE_HEADER "es_tile_plain.h"
#elif ES_LAYOUT_SIMD && defined(__ARM_NEON) && defined(__ARM_FEATURE_DOTPROD)
#define ES_TILE_HEADER "es_tile_neon_dot.h"
#elif ES_LAYOUT_SIMD && defined(__ARM_NEON)
#define ES_TILE_HEADER "es_tile_neon.h"
#elif ES_LAYOUT_SIMD && defined(__AVX512VNNI__)
#define ES_TILE_HEADER "es_tile_vnni.h"
#define ES_UNSIGNED_ACTIVATIONS 1 /* convolutions multiply codes + 128; biases take that back */
#elif ES_LAYOUT_SIMD && defined(__AVX2__)
#define ES_TILE_HEADER "es_tile_avx2.h"
#elif ES_LAYOUT_SIMD && defined(__SSE4_1__)
#define ES_TILE_HEADER "es_tile_sse.h"
#elif ES_LAYOUT_DSP && defined(__ARM_FEATURE_DSP)
#define ES_TILE_HEADER "es_tile_dsp.h"
#elif ES_RUN_MULTIPLE % 16 == 0 && defined(__ARM_FEATURE_MVE)
#define ES_TILE_HEADER "es_tile_mve.h"
#elif ES_CHANNEL_BLOCK > 1 || ES_LAYOUT_DSP
#define ES_TILE_HEADER "es_tile_plain.h"
#else
#define ES_TILE_HEADER "es_tile_portable.h"
#endif

#ifndef ES_UNSIGNED_ACTIVATIONS
#define ES_UNSIGNED_ACTIVATIONS 0
#endif

#endif

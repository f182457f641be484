/* es_kernel.h: the convolution kernel of this build.
 *
 * A kernel is one header, chosen by es_choice.h, that defines
 *     ES_KERNELS          its name
 *     ES_TILE_CHANNELS    output channels and
 *     ES_TILE_POSITIONS   output bands that it computes at once
 *     es_tile(...)        them, or that many channels at one band: dot products, requantised, stored
 * and may define
 *     es_column(...)      one channel at ES_TILE_POSITIONS bands, or at one
 *     ES_COLUMNS_LEFT     so many channels left over are faster by columns than by another tile.
 */
#ifndef ES_KERNEL_H
#define ES_KERNEL_H

#include "es_choice.h"

#include ES_TILE_HEADER

#ifndef ES_COLUMNS_LEFT
#include "es_column_plain.h"
#endif

#endif

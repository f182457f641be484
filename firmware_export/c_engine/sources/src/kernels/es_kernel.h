/* es_kernel.h: the convolution kernel of this build.
 *
 * A kernel is one header, chosen by es_choice.h, that defines ES_KERNELS, its name, and either
 *     ES_OWN_ROW          and
 *     es_row(...)         an output row (es_conv.h), or
 *     ES_TILE_CHANNELS    output channels and
 *     ES_TILE_POSITIONS   output bands that it computes at once
 *     es_tile(...)        them, or those channels at one band: dot products, requantised, stored.
 * Where weights lie in blocks of channels a tile is one block, and es_tile lets the last end early.
 */
#ifndef ES_KERNEL_H
#define ES_KERNEL_H

#include "es_choice.h"

#include ES_TILE_HEADER

#ifndef ES_OWN_ROW
#include "es_row_of_tiles.h"
#endif

#endif

/* es_tile_plain.h: the reference kernel, one output at a time. Every other kernel equals it. */
#ifndef ES_TILE_PLAIN_H
#define ES_TILE_PLAIN_H

#include "es_column_plain.h"

#define ES_KERNELS "plain"
#define ES_TILE_CHANNELS 1
#define ES_TILE_POSITIONS 1
#define es_tile es_column

#endif

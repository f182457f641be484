/* es_max_c.h: the largest of some cells, channel by channel, in plain C. */
#ifndef ES_MAX_C_H
#define ES_MAX_C_H

#include "es_compiler.h"
#include "es_row.h"

/* Channels at once: compilers make vectors of eight where the machine has them. */
#define ES_MAX_LANES (ES_CHANNEL_BLOCK > 2 ? 8 : 1)

/* Of `lanes` channels (a constant). x: the first of the cells. */
static ES_INLINE void es_max_lanes(const es_act *restrict x, int cells, int cell, int lanes,
                                   es_act *restrict out)
{
    for (int i = 0; i < lanes; i++) {
        out[i] = x[i];
    }
    while (--cells > 0) {
        x += cell;
        for (int i = 0; i < lanes; i++) {
            out[i] = x[i] > out[i] ? x[i] : out[i];
        }
    }
}

/* The last lanes are moved back to end with the channels. */
static ES_INLINE void es_max_cells(const es_act *x, int cells, int cell, int channels, es_act *out)
{
    int c = 0;
    for (; channels >= ES_MAX_LANES && c < channels; c += ES_MAX_LANES) {
        const int first = c + ES_MAX_LANES > channels ? channels - ES_MAX_LANES : c;
        es_max_lanes(x + first, cells, cell, ES_MAX_LANES, out + first);
    }
    for (; c < channels; c++) {
        es_max_lanes(x + c, cells, cell, 1, out + c);
    }
}

#endif

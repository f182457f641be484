/* es_internal.h: the engine's memory, for the engine itself and for tests of it. */
#ifndef ES_INTERNAL_H
#define ES_INTERNAL_H

#include "edge_ser.h"
#include "es_backbone.h"
#include "es_frontend.h"
#include "es_pool.h"

/* For tests: sees every row that goes into the backbone and every frame that comes out. */
typedef void (*es_codes_observer)(void *context, const int8_t *codes, int count);
typedef void (*es_outputs_observer)(void *context, const int8_t *values, const int8_t *scores,
                                    int count);

struct edge_ser {
    es_frontend frontend;
    es_backbone backbone;
    es_sums blocks[ES_WINDOW_BLOCKS]; /* of the window; the current one in the oldest's place */
    es_sums window;                   /* their sum, while it is read */
    uint32_t block_frames;            /* output frames in the current block */
    edge_ser_result result;
    bool finished;
    es_codes_observer observe_codes;
    es_outputs_observer observe_outputs;
    void *observer_context;
};

/* Either may be NULL; kept over resets. */
void es_set_observer(edge_ser *engine, es_codes_observer codes, es_outputs_observer outputs,
                     void *context);

#endif

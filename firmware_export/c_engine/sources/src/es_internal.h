/* es_internal.h: the engine's memory, for the engine itself, hosts that watch it, and tests. */
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

/* Sees every reading, also those that edge_ser_get_result would miss between two calls. */
typedef void (*es_reading_observer)(void *context, const edge_ser_result *reading);

struct edge_ser {
    es_frontend frontend;
    es_backbone backbone;
    es_sums blocks[ES_WINDOW_BLOCKS]; /* of the window; the current one in the oldest's place */
    es_sums window;                   /* their sum, while it is read */
    uint32_t block_rows;              /* log-mel rows under the output frames of the current block */
    edge_ser_result result;
    bool finished;
    es_codes_observer observe_codes;
    es_outputs_observer observe_outputs;
    es_reading_observer observe_reading;
    void *observer_context;
};

/* Either may be NULL; kept over resets. */
void es_set_observer(edge_ser *engine, es_codes_observer codes, es_outputs_observer outputs,
                     void *context);

/* NULL for none; it gets the context of es_set_observer. */
void es_set_reading_observer(edge_ser *engine, es_reading_observer reading);

#endif

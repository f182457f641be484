/* es_frontend.h: PCM -> rows of int8 log-mel codes.
 *
 * Two implementations of one definition (edge_ser/frontend/spec.py): float32 for cores with an FPU
 * (es_frontend_float.c) and fixed point for those without (es_frontend_fixed.c). The build says
 * which (ES_FRONTEND_FIXED=0 or 1), or es_model.h does. Each gives the same bits everywhere; to each
 * other they differ by a code now and then.
 */
#ifndef ES_FRONTEND_H
#define ES_FRONTEND_H

#include <stdbool.h>
#include <stdint.h>

#include "es_model.h"

#if ES_FRONTEND_FIXED
typedef int64_t es_level_value; /* Q16 of samples, and of squared samples */
#else
typedef float es_level_value;   /* of samples divided by 32768 */
#endif

/* The running mean and mean square: over all hops so far, then exponential. */
typedef struct {
    es_level_value mean, square;
    uint32_t hops; /* averaged over, at most ES_LEVEL_HOPS */
    bool fixed;    /* the caller gave mean and variance; `square` is then the variance */
} es_level;

typedef struct {
    es_level level;
    int16_t heard[ES_N_FFT]; /* the last n_fft - hop samples, then the new hop */
    uint16_t fresh;          /* samples of the new hop */
    uint16_t unheard;        /* of the frame lie before the signal: zeros once levelled */
} es_frontend;

void es_frontend_reset(es_frontend *frontend);
void es_frontend_set_level(es_frontend *frontend, float mean, float variance);

/* Take samples until a hop is complete; returns how many were taken (at least one of `count`).
 * `*complete` says whether `codes` (ES_MELS) now holds a new row. */
uint32_t es_frontend_take(es_frontend *frontend, const int16_t *samples, uint32_t count,
                          int8_t *codes, bool *complete);

/* For the implementations: sum and squares of a hop, which the level counts. Exact. */
void es_count_hop(es_level *level, const int16_t *hop, int32_t *sum, int64_t *squares);

/* One of the two implementations: the row of the frame in `heard`, the level updated by its hop. */
void es_frontend_row(es_frontend *frontend, int8_t *codes);

#endif

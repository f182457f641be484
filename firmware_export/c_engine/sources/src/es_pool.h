/* es_pool.h: softmax over time of the scores weighs the values; the sum goes through one linear.
 *
 * Kept as sums: of exp(score) and of value * exp(score), per feature, of one block of time. Scores
 * are int8, so exp is a table of 256 numbers relative to the largest code; nothing has to be
 * rescaled when a new maximum comes, and a window is the sum of its blocks.
 */
#ifndef ES_POOL_H
#define ES_POOL_H

#include <stdint.h>

#include "es_model.h"
#include "es_row.h"

typedef struct {
    float numerator[ES_FEATURES];   /* sum of value code * weight */
    float denominator[ES_FEATURES]; /* sum of weights */
} es_sums;

void es_sums_reset(es_sums *sums);

/* values, scores: ES_FEATURES codes of one frame. */
void es_sums_add_frame(es_sums *sums, const es_act *values, const es_act *scores);

void es_sums_add(es_sums *sums, const es_sums *other);

/* Arousal, dominance, valence of at least one frame's sums, which are overwritten on the way. */
void es_sums_read(es_sums *sums, float adv[3]);

#endif

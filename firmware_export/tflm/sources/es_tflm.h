/* es_tflm.h: one block through the interpreter. The border between C and TFLite-Micro's C++.
 *
 * There is one interpreter, made at the first call, in a static arena of ES_TFLM_ARENA_BYTES.
 * Not for use from two threads.
 */
#ifndef ES_TFLM_H
#define ES_TFLM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ES_TFLM_FRAMES x ES_TFLM_BANDS log-mel codes go here before every run: the interpreter may
 * have used the memory since. NULL: it could not be made, es_tflm_error() says why. */
int8_t *es_tflm_input(void);

/* Run; `*values` and `*scores` then are ES_TFLM_OUTPUTS x ES_TFLM_FEATURES codes, valid until
 * the next run. False: it failed. */
bool es_tflm_invoke(const int8_t **values, const int8_t **scores);

/* What went wrong, or NULL. */
const char *es_tflm_error(void);

/* Bytes of the arena in use: what ES_TFLM_ARENA_BYTES can be reduced to on this device. */
size_t es_tflm_arena_used(void);

#ifdef __cplusplus
}
#endif

#endif

/* es_own.c: the C engine's int8 backbone alone, on a board: two measured inferences, row by row,
 * then the CRC of each output. No front-end and no head: the peers have none either.
 */
#include "es_backbone.h"
#include "es_board.h"
#include "es_crc32.h"
#include "es_measure.h"
#include "es_text.h"
#include "es_transport.h"
#include "own_input.h"

static es_backbone backbone;
static int8_t values[OWN_FRAMES][OWN_VALUES], scores[OWN_FRAMES][OWN_SCORES];
static int frame;

/* Codes that a stored row may hold in 16 bits. */
static void copy(int8_t *to, const es_act *from, int count)
{
    for (int i = 0; i < count; i++) {
        to[i] = (int8_t)from[i];
    }
}

static void keep(void *context, const es_act *new_values, const es_act *new_scores)
{
    (void)context;
    copy(values[frame], new_values, OWN_VALUES);
    copy(scores[frame], new_scores, OWN_SCORES);
    frame++;
}

static void infer(void)
{
    frame = 0;
    es_backbone_reset(&backbone);
    for (int row = 0; row < OWN_ROWS; row++) {
        es_backbone_push(&backbone, own_input + row * ES_MELS, keep, NULL);
    }
    es_backbone_finish(&backbone, keep, NULL);
}

int main(void)
{
    es_transport_start();
    for (int run = 0; run < 2; run++) {
        es_measure_begin();
        infer();
        es_measure_end();
    }
    es_text_hexadecimal(es_crc32(0, values, sizeof values));
    es_text(" ");
    es_text_hexadecimal(es_crc32(0, scores, sizeof scores));
    es_text(" ");
    es_text(edge_ser_kernels());
    es_text_end();
    es_board_exit(0);
}

/* es_peer.c: a network that bakenn generated, on a board: two measured inferences, the outputs' CRC.
 *
 * Two, because equal counts show that nothing was left to chance.
 */
#include "bknn_peer.h"
#include "es_board.h"
#include "es_crc32.h"
#include "es_measure.h"
#include "es_text.h"
#include "es_transport.h"
#include "peer_input.h"

/* CMSIS-NN's Helium kernels round their scratch memory up, which bakenn does not know. */
enum { SLACK = 64 };

static _Alignas(BKNN_PEER_ARENA_ALIGNMENT) uint8_t arena[BKNN_PEER_ARENA_SIZE + SLACK];
static int8_t output[BKNN_PEER_OUTPUT_SIZE];

int main(void)
{
    es_transport_start();
    for (int run = 0; run < 2; run++) {
        es_measure_begin();
        bknn_peer_infer(arena, peer_input, output);
        es_measure_end();
    }
    es_text_hexadecimal(es_crc32(0, output, sizeof output));
    es_text_end();
    es_board_exit(0);
}

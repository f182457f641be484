/* es_dots_dsp.h: sums of products by SMLAD, for es_tile_dsp.h.
 *
 * Assembly because the loops need every register there is and loads of four, neither of which
 * compilers manage. They take sixteen elements, and begin in the middle where a run leaves eight.
 * A job stays in memory; the loops know its offsets and move its pointers.
 */
#ifndef ES_DOTS_DSP_H
#define ES_DOTS_DSP_H

#include <stdint.h>

#include "es_compiler.h"

/* Some bands of one or two channels. */
typedef struct {
    const void *weights;
    const int16_t *x; /* window of the first band */
    int32_t step;     /* bytes from band to band */
    const void *end;  /* of the weights */
    int32_t bias[2];
    int32_t *sums;
    const int32_t *sums_end;
} es_bands_job;

/* Some pairs of channels of one band. */
typedef struct {
    const int8_t *weights;
    const int16_t *x;
    int32_t size; /* bytes of a pair's weights */
    int32_t skip; /* bytes behind them */
    int32_t *sums;
    const int32_t *sums_end;
} es_pairs_job;

/* Pairs of weights, 256 * second + first, from `packed` to `end`, to 16 bits: four of the first
 * channel, four of the second. */
ES_ASSEMBLY static void es_widen(const int8_t *packed ES_REGISTER, const int8_t *end ES_REGISTER,
                                 int16_t *wide ES_REGISTER)
{
#define ES_FOUR_PAIRS              \
    "ldmia r0!, {r4, r5}\n"        \
    "sxtb16 r6, r4\n"              \
    "sxtb16 r7, r5\n"              \
    "ssub16 r8, r4, r6\n"          \
    "ssub16 r9, r5, r7\n"          \
    "sxtb16 r8, r8, ror #8\n"      \
    "sxtb16 r9, r9, ror #8\n"      \
    "stmia r2!, {r6-r9}\n"
    __asm__ volatile("push {r4-r9}\n"
                     "1:\n" ES_FOUR_PAIRS ES_FOUR_PAIRS
                     "cmp r0, r1\n"
                     "bne 1b\n"
                     "pop {r4-r9}\n"
                     "bx lr\n");
#undef ES_FOUR_PAIRS
}

/* sums[band][channel] of two channels, widened, at an even number of bands.
 * r0: weights; r1, r2: windows of two bands; r3: end; r4 to r7: sums. */
ES_ASSEMBLY static void es_dot_two(es_bands_job *job ES_REGISTER)
{
#define ES_FOUR_ELEMENTS                \
    "ldmia r0!, {r8, r9, r10, r11}\n"   \
    "ldrd r12, lr, [r1], #8\n"          \
    "smlad r4, r8, r12, r4\n"           \
    "smlad r5, r10, r12, r5\n"          \
    "smlad r4, r9, lr, r4\n"            \
    "smlad r5, r11, lr, r5\n"           \
    "ldrd r12, lr, [r2], #8\n"          \
    "smlad r6, r8, r12, r6\n"           \
    "smlad r7, r10, r12, r7\n"          \
    "smlad r6, r9, lr, r6\n"            \
    "smlad r7, r11, lr, r7\n"
    __asm__ volatile("push {r0, r4-r11, lr}\n"
                     "1:\n"
                     "ldr r12, [sp]\n"
                     "ldmia r12, {r0-r5}\n"
                     "add r6, r1, r2, lsl #1\n"
                     "str r6, [r12, #4]\n" /* x: the next two bands */
                     "add r2, r1, r2\n"
                     "mov r6, r4\n"
                     "mov r7, r5\n"
                     "sub r12, r3, r0\n"
                     "tst r12, #32\n"
                     "bne 3f\n"
                     "2:\n" ES_FOUR_ELEMENTS ES_FOUR_ELEMENTS
                     "3:\n" ES_FOUR_ELEMENTS ES_FOUR_ELEMENTS
                     "cmp r0, r3\n"
                     "bne 2b\n"
                     "ldr r12, [sp]\n"
                     "ldrd r8, r9, [r12, #24]\n"
                     "stmia r8!, {r4-r7}\n"
                     "str r8, [r12, #24]\n"
                     "cmp r8, r9\n"
                     "bne 1b\n"
                     "pop {r0, r4-r11, pc}\n");
#undef ES_FOUR_ELEMENTS
}

/* sums[band] of one channel, in 16 bits, at bands that are a multiple of four.
 * r0: weights; r1, r2, r3, r12: windows of four bands; r4 to r7: sums; lr: end. */
ES_ASSEMBLY static void es_dot_one(es_bands_job *job ES_REGISTER)
{
#define ES_BAND(x, sum)                       \
    "ldrd r10, r11, [" x "], #8\n"            \
    "smlad " sum ", r8, r10, " sum "\n"       \
    "smlad " sum ", r9, r11, " sum "\n"
#define ES_FOUR_ELEMENTS                      \
    "ldrd r8, r9, [r0], #8\n"                 \
    ES_BAND("r1", "r4") ES_BAND("r2", "r5") ES_BAND("r3", "r6") ES_BAND("r12", "r7")
    __asm__ volatile("push {r0, r4-r11, lr}\n"
                     "1:\n"
                     "ldr r12, [sp]\n"
                     "ldmia r12, {r0-r4}\n"
                     "mov lr, r3\n"
                     "add r6, r1, r2, lsl #2\n"
                     "str r6, [r12, #4]\n" /* x: the next four bands */
                     "add r3, r1, r2, lsl #1\n"
                     "add r12, r3, r2\n"
                     "add r2, r1, r2\n"
                     "mov r5, r4\n"
                     "mov r6, r4\n"
                     "mov r7, r4\n"
                     "sub r8, lr, r0\n"
                     "tst r8, #16\n"
                     "bne 3f\n"
                     "2:\n" ES_FOUR_ELEMENTS ES_FOUR_ELEMENTS
                     "3:\n" ES_FOUR_ELEMENTS ES_FOUR_ELEMENTS
                     "cmp r0, lr\n"
                     "bne 2b\n"
                     "ldr r12, [sp]\n"
                     "ldrd r8, r9, [r12, #24]\n"
                     "stmia r8!, {r4-r7}\n"
                     "str r8, [r12, #24]\n"
                     "cmp r8, r9\n"
                     "bne 1b\n"
                     "pop {r0, r4-r11, pc}\n");
#undef ES_FOUR_ELEMENTS
#undef ES_BAND
}

/* sums[channel] += weights . x, of at most 512 elements: 256 times a sum has to fit into 32 bits.
 * r0: weights; r1: window; r2: their end; r4: 256 * second + first; r5: first. */
ES_ASSEMBLY static void es_dot_pairs(es_pairs_job *job ES_REGISTER)
{
#define ES_TWO_ELEMENTS(w, x)       \
    "smlad r4, " w ", " x ", r4\n"  \
    "sxtb16 r12, " w "\n"           \
    "smlad r5, r12, " x ", r5\n"
#define ES_EIGHT_ELEMENTS           \
    "ldmia r0!, {r6-r9}\n"          \
    "ldrd r10, r11, [r1], #8\n"     \
    ES_TWO_ELEMENTS("r6", "r10")    \
    ES_TWO_ELEMENTS("r7", "r11")    \
    "ldrd r10, r11, [r1], #8\n"     \
    ES_TWO_ELEMENTS("r8", "r10")    \
    ES_TWO_ELEMENTS("r9", "r11")
    __asm__ volatile("push {r0, r4-r11, lr}\n"
                     "1:\n"
                     "ldr r12, [sp]\n"
                     "ldmia r12, {r0-r3}\n"
                     "add r4, r2, r3\n"
                     "add r4, r0, r4\n"
                     "str r4, [r12]\n" /* weights: the next pair's */
                     "tst r2, #16\n"
                     "add r2, r0, r2\n"
                     "mov r4, #0\n"
                     "mov r5, #0\n"
                     "bne 3f\n"
                     "2:\n" ES_EIGHT_ELEMENTS
                     "3:\n" ES_EIGHT_ELEMENTS
                     "cmp r0, r2\n"
                     "bne 2b\n"
                     "ldr r12, [sp]\n"
                     "ldrd r6, r7, [r12, #16]\n"
                     "ldrd r8, r9, [r6]\n"
                     "sub r4, r4, r5\n"
                     "add r8, r8, r5\n"
                     "add r9, r9, r4, asr #8\n"
                     "strd r8, r9, [r6], #8\n"
                     "str r6, [r12, #16]\n"
                     "cmp r6, r7\n"
                     "bne 1b\n"
                     "pop {r0, r4-r11, pc}\n");
#undef ES_EIGHT_ELEMENTS
#undef ES_TWO_ELEMENTS
}

#endif

/* es_dots_m3.h: es_dots_c.h for Cortex-M3, whose loads move their pointers for nothing.
 *
 * Assembly because the tile needs every register there is, which no compiler manages.
 */
#ifndef ES_DOTS_M3_H
#define ES_DOTS_M3_H

#include <stdint.h>

#include "es_compiler.h"

#define ES_TILE_CHANNELS 2
#define ES_TILE_BANDS 3

/* r1: shared; r2, r8, r9, r10: others; r4 to r7: sums. */
ES_ASSEMBLY static void es_dot_four(int32_t *sums ES_REGISTER, const int8_t *shared ES_REGISTER,
                                    const int8_t *others ES_REGISTER, int step ES_REGISTER,
                                    int run ES_REGISTER)
{
#define ES_ELEMENT               \
    "ldrsb r11, [r1], #1\n"      \
    "ldrsb r12, [r2], #1\n"      \
    "mla r4, r11, r12, r4\n"     \
    "ldrsb r12, [r8], #1\n"      \
    "mla r5, r11, r12, r5\n"     \
    "ldrsb r12, [r9], #1\n"      \
    "mla r6, r11, r12, r6\n"     \
    "ldrsb r12, [r10], #1\n"     \
    "mla r7, r11, r12, r7\n"
    __asm__ volatile("push {r0, r4-r11, lr}\n"
                     "ldmia r0, {r4-r7}\n"
                     "ldr r0, [sp, #40]\n"
                     "add r0, r1, r0\n" /* end of shared */
                     "add r8, r2, r3\n"
                     "add r9, r8, r3\n"
                     "add r10, r9, r3\n"
                     "1:\n" ES_ELEMENT ES_ELEMENT ES_ELEMENT ES_ELEMENT
                     "cmp r1, r0\n"
                     "bne 1b\n"
                     "pop {r0}\n"
                     "stmia r0, {r4-r7}\n"
                     "pop {r4-r11, pc}\n");
#undef ES_ELEMENT
}

/* r1, r0: weights; r2, r3, r12: activations; r4 to r9: sums. */
ES_ASSEMBLY static void es_dot_tile(int32_t *sums ES_REGISTER, const int8_t *weights ES_REGISTER,
                                    const int8_t *x ES_REGISTER, int step ES_REGISTER,
                                    int run ES_REGISTER)
{
#define ES_ELEMENT               \
    "ldrsb r10, [r1], #1\n"      \
    "ldrsb r11, [r0], #1\n"      \
    "ldrsb lr, [r2], #1\n"       \
    "mla r4, r10, lr, r4\n"      \
    "mla r7, r11, lr, r7\n"      \
    "ldrsb lr, [r3], #1\n"       \
    "mla r5, r10, lr, r5\n"      \
    "mla r8, r11, lr, r8\n"      \
    "ldrsb lr, [r12], #1\n"      \
    "mla r6, r10, lr, r6\n"      \
    "mla r9, r11, lr, r9\n"
    __asm__ volatile("push {r0, r4-r11, lr}\n"
                     "ldmia r0, {r4-r9}\n"
                     "ldr r0, [sp, #40]\n"
                     "add r0, r1, r0\n"
                     "push {r0}\n" /* end of the first weights */
                     "add r12, r2, r3, lsl #1\n"
                     "add r3, r2, r3\n"
                     "1:\n" ES_ELEMENT ES_ELEMENT ES_ELEMENT ES_ELEMENT
                     "ldr lr, [sp]\n"
                     "cmp r1, lr\n"
                     "bne 1b\n"
                     "ldr r0, [sp, #4]\n"
                     "stmia r0, {r4-r9}\n"
                     "add sp, sp, #8\n"
                     "pop {r4-r11, pc}\n");
#undef ES_ELEMENT
}

#endif

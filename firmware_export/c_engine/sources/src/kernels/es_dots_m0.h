/* es_dots_m0.h: es_dots_c.h for Cortex-M0+.
 *
 * Eight registers can be loaded and multiplied, and a product destroys an operand; the others can
 * still add, so they hold the sums. Assembly because compilers use them for nothing else than
 * spilling. A tile is four bands of one channel: more sums would leave no registers for pointers.
 */
#ifndef ES_DOTS_M0_H
#define ES_DOTS_M0_H

#include <stdint.h>

#include "es_compiler.h"

#define ES_TILE_CHANNELS 1
#define ES_TILE_BANDS 4
#define es_dot_tile es_dot_four

/* r1: shared; r2 to r5: others; r6: element; r8 to r11: sums; r12: run. */
ES_ASSEMBLY static void es_dot_four(int32_t *sums ES_REGISTER, const int8_t *shared ES_REGISTER,
                                    const int8_t *others ES_REGISTER, int step ES_REGISTER,
                                    int run ES_REGISTER)
{
    __asm__ volatile(".syntax unified\n"
                     "push {r0, r4-r7, lr}\n"
                     "mov r4, r8\n"
                     "mov r5, r9\n"
                     "mov r6, r10\n"
                     "mov r7, r11\n"
                     "push {r4-r7}\n"
                     "ldmia r0!, {r4-r7}\n"
                     "mov r8, r4\n"
                     "mov r9, r5\n"
                     "mov r10, r6\n"
                     "mov r11, r7\n"
                     "ldr r0, [sp, #40]\n"
                     "mov r12, r0\n"
                     "mov r0, r3\n"
                     "adds r3, r2, r0\n"
                     "adds r4, r3, r0\n"
                     "adds r5, r4, r0\n"
                     "movs r6, #0\n"
                     "1:\n"
                     "ldrsb r0, [r1, r6]\n"
                     "ldrsb r7, [r2, r6]\n"
                     "muls r7, r0\n"
                     "add r8, r7\n"
                     "ldrsb r7, [r3, r6]\n"
                     "muls r7, r0\n"
                     "add r9, r7\n"
                     "ldrsb r7, [r4, r6]\n"
                     "muls r7, r0\n"
                     "add r10, r7\n"
                     "ldrsb r7, [r5, r6]\n"
                     "muls r7, r0\n"
                     "add r11, r7\n"
                     "adds r6, #1\n"
                     "cmp r6, r12\n"
                     "bne 1b\n"
                     "mov r4, r8\n"
                     "mov r5, r9\n"
                     "mov r6, r10\n"
                     "mov r7, r11\n"
                     "ldr r0, [sp, #16]\n" /* sums */
                     "stmia r0!, {r4-r7}\n"
                     "pop {r4-r7}\n"
                     "mov r8, r4\n"
                     "mov r9, r5\n"
                     "mov r10, r6\n"
                     "mov r11, r7\n"
                     "pop {r0, r4-r7, pc}\n");
}

#endif

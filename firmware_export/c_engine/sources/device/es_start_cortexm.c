/* es_start_cortexm.c: reset of an Arm M-profile core: vector table, FPU and MVE on, main.
 *
 * No clocks and no interrupts: the emulated boards need none, and a product brings its own.
 */
#include "es_bare.h"
#include "es_board.h"
#include "es_register.h"

extern uint32_t es_stack_top[];

enum { FAULT_EXIT_CODE = 70 };

void es_fault(void);

__attribute__((used)) void es_fault(void)
{
    es_board_exit(FAULT_EXIT_CODE);
}

/* The stack pointer may be what caused the fault: start over with it. */
__attribute__((naked)) static void on_fault(void)
{
    __asm__ volatile("ldr r0, =es_stack_top\n"
                     "mov sp, r0\n"
                     "bl es_fault");
}

#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
static void enable_coprocessors(void)
{
    const uintptr_t cpacr = 0xe000ed88u;
    *es_register(cpacr, 0) |= UINT32_C(0xf) << 20; /* CP10 and CP11: floats and vectors */
    __asm__ volatile("dsb\n isb" ::: "memory");
}
#else
static void enable_coprocessors(void)
{
}
#endif

void es_reset(void);

void es_reset(void)
{
    enable_coprocessors();
    es_bare_prepare();
    es_board_exit(main());
}

typedef void (*handler)(void);

/* Reset, NMI, hard fault; the configurable faults below are not enabled and end in hard fault. */
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    handler handlers[15];
} vectors = {es_stack_top, {es_reset, on_fault, on_fault, on_fault, on_fault, on_fault, on_fault}};

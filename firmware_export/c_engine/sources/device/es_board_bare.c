/* es_board_bare.c: the machine is a core with flash and RAM, laid out by es_sections.ld.
 *
 * The stack is painted before main and inspected afterwards. It lies at the start of RAM: one
 * that overflows runs out of RAM and faults on most boards instead of overwriting data.
 */
#include "es_bare.h"
#include "es_board.h"

/* Set by the linker script; only their addresses mean anything. */
extern uint32_t es_stack_limit[], es_stack_top[];
extern uint32_t es_data_load[], es_data_start[], es_data_end[], es_bss_start[], es_bss_end[];
extern uint8_t es_free_start[], es_free_end[];

#define PAINT UINT32_C(0x5afe57ac)

static size_t taken;

static void paint_stack(void)
{
    /* Below this frame, with room for what it may still push. */
    const uintptr_t end = (uintptr_t)__builtin_frame_address(0) - 64;
    for (volatile uint32_t *word = es_stack_limit; (uintptr_t)word < end; word++) {
        *word = PAINT;
    }
}

void es_bare_prepare(void)
{
    const uint32_t *from = es_data_load;
    for (volatile uint32_t *to = es_data_start; to < es_data_end; to++) {
        *to = *from++;
    }
    for (volatile uint32_t *to = es_bss_start; to < es_bss_end; to++) {
        *to = 0;
    }
    paint_stack();
}

void *es_board_memory(size_t bytes)
{
    taken = bytes;
    return bytes <= (size_t)(es_free_end - es_free_start) ? es_free_start : NULL;
}

uint32_t es_board_stack_peak(void)
{
    const volatile uint32_t *word = es_stack_limit;
    while (word < es_stack_top && *word == PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)es_stack_top - (uintptr_t)word);
}

uint32_t es_board_static_bytes(void)
{
    return (uint32_t)((uintptr_t)es_bss_end - (uintptr_t)es_data_start + taken);
}

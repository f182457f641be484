/* es_start_riscv.c: reset of a RISC-V core in machine mode: stack, trap handler, main.
 *
 * No interrupts. The entry must be the first code of the image: qemu's virt board jumps there.
 */
#include "es_bare.h"
#include "es_board.h"

enum { FAULT_EXIT_CODE = 70 };

__asm__(".pushsection .vectors, \"ax\"\n"
        ".globl es_reset\n"
        ".type es_reset, @function\n"
        "es_reset:\n"
        "  .option push\n"
        "  .option norelax\n" /* relaxed, the first load of gp would be relative to gp */
        "  la gp, __global_pointer$\n"
        "  .option pop\n"
        "  la sp, es_stack_top\n"
        "  la t0, es_riscv_fault\n"
        "  .option push\n"
        "  .option arch, +zicsr\n"
        "  csrw mtvec, t0\n"
        "  .option pop\n"
        "  j es_riscv_start\n"
        ".size es_reset, . - es_reset\n"
        ".popsection\n");

void es_riscv_fault(void);
void es_riscv_start(void);

__attribute__((aligned(4), used)) void es_riscv_fault(void)
{
    es_board_exit(FAULT_EXIT_CODE);
}

__attribute__((used)) void es_riscv_start(void)
{
    es_bare_prepare();
    es_board_exit(main());
}

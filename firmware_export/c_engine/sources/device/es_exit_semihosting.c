/* es_exit_semihosting.c: the end of a program on a bare core: the emulator exits, a core without
 * a debugger stops. */
#include "es_board.h"
#include "es_semihosting.h"

#define APPLICATION_EXIT UINT32_C(0x20026)

void es_board_exit(int code)
{
    const volatile uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)code};
    (void)es_semihosting_call(ES_SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

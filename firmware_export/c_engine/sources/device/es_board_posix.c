/* es_board_posix.c: the machine is a process. */
#include "es_board.h"

#include <stdlib.h>

void *es_board_memory(size_t bytes)
{
    return malloc(bytes);
}

uint32_t es_board_stack_peak(void)
{
    return 0;
}

uint32_t es_board_static_bytes(void)
{
    return 0;
}

void es_board_exit(int code)
{
    exit(code);
}

/* es_transport_posix.c: standard input and output, for Linux and for emulated Linux processes. */
#include "es_transport.h"

#include <stdio.h>

void es_transport_start(void)
{
}

int es_transport_get(void)
{
    return getchar();
}

void es_transport_put(int byte)
{
    putchar(byte);
}

void es_transport_flush(void)
{
    fflush(stdout);
}

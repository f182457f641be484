/* es_transport_ns16550.c: a 16550 UART with byte-wide registers, as qemu's riscv virt board has,
 * polled. Its FIFO stays off: switching it on would drop a byte that came before the start. */
#include "es_transport.h"

#include "es_register.h"

enum { DATA = 0, LINE_CONTROL = 3, LINE_STATUS = 5 };
enum { EIGHT_BITS = 3, RECEIVED = 1, SEND_EMPTY = 1 << 5 };

void es_transport_start(void)
{
    *es_register8(ES_UART, LINE_CONTROL) = EIGHT_BITS;
}

int es_transport_get(void)
{
    while (!(*es_register8(ES_UART, LINE_STATUS) & RECEIVED)) {
    }
    return *es_register8(ES_UART, DATA);
}

void es_transport_put(int byte)
{
    while (!(*es_register8(ES_UART, LINE_STATUS) & SEND_EMPTY)) {
    }
    *es_register8(ES_UART, DATA) = (uint8_t)byte;
}

void es_transport_flush(void)
{
}

/* es_transport_pl011.c: Arm's PL011 UART, as UART0 of an RP2040 has it, polled.
 *
 * The emulator needs no clock and pin set-up; a real RP2040 does (its SDK's uart_init does it).
 */
#include "es_transport.h"

#include "es_register.h"

enum { DATA = 0x00, FLAGS = 0x18, DIVIDER = 0x24, FRACTION = 0x28, LINE = 0x2c, CONTROL = 0x30 };
enum { RECEIVE_EMPTY = 1 << 4, SEND_FULL = 1 << 5 };
enum { EIGHT_BITS_WITH_FIFO = 0x70, ON_SEND_RECEIVE = 0x301 };
/* 115200 baud from 125 MHz: 67 + 52/64. */
enum { BAUD_DIVIDER = 67, BAUD_FRACTION = 52 };

void es_transport_start(void)
{
    *es_register(ES_UART, DIVIDER) = BAUD_DIVIDER;
    *es_register(ES_UART, FRACTION) = BAUD_FRACTION;
    *es_register(ES_UART, LINE) = EIGHT_BITS_WITH_FIFO;
    *es_register(ES_UART, CONTROL) = ON_SEND_RECEIVE;
}

int es_transport_get(void)
{
    while (*es_register(ES_UART, FLAGS) & RECEIVE_EMPTY) {
    }
    return (int)(*es_register(ES_UART, DATA) & 0xff);
}

void es_transport_put(int byte)
{
    while (*es_register(ES_UART, FLAGS) & SEND_FULL) {
    }
    *es_register(ES_UART, DATA) = (uint32_t)byte & 0xff;
}

void es_transport_flush(void)
{
}

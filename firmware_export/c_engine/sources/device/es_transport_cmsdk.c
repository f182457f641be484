/* es_transport_cmsdk.c: the CMSDK UART of Arm's MPS2 and MPS3 boards, polled.
 *
 * ES_UART is its address and comes from the build, because the boards differ in it. The clock is
 * that of the AN385 image; an emulator has no baud rate.
 */
#include "es_transport.h"

#include "es_register.h"

enum { DATA = 0x0, STATE = 0x4, CONTROL = 0x8, DIVIDER = 0x10 };
enum { SEND_FULL = 1, RECEIVE_FULL = 2, SEND_AND_RECEIVE = 3 };
enum { CLOCK = 25000000, BAUD = 115200 };

void es_transport_start(void)
{
    *es_register(ES_UART, DIVIDER) = CLOCK / BAUD;
    *es_register(ES_UART, CONTROL) = SEND_AND_RECEIVE;
}

int es_transport_get(void)
{
    while (!(*es_register(ES_UART, STATE) & RECEIVE_FULL)) {
    }
    return (int)(*es_register(ES_UART, DATA) & 0xff);
}

void es_transport_put(int byte)
{
    while (*es_register(ES_UART, STATE) & SEND_FULL) {
    }
    *es_register(ES_UART, DATA) = (uint32_t)byte & 0xff;
}

void es_transport_flush(void)
{
}

/* es_text.c: digits without printf, which would be most of a small firmware. */
#include "es_text.h"

#include "es_transport.h"

void es_text(const char *text)
{
    while (*text != '\0') {
        es_transport_put(*text++);
    }
}

void es_text_decimal(uint32_t number)
{
    char digits[11];
    unsigned at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    es_text(&digits[at]);
}

void es_text_hexadecimal(uint32_t number)
{
    for (int shift = 28; shift >= 0; shift -= 4) {
        es_transport_put("0123456789abcdef"[(number >> shift) & 15]);
    }
}

void es_text_thousandths(int32_t number)
{
    const uint32_t size = number < 0 ? 0 - (uint32_t)number : (uint32_t)number;
    if (number < 0) {
        es_transport_put('-');
    }
    es_text_decimal(size / 1000);
    es_transport_put('.');
    for (uint32_t unit = 100; unit > 0; unit /= 10) {
        es_transport_put((int)('0' + size / unit % 10));
    }
}

void es_text_end(void)
{
    es_transport_put('\n');
    es_transport_flush();
}

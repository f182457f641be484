/* es_text.c */
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

void es_text_end(void)
{
    es_transport_put('\n');
    es_transport_flush();
}

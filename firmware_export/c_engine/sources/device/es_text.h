/* es_text.h: text to the host through the transport, without a C library. */
#ifndef ES_TEXT_H
#define ES_TEXT_H

#include <stdint.h>

void es_text(const char *text);
void es_text_decimal(uint32_t number);
void es_text_hexadecimal(uint32_t number); /* always eight digits */
void es_text_thousandths(int32_t number);  /* 1234 as 1.234 */
void es_text_end(void);                    /* end the line and send it */

#endif

/* es_measure.c: in a file of its own, so that no compiler inlines or merges the marks. */
#include "es_measure.h"

void es_measure_begin(void)
{
    __asm__ volatile("");
}

void es_measure_end(void)
{
    __asm__ volatile("");
}

/* es_register.h: a memory-mapped register of a peripheral. */
#ifndef ES_REGISTER_H
#define ES_REGISTER_H

#include <stdint.h>

static inline volatile uint32_t *es_register(uintptr_t peripheral, uintptr_t offset)
{
    return (volatile uint32_t *)(peripheral + offset);
}

static inline volatile uint8_t *es_register8(uintptr_t peripheral, uintptr_t offset)
{
    return (volatile uint8_t *)(peripheral + offset);
}

#endif

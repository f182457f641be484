/* string.h: what the engine uses of it, for compilers that come without a C library.
 *
 * Searched last (-idirafter), so that a real C library's comes first; ../es_memory.c has the
 * functions. Not a C library.
 */
#ifndef ES_STRING_H
#define ES_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);

#endif

/* es_bare.h: between the start-up code of a core and everything that is the same on all cores. */
#ifndef ES_BARE_H
#define ES_BARE_H

/* Fill .data and .bss and paint the stack: the first thing after reset. */
void es_bare_prepare(void);

int main(void);

#endif

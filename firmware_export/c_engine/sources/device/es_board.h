/* es_board.h: what the probe and the demo ask of the machine they run on.
 *
 * es_board_bare.c answers from the linker script, es_board_posix.c from the operating system.
 */
#ifndef ES_BOARD_H
#define ES_BOARD_H

#include <stddef.h>
#include <stdint.h>

/* Memory for the engine, aligned to 8 bytes and never given back; NULL if there is too little.
 * To be called once. */
void *es_board_memory(size_t bytes);

/* Most bytes of stack in use so far; 0 where nobody knows. */
uint32_t es_board_stack_peak(void);

/* Bytes of RAM taken other than by the stack, es_board_memory included; 0 where nobody knows. */
uint32_t es_board_static_bytes(void);

/* End the program; does not return. */
void es_board_exit(int code);

#endif

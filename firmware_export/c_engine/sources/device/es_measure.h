/* es_measure.h: marks in the instruction stream, for an emulator that counts between them.
 *
 * Real functions with names of their own: the counter finds them in the symbol table.
 */
#ifndef ES_MEASURE_H
#define ES_MEASURE_H

void es_measure_begin(void);
void es_measure_end(void);

#endif

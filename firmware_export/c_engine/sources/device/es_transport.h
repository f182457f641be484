/* es_transport.h: bytes between a firmware and its host, whatever carries them.
 *
 * One of es_transport_*.c is compiled in. No framing, no timeouts, no interrupts.
 */
#ifndef ES_TRANSPORT_H
#define ES_TRANSPORT_H

/* Once, before anything else. */
void es_transport_start(void);

/* Wait for the next byte, 0..255; -1 when the host has closed the stream. */
int es_transport_get(void);

/* Send one byte; it may wait in a buffer until es_transport_flush. */
void es_transport_put(int byte);

void es_transport_flush(void);

#endif

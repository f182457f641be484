/* edge_ser.h: arousal, dominance and valence of speech, one stream of 16 kHz mono PCM in.
 *
 * Dependency-free C99. The caller owns all memory, nothing is allocated, no global is written,
 * no file, clock or operating system is touched. One engine per stream; engines are independent,
 * and one engine must not be used from two threads at once.
 *
 *     static _Alignas(8) unsigned char memory[...];     at least edge_ser_get_buffer_size() bytes
 *     edge_ser *engine = edge_ser_init(memory, sizeof memory);
 *     for (;;) {
 *         edge_ser_push(engine, samples, count);        any count, as the microphone gives them
 *         edge_ser_result now = edge_ser_get_result(engine);
 *         if (now.ready) use(now.arousal, now.dominance, now.valence);
 *     }
 *
 * Equal samples give equal bits on every machine with IEEE 754 floats, whatever the chunks.
 */
#ifndef EDGE_SER_H
#define EDGE_SER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EDGE_SER_SAMPLE_RATE 16000

typedef struct edge_ser edge_ser;

/* Latest reading, over the window before the last completed block (whole signal after
 * edge_ser_finish if it was shorter than the window). */
typedef struct {
    float arousal;   /* about 0..1, not clipped */
    float dominance;
    float valence;
    uint32_t blocks; /* blocks completed since reset; rises by one with each new reading */
    bool ready;      /* false until the first blocks are complete: the values are 0 until then */
} edge_ser_result;

/* Bytes that edge_ser_init needs. */
size_t edge_ser_get_buffer_size(void);

/* Make an engine in the caller's memory; it is reset. Returns NULL if `buffer` is NULL, not
 * aligned to 8 bytes or `size` is too small. */
edge_ser *edge_ser_init(void *buffer, size_t size);

/* Forget everything heard, and a fixed level. */
void edge_ser_reset(edge_ser *engine);

/* Hear `count` samples (full scale 32768). Samples after edge_ser_finish are ignored until the
 * next reset. */
void edge_ser_push(edge_ser *engine, const int16_t *samples, size_t count);

/* The signal ends: the last frames get the padding that an offline pass gives them, and what
 * has been heard since the last block is closed as a shorter one. The result is then ready if at
 * least one frame has been heard. Without it a stream simply stops. */
void edge_ser_finish(edge_ser *engine);

/* Use this mean and variance (of samples divided by 32768) instead of the running level, from the
 * next frame on: per-clip normalisation, for a caller who has the whole clip. */
void edge_ser_set_level(edge_ser *engine, float mean, float variance);

edge_ser_result edge_ser_get_result(const edge_ser *engine);

/* Of the edge-ser that generated this engine; SHA-256 (hex) of the quantised backbone; which
 * kernels were compiled in, for example "plain" or "dsp". */
const char *edge_ser_version(void);
const char *edge_ser_model_sha256(void);
const char *edge_ser_kernels(void);

#ifdef __cplusplus
}
#endif
#endif

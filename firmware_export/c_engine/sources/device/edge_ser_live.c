/* edge_ser_live.c: a Linux command: 16 kHz mono PCM on standard input, readings as JSON lines.
 *
 *     arecord -q -t raw -f S16_LE -r 16000 -c 1 | edge-ser-live
 *
 * One line per reading, flushed at once, its fields as those of `edge-ser stream --json`. Captures
 * nothing itself and stores nothing.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge_ser.h"
#include "es_model.h"

enum { FAILED = 1, UNUSABLE = 2 };
/* Samples are pushed by steps of 10 ms, so that a reading's time depends on the signal alone and
 * not on how the pipe cuts it. */
enum { STEP = EDGE_SER_SAMPLE_RATE / 100, READ_BYTES = 4096 };

typedef struct {
    edge_ser *engine;
    int16_t step[STEP];
    size_t in_step;
    unsigned char low; /* of a sample whose other byte has not come yet */
    bool half;
    unsigned long long samples; /* pushed */
    uint32_t printed;           /* blocks, at the last line */
} listener;

static const char usage[] =
    "usage: edge-ser-live [--help | --version]\n"
    "\n"
    "Reads 16 kHz mono 16-bit little-endian PCM from standard input until it ends and writes\n"
    "one JSON object a line: arousal, dominance and valence, each about 0..1, of the last\n"
    "seconds. The first reading needs a second of sound or so; `partial` is true until a whole\n"
    "window has been heard. The end of the input gives a last one for what came since.\n"
    "\n"
    "  arecord -q -t raw -f S16_LE -r 16000 -c 1 | edge-ser-live\n"
    "  sox talk.mp3 -t raw -e signed -b 16 -L -r 16000 -c 1 - | edge-ser-live\n"
    "\n"
    "exit codes: 0 the input ended, 1 reading or writing failed or there was no sound,\n"
    "2 wrong option or input that is not raw PCM\n";

static int complain(int code, const char *what)
{
    fprintf(stderr, "edge-ser-live: %s\n", what);
    return code;
}

static int print_reading(listener *l)
{
    const edge_ser_result now = edge_ser_get_result(l->engine);
    if (!now.ready || now.blocks == l->printed) {
        return 0;
    }
    l->printed = now.blocks;
    /* Without a detector every window counts as speech, as in `edge-ser stream --vad off`. */
    printf("{\"schema\": 2, \"type\": \"reading\", \"t\": %.3f, \"state\": \"speech\", "
           "\"arousal\": %.9g, \"dominance\": %.9g, \"valence\": %.9g, \"partial\": %s, "
           "\"engine\": \"c\", \"engine_version\": \"%s\", \"model_sha256\": \"%s\"}\n",
           (double)l->samples / EDGE_SER_SAMPLE_RATE, (double)now.arousal, (double)now.dominance,
           (double)now.valence, now.blocks < ES_WINDOW_BLOCKS ? "true" : "false",
           edge_ser_version(), edge_ser_model_sha256());
    return fflush(stdout) == 0 ? 0 : complain(FAILED, "standard output cannot be written");
}

static int push_step(listener *l)
{
    edge_ser_push(l->engine, l->step, l->in_step);
    l->samples += l->in_step;
    l->in_step = 0;
    return print_reading(l);
}

/* Any cut of the byte stream, also in the middle of a sample. */
static int hear(listener *l, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!l->half) {
            l->low = bytes[i];
        } else {
            const unsigned value = (unsigned)bytes[i] << 8 | l->low;
            l->step[l->in_step++] = (int16_t)(value < 0x8000 ? (int)value : (int)value - 0x10000);
        }
        l->half = !l->half;
        if (l->in_step == STEP && push_step(l) != 0) {
            return FAILED;
        }
    }
    return 0;
}

/* The input has ended; half a sample at its end means nothing. */
static int end(listener *l)
{
    if (push_step(l) != 0) {
        return FAILED;
    }
    edge_ser_finish(l->engine);
    if (!edge_ser_get_result(l->engine).ready) {
        return complain(FAILED, "the input ended before there was anything to judge");
    }
    return print_reading(l);
}

static ssize_t read_some(unsigned char *bytes)
{
    ssize_t count = 0;
    do {
        count = read(STDIN_FILENO, bytes, READ_BYTES);
    } while (count < 0 && errno == EINTR);
    return count;
}

static int listen_to_input(listener *l)
{
    unsigned char bytes[READ_BYTES];
    ssize_t count = 0;
    bool first = true;
    while ((count = read_some(bytes)) > 0) {
        if (first && count >= 4 && memcmp(bytes, "RIFF", 4) == 0) {
            return complain(UNUSABLE, "this is a WAV file, not raw PCM: leave out its header "
                                      "(arecord -t raw; sox talk.wav -t raw -)");
        }
        first = false;
        if (hear(l, bytes, (size_t)count) != 0) {
            return FAILED;
        }
    }
    return count == 0 ? end(l) : complain(FAILED, strerror(errno));
}

static int live(void)
{
    static listener l;
    const size_t size = edge_ser_get_buffer_size();
    void *memory = malloc(size);
    l.engine = edge_ser_init(memory, size);
    const int code =
        l.engine != NULL ? listen_to_input(&l) : complain(FAILED, "there is not enough memory");
    free(memory);
    return code;
}

int main(int count, char **arguments)
{
    if (count == 1) {
        return live();
    }
    if (count == 2 && strcmp(arguments[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (count == 2 && strcmp(arguments[1], "--version") == 0) {
        printf("edge-ser-live %s, kernels %s, model %s\n", edge_ser_version(), edge_ser_kernels(),
               edge_ser_model_sha256());
        return 0;
    }
    fprintf(stderr, "edge-ser-live: unknown option %s\n%s", arguments[1], usage);
    return UNUSABLE;
}

/* es_transport_semihosting.c: the console of a debugger or of qemu.
 *
 * Built with ES_HOST_FILES, it uses the emulator's own standard input and output instead: fast,
 * and the only input that works with qemu 7.2, whose console reads nothing (":tt", SYS_READC).
 */
#include "es_transport.h"

#include <stddef.h>

#include "es_semihosting.h"

#ifdef ES_HOST_FILES
static const char input_name[] = "/dev/stdin", output_name[] = "/dev/stdout";
#else
static const char input_name[] = ":tt", output_name[] = ":tt";
#endif

enum { MODE_READ = 0, MODE_WRITE = 4 };

typedef struct {
    uintptr_t file;
    unsigned char bytes[128]; /* a call to the host costs far more than a byte */
    size_t count, next;
} buffer;

static buffer input, output;

static uintptr_t open_file(const char *name, size_t length, uintptr_t mode)
{
    const uintptr_t block[3] = {(uintptr_t)name, mode, length};
    return es_semihosting_call(ES_SYS_OPEN, block);
}

/* Bytes that were not transferred. */
static size_t transfer(uintptr_t operation, buffer *b, size_t count)
{
    const uintptr_t block[3] = {b->file, (uintptr_t)b->bytes, count};
    return es_semihosting_call(operation, block);
}

void es_transport_start(void)
{
    input.file = open_file(input_name, sizeof input_name - 1, MODE_READ);
    output.file = open_file(output_name, sizeof output_name - 1, MODE_WRITE);
}

int es_transport_get(void)
{
    if (input.next == input.count) {
        input.count = sizeof input.bytes - transfer(ES_SYS_READ, &input, sizeof input.bytes);
        input.next = 0;
    }
    return input.count == 0 ? -1 : input.bytes[input.next++];
}

void es_transport_flush(void)
{
    (void)transfer(ES_SYS_WRITE, &output, output.count);
    output.count = 0;
}

void es_transport_put(int byte)
{
    output.bytes[output.count++] = (unsigned char)byte;
    if (output.count == sizeof output.bytes) {
        es_transport_flush();
    }
}

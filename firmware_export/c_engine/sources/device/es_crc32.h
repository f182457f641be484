/* es_crc32.h: CRC-32 as zlib computes it, over pieces: crc = es_crc32(crc, piece, size), from 0. */
#ifndef ES_CRC32_H
#define ES_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t es_crc32(uint32_t crc, const void *bytes, size_t count);

#endif

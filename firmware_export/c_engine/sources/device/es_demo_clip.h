/* es_demo_clip.h: the sound that the demo listens to; es_demo_clip.c is generated. */
#ifndef ES_DEMO_CLIP_H
#define ES_DEMO_CLIP_H

#include <stdint.h>

extern const int16_t es_demo_clip[]; /* 16 kHz, mono */
extern const uint32_t es_demo_clip_samples;

#endif

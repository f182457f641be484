/* es_frontend.c: collecting samples into frames; what a frame becomes is the implementations'. */
#include "es_frontend.h"

#include <string.h>

void es_frontend_reset(es_frontend *frontend)
{
    memset(frontend, 0, sizeof *frontend);
    frontend->unheard = ES_N_FFT - ES_HOP;
}

void es_count_hop(es_level *level, const int16_t *hop, int32_t *sum, int64_t *squares)
{
    *sum = 0;
    *squares = 0;
    for (int i = 0; i < ES_HOP; i++) {
        *sum += hop[i];
        *squares += (int32_t)hop[i] * hop[i];
    }
    if (level->hops < ES_LEVEL_HOPS) {
        level->hops++;
    }
}

uint32_t es_frontend_take(es_frontend *frontend, const int16_t *samples, uint32_t count,
                          int8_t *codes, bool *complete)
{
    const uint32_t wanted = (uint32_t)ES_HOP - frontend->fresh;
    const uint32_t taken = count < wanted ? count : wanted;
    int16_t *to = frontend->heard + (ES_N_FFT - ES_HOP) + frontend->fresh;
    memcpy(to, samples, taken * sizeof *samples);
    frontend->fresh = (uint16_t)(frontend->fresh + taken);
    *complete = frontend->fresh == ES_HOP;
    if (*complete) {
        es_frontend_row(frontend, codes);
        memmove(frontend->heard, frontend->heard + ES_HOP,
                (ES_N_FFT - ES_HOP) * sizeof *frontend->heard);
        frontend->fresh = 0;
        frontend->unheard =
            (uint16_t)(frontend->unheard > ES_HOP ? frontend->unheard - ES_HOP : 0);
    }
    return taken;
}

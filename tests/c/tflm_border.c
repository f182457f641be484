/* tflm_border.c: es_tflm.h with a Python function in the interpreter's place, for tests. */
#include "es_tflm.h"

#include "es_tflm_model.h"

typedef bool (*model)(const int8_t *input, int8_t *values, int8_t *scores);

static int8_t input[ES_TFLM_FRAMES * ES_TFLM_BANDS];
static int8_t outputs[2][ES_TFLM_OUTPUTS * ES_TFLM_FEATURES];
static model run;

void set_model(model function);

void set_model(model function)
{
    run = function;
}

int8_t *es_tflm_input(void)
{
    return input;
}

bool es_tflm_invoke(const int8_t **values, const int8_t **scores)
{
    *values = outputs[0];
    *scores = outputs[1];
    return run(input, outputs[0], outputs[1]);
}

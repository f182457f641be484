// es_tflm.cc: TFLite-Micro's interpreter for the backbone; the only C++ of the hand-off.
#include "es_tflm.h"

#include "es_tflm_model.h"
#include "es_tflm_resolver.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace {

alignas(16) uint8_t arena[ES_TFLM_ARENA_BYTES];
const char *problem = nullptr;

bool fits(const TfLiteTensor *tensor, size_t bytes) {
  return tensor != nullptr && tensor->type == kTfLiteInt8 && tensor->bytes == bytes;
}

const char *start(es_tflm_resolver &resolver, tflite::MicroInterpreter &interpreter) {
  if (es_tflm_add_operators(resolver) != kTfLiteOk) {
    return "an operator could not be registered";
  }
  if (interpreter.AllocateTensors() != kTfLiteOk) {
    return "the arena is too small: raise ES_TFLM_ARENA_BYTES";
  }
  constexpr size_t kOut = size_t{ES_TFLM_OUTPUTS} * ES_TFLM_FEATURES;
  if (!fits(interpreter.input(0), size_t{ES_TFLM_FRAMES} * ES_TFLM_BANDS) ||
      !fits(interpreter.output(ES_TFLM_VALUES), kOut) ||
      !fits(interpreter.output(ES_TFLM_SCORES), kOut)) {
    return "es_tflm_model.h and es_tflm_model.cc do not belong together";
  }
  return nullptr;
}

tflite::MicroInterpreter *interpreter() {
  static es_tflm_resolver resolver;
  static tflite::MicroInterpreter instance(tflite::GetModel(es_tflm_model), resolver, arena,
                                           sizeof arena);
  static const char *const failure = start(resolver, instance);
  if (failure != nullptr) {
    problem = failure;
    return nullptr;
  }
  return &instance;
}

}  // namespace

int8_t *es_tflm_input(void) {
  tflite::MicroInterpreter *const running = interpreter();
  return running == nullptr ? nullptr : running->input(0)->data.int8;
}

bool es_tflm_invoke(const int8_t **values, const int8_t **scores) {
  tflite::MicroInterpreter *const running = interpreter();
  if (running == nullptr) {
    return false;
  }
  if (running->Invoke() != kTfLiteOk) {
    problem = "TFLite-Micro's Invoke failed";
    return false;
  }
  *values = running->output(ES_TFLM_VALUES)->data.int8;
  *scores = running->output(ES_TFLM_SCORES)->data.int8;
  return true;
}

const char *es_tflm_error(void) { return problem; }

size_t es_tflm_arena_used(void) {
  tflite::MicroInterpreter *const running = interpreter();
  return running == nullptr ? 0 : running->arena_used_bytes();
}

// Readings.ino: 16 kHz, mono, signed 16-bit little-endian samples come in over the serial port,
// readings go out. In a product a microphone's driver fills `samples` instead.
#include <edge_ser.h>

@{buffer_note}static uint64_t memory[@{buffer_words}];
static int16_t samples[160];
static edge_ser *engine;
static uint32_t seen;

void setup() {
  Serial.begin(921600);
  engine = edge_ser_init(memory, sizeof memory);
}

void loop() {
  if (engine == NULL) {
    Serial.println("the engine needs more memory");
    delay(1000);
    return;
  }
  size_t bytes = Serial.readBytes((char *)samples, sizeof samples);
  while (bytes % 2 != 0) { // half a sample: its other byte is on its way
    bytes += Serial.readBytes((char *)samples + bytes, 1);
  }
  edge_ser_push(engine, samples, bytes / 2);
  const edge_ser_result now = edge_ser_get_result(engine);
  if (now.ready && now.blocks != seen) {
    seen = now.blocks;
    Serial.print(now.arousal, 3);
    Serial.print(' ');
    Serial.print(now.dominance, 3);
    Serial.print(' ');
    Serial.println(now.valence, 3);
  }
}

"""TFLite-Micro: the hand-off for firmware, and its real interpreter on this machine.

For chips that the C engine has no fast kernels for (ESP32-S3 and others), and under an NPU.
"""

from firmware_export.tflm.handoff import write_tflm

__all__ = ["write_tflm"]

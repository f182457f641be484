"""Float checkpoint to verified bundle: ONNX, int8 ONNX, TFLite, targets."""

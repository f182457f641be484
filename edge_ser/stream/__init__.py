"""Live arousal, dominance and valence from a microphone or a file.

    source -> resampler -> window scheduler -> inference -> sinks

Capture never waits for inference. Nothing here imports torch, onnx or a converter; numpy,
one runtime and, for the microphone, PortAudio are enough. What is lost on the way (dropped
samples, skipped windows, clipping) is counted and shown, never hidden.

Non-goals of this version: incremental inference (each window is computed whole), voice
activity detection, network sinks. `protocols.py` is the seam for them.
"""

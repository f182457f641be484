"""Live arousal, dominance and valence: from a microphone, a file or the network to whoever listens.

    source (capture/) -> analyser (analysis/) -> interpreter and rules (meaning/)
                      -> outboxes -> sinks (sinks/, web/, actions/)

Capture never waits for inference, and inference never for a sink: `protocols.py` has the seams.
Nothing here imports torch, onnx or a converter; numpy and one runtime are enough, and what a
source or a sink needs beside them is imported when it is asked for. What is lost on the way
(dropped samples, skipped windows, readings that a sink did not take) is counted and shown, never
hidden. What runs for months (configuration, logs, watchdog) is in service/.

Non-goals: telling speakers apart, storing audio unasked, TLS for what listens (a reverse proxy's
work).
"""

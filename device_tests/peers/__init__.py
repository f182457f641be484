"""Other inference engines, measured beside the C engine: instructions per inference, no times.

Who is measured, on what: `measure.measure_all`. The table: `edge_ser.bench.c_engine`.
"""

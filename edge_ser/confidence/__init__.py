"""What a reading is worth, by measurement: scenes with a known truth, fitting, judging, a report.

Workstation only; the arithmetic that a device needs is `edge_ser.stream.meaning.confidence`.
"""

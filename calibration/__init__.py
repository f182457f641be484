"""Choosing calibration clips and observing activation ranges; knows no file format of a target."""

"""Accuracy drift: how far each step from the teacher to the device moves the predictions."""

from edge_ser.drift.measure import DriftClip, DriftResult, measure

__all__ = ["DriftClip", "DriftResult", "measure"]

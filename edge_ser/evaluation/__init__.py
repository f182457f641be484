"""Scoring a model against a teacher and against emotion categories."""

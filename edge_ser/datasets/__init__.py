"""Datasets become corpus folders: audio, a `manifest.csv`, and a `licence.json`."""

from __future__ import annotations

"""Labelling audio with a teacher and training students on those labels."""

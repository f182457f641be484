"""What a value is worth: speech or not, confidence, smoothing, a personal baseline, events."""

"""Where audio comes from: every source gives mono blocks at 16 kHz and never waits."""

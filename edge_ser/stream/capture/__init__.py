"""Where audio comes from: every source gives mono blocks at 16 kHz and never waits."""

from edge_ser.stream.capture.select import list_devices, open_source

__all__ = ["list_devices", "open_source"]

"""Bundles: reading, validating, packing and verifying what goes onto a device.

Standard library and numpy only. A bundle is a folder or its `.tar.gz` with a manifest.
"""

from edge_ser.bundle.manifest import Manifest
from edge_ser.bundle.packing import pack
from edge_ser.bundle.reader import Bundle, open_bundle

__all__ = ["Bundle", "Manifest", "open_bundle", "pack"]

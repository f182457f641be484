"""The browser hand-off: a folder that is a complete web page, model and runtime included.

It computes in the visitor's browser and needs no server but one that hands out files.
"""

from firmware_export.browser.site import FOLDER, write_browser

__all__ = ["FOLDER", "write_browser"]

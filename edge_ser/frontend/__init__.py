"""The log-mel front-end: one specification, several implementations proved equal."""

from edge_ser.frontend.spec import FrontEndSpec

__all__ = ["FrontEndSpec"]

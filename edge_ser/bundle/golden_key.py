"""Names of golden values: which engine runs which model with which kernels.

`ENGINE/ARTEFACT` for an engine's own kernels, `ENGINE/ARTEFACT@reference` for TFLite's
reference kernels. One model may have values of both: devices run the fast kernels, and only
the reference ones agree to the bit from processor to processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_ser.errors import BundleRefused

_REFERENCE = "@reference"


@dataclass(frozen=True, order=True)
class GoldenKey:
    """One set of golden values.

    Attributes:
        engine: e.g. "litert".
        artefact: file name of a model in the bundle.
        kernels: "default" or "reference".
    """

    engine: str
    artefact: str
    kernels: Literal["default", "reference"] = "default"

    @classmethod
    def parse(cls, text: str) -> GoldenKey:
        """Read a key of the manifest.

        Raises:
            BundleRefused: not `ENGINE/ARTEFACT` or `ENGINE/ARTEFACT@reference`.
        """
        engine, _, rest = text.partition("/")
        artefact = rest.removesuffix(_REFERENCE)
        if not (engine and artefact):
            raise BundleRefused(
                f"golden key {text!r:.80} is not ENGINE/ARTEFACT",
                "copy the bundle again, or export it again",
            )
        return cls(engine, artefact, "default" if rest == artefact else "reference")

    def __str__(self) -> str:
        suffix = _REFERENCE if self.kernels == "reference" else ""
        return f"{self.engine}/{self.artefact}{suffix}"

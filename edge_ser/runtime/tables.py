"""`backbone.json`: what the host needs around the int8 backbone, read strictly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle.decode import decode, parse_json
from edge_ser.bundle.manifest import BACKBONE_TABLES, Quantisation
from edge_ser.bundle.reader import Bundle
from edge_ser.errors import BundleRefused
from edge_ser.frontend.spec import FrontEndSpec
from edge_ser.runtime.blocks import STRIDE

_SCHEMA = 1


@dataclass(frozen=True)
class Head:
    """The pooled head: one linear over the pooled features.

    Attributes:
        second_order: whether the products x xT follow the features themselves.
        channels, bands: C and F of the backbone's outputs.
        weight: (3, C * F) or (3, C * F + C * C) float64, features in (C, F) order.
        bias: (3,) float64.
    """

    second_order: bool
    channels: int
    bands: int
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]


@dataclass(frozen=True)
class BackboneTables:
    """Quantisation of the backbone's input and outputs, its head and its front-end."""

    input: Quantisation
    values: Quantisation
    scores: Quantisation
    head: Head
    frontend: FrontEndSpec
    receptive_radius: int


@dataclass(frozen=True)
class _HeadJson:
    second_order: bool
    channels: int
    bands: int
    weight: tuple[tuple[float, ...], ...]
    bias: tuple[float, float, float]


@dataclass(frozen=True)
class _TablesJson:
    schema: int
    input: Quantisation
    values: Quantisation
    scores: Quantisation
    layers: tuple[Any, ...]
    head: _HeadJson
    frontend: FrontEndSpec
    time_stride: int
    receptive_radius: int


def read_tables(bundle: Bundle) -> BackboneTables:
    """The tables of a bundle.

    Raises:
        BundleRefused: missing, malformed, or not those of the manifest's front-end.
    """
    try:
        text = bundle.read(BACKBONE_TABLES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleRefused(f"{BACKBONE_TABLES} is not UTF-8 text") from error
    tables = decode(_TablesJson, parse_json(text, BACKBONE_TABLES), BACKBONE_TABLES)
    if tables.schema != _SCHEMA:
        raise BundleRefused(f"{BACKBONE_TABLES} has schema {tables.schema}, not {_SCHEMA}")
    if tables.frontend != bundle.manifest.frontend:
        raise BundleRefused(f"{BACKBONE_TABLES} and the manifest define different front-ends")
    if tables.time_stride != STRIDE:
        raise BundleRefused(
            f"{BACKBONE_TABLES} has a time stride of {tables.time_stride}; "
            f"this version runs {STRIDE}",
            "export the bundle again with this version of edge-ser",
        )
    return BackboneTables(
        input=tables.input,
        values=tables.values,
        scores=tables.scores,
        head=_head(tables.head),
        frontend=tables.frontend,
        receptive_radius=tables.receptive_radius,
    )


def _head(head: _HeadJson) -> Head:
    if not (0 < head.channels <= 4_096 and 0 < head.bands <= 4_096):
        raise BundleRefused(f"{BACKBONE_TABLES} has a head of {head.channels} x {head.bands}")
    width = head.channels * head.bands
    width += head.channels**2 if head.second_order else 0
    if [len(row) for row in head.weight] != [width] * 3:
        raise BundleRefused(f"{BACKBONE_TABLES}: head.weight is not 3 rows of {width}")
    return Head(
        head.second_order,
        head.channels,
        head.bands,
        np.array(head.weight, dtype=np.float64),
        np.array(head.bias, dtype=np.float64),
    )

"""Recording conditions: the same speech in two rooms, or at two places of one room.

The public suite takes measured impulse responses (MARDY for positions, AIR for rooms); these are
simulated by image sources (pyroomacoustics), in rooms such as those. As there, a prediction is
compared with that in the reference room or place, not with that of the dry clip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from edge_ser import SAMPLE_RATE
from edge_ser.errors import EnvironmentMissing
from edge_ser.evaluation.robustness.levels import at_full_scale
from edge_ser.evaluation.robustness.perturbation import ROOM, Perturbation, Signal

HEIGHT_METRES = 1.4
"""Of mouth and microphone."""

_OFF_CENTRE = 0.9
"""Microphones stand a little off the middle of the room, where its modes would coincide."""

_CORRECTIONS = 3
_DECAY_DB = 30


@dataclass(frozen=True)
class Place:
    """A room, and where in it somebody speaks.

    Attributes:
        size: length, width, height in metres.
        rt60: seconds of reverberation, which sets the walls' absorption.
        distance: metres from mouth to microphone.
        degrees: direction of the mouth, seen from the microphone; 0 is along the length.
    """

    size: tuple[float, float, float]
    rt60: float
    distance: float
    degrees: float = 0.0


BOOTH = Place((3.0, 1.8, 2.2), 0.12, 1.5)
OTHER_ROOMS = (
    Place((8.0, 5.0, 3.1), 0.23, 1.9),  # meeting room
    Place((5.0, 6.4, 2.9), 0.43, 2.0),  # office
    Place((10.8, 10.9, 3.15), 0.78, 2.25),  # lecture room
)

_LIVING_ROOM = partial(Place, (6.4, 5.2, 2.7), 0.4)
NEAR_CENTRE = _LIVING_ROOM(1.0)
OTHER_PLACES = tuple(
    _LIVING_ROOM(distance, degrees)
    for distance in (1.0, 2.0, 3.0)
    for degrees in (-25.0, 0.0, 25.0)
    if (distance, degrees) != (1.0, 0.0)
)


def in_place(signal: Signal, random: Generator, places: tuple[Place, ...]) -> Signal:
    """The signal in one of the places, as long as before, peak at full scale."""
    place = places[int(random.integers(len(places)))]
    return at_full_scale(fftconvolve(signal, impulse_response(place))[: len(signal)])


@cache
def impulse_response(place: Place) -> NDArray[np.float64]:
    """(samples,), made once in a process; the same in every run, as nothing in it is random.

    Sabine's formula holds for diffuse sound, and a flat room with even walls is far from that:
    its decay comes out up to 60 % too long. So the absorption is corrected by what is measured.

    Raises:
        EnvironmentMissing: pyroomacoustics is not installed.
    """
    design = place.rt60
    response = _image_sources(place, design)
    for _ in range(_CORRECTIONS):
        design *= place.rt60 / reverberation_time(response)
        response = _image_sources(place, design)
    return response


def reverberation_time(response: NDArray[np.float64]) -> float:
    """Seconds of decay by 60 dB, from the first 30 dB (Schroeder's backward integration)."""
    seconds: float = _pyroomacoustics().experimental.measure_rt60(
        response, SAMPLE_RATE, decay_db=_DECAY_DB
    )
    return seconds


def _image_sources(place: Place, sabine_rt60: float) -> NDArray[np.float64]:
    pyroomacoustics = _pyroomacoustics()
    length, width, _ = place.size
    absorption, order = pyroomacoustics.inverse_sabine(sabine_rt60, place.size)
    room = pyroomacoustics.ShoeBox(
        place.size,
        fs=SAMPLE_RATE,
        materials=pyroomacoustics.Material(absorption),
        max_order=order,
    )
    angle = math.radians(place.degrees)
    along, across = place.distance * math.cos(angle), place.distance * math.sin(angle)
    microphone = ((length - place.distance) / 2 * _OFF_CENTRE, width / 2 * _OFF_CENTRE)
    room.add_microphone([*microphone, HEIGHT_METRES])
    room.add_source([microphone[0] + along, microphone[1] + across, HEIGHT_METRES])
    room.compute_rir()
    return np.asarray(room.rir[0][0], np.float64)


def _pyroomacoustics() -> Any:
    try:
        import pyroomacoustics
    except (ImportError, OSError) as error:
        raise EnvironmentMissing(
            f"simulated rooms need pyroomacoustics: {error}",
            "pip install 'edge-ser[robustness]'",
        ) from error
    return pyroomacoustics


ROOMS = (
    Perturbation(
        "position", ROOM,
        "another place of one room (1, 2 or 3 m, left, middle or right) than 1 m in the middle",
        partial(in_place, places=OTHER_PLACES),
        baseline=partial(in_place, places=(NEAR_CENTRE,)),
    ),
    Perturbation(
        "room", ROOM, "a meeting room, an office or a lecture room instead of a recording booth",
        partial(in_place, places=OTHER_ROOMS),
        baseline=partial(in_place, places=(BOOTH,)),
    ),
)  # fmt: skip

"""The options that say how speech is augmented, shared by the verbs that make a bank of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge_ser.cli.number import non_negative_int, positive_float, share

if TYPE_CHECKING:
    from edge_ser.audio.bank import BankSpec


def add_bank_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--noise`, `--seconds`, `--mixed`, `--channel`, `--hear` and `--seed`."""
    group = parser.add_argument_group("augmented audio")
    group.add_argument("--noise", type=Path, help="folder of background noise to mix in")
    group.add_argument(
        "--seconds", type=positive_float, default=1.6,
        help="of each augmented clip (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--mixed", type=share, default=0.3, help="share of mixed-up clips (default: %(default)s)"
    )
    group.add_argument(
        "--channel", type=share, default=0.0,
        help="share of clips through a strong equaliser or telephone (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--hear", choices=("degraded", "clean"), default="degraded",
        help="what the teacher answers on: the augmented clip, or the same clip before room, "
        "microphone and noise, which makes the student robust (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--seed", type=non_negative_int, default=0, help="of everything random (default: 0)"
    )


def chosen_bank(args: argparse.Namespace, items: int) -> BankSpec:
    """What the options of `add_bank_arguments` say of a bank of so many clips."""
    from edge_ser.audio.bank_recipe import student_bank

    return student_bank(
        items, args.seconds, args.mixed, args.seed, args.channel, args.hear == "clean"
    )

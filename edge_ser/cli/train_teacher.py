"""`edge-ser train-teacher`: the licence-clean default teacher, from EMO-DB, reproducibly."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_ser.cli.number import positive_int

EXAMPLES = """\
  edge-ser train-teacher --emodb data/emodb --noise data/noise --out teacher.safetensors
  edge-ser train-teacher --emodb data/emodb --noise data/noise --cross-validate \\
      --evaluate-on data/nemo_dev --out teacher.safetensors     # every figure of the card
Killed runs continue where they stopped: give the same --work folder again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--emodb", type=Path, required=True, help="EMO-DB folder with manifest.csv")
    parser.add_argument("--noise", type=Path, required=True, help="folder of background noise")
    parser.add_argument("--out", type=Path, required=True, help="teacher's .safetensors to write")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("work/teacher"),
        help="resumable state (default: %(default)s)",
    )
    parser.add_argument(
        "--cross-validate",
        action="store_true",
        help="also train the speaker folds, the baseline and the seeds, and report them",
    )
    parser.add_argument(
        "--without-baseline",
        action="store_true",
        help="leave the baseline network out of the teacher (the ablation of the model card)",
    )
    parser.add_argument(
        "--evaluate-on", type=Path, help="another corpus with emotion and speaker columns"
    )
    parser.add_argument(
        "--steps", type=positive_int, default=800, help="per network (default: %(default)s)"
    )
    parser.add_argument(
        "--batch", type=positive_int, default=32, help="clips per step (default: %(default)s)"
    )
    parser.add_argument(
        "--variants",
        type=positive_int,
        default=40,
        help="augmented versions per clip (default: %(default)s)",
    )
    parser.add_argument(
        "--seeds", type=positive_int, default=3, help="seeds of one fold (default: %(default)s)"
    )
    parser.add_argument(
        "--jobs",
        type=positive_int,
        default=2,
        help="networks trained at once (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Train, evaluate, write weights and card; 1 when the baseline is not beaten."""
    from edge_ser.teachers.recipe import TeacherRecipe, train_teacher

    recipe = TeacherRecipe(
        emodb=args.emodb,
        noise=args.noise,
        work=args.work,
        steps=args.steps,
        batch=args.batch,
        variants=args.variants,
        seeds=args.seeds,
        jobs=args.jobs,
        cross_validate=args.cross_validate,
        evaluate_on=args.evaluate_on,
        with_baseline=not args.without_baseline,
    )
    return 0 if train_teacher(recipe, args.out) else 1

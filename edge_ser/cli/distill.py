"""`edge-ser distill`: a student learns a teacher's outputs."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_ser.cli.bank_arguments import add_bank_arguments
from edge_ser.cli.number import positive_float, positive_int
from edge_ser.cli.teacher_arguments import add_teacher_arguments, chosen_teacher

EXAMPLES = """\
  edge-ser distill --student wav2small --audio data/emodb data/speech --noise data/noise \\
      --out my/wav2small.safetensors
  edge-ser distill --student wav2small --audio recordings/ --teacher my/teacher.safetensors \\
      --out my/wav2small.safetensors
  edge-ser distill --student wav2small --audio recordings/ --labels labels/ \\
      --out my/wav2small.safetensors      # stored labels, the teacher is not run; labels of
                                          # augmented audio are replayed (docs/LABELLING.md)
  torchrun --nproc-per-node 2 -m edge_ser distill --audio recordings/ --out my/student.safetensors
                                          # two processes (or GPUs) share each batch
Killed runs continue where they stopped: give the same --work folder again.
Next: edge-ser export --checkpoint my/wav2small.safetensors --calibration-audio recordings/"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--student", default="wav2small", help="architecture (default: %(default)s)"
    )
    parser.add_argument("--audio", type=Path, nargs="+", required=True, help="folders of speech")
    parser.add_argument("--out", type=Path, required=True, help="student's .safetensors to write")
    teaching = parser.add_mutually_exclusive_group()
    add_teacher_arguments(parser, teaching, precision_option="--teacher-precision")
    teaching.add_argument("--labels", type=Path, help="label store to learn from instead")
    parser.add_argument(
        "--start-from", type=Path, metavar="CHECKPOINT",
        help="go on from a trained student, e.g. with another teacher or more audio",
    )  # fmt: skip
    parser.add_argument(
        "--held-out", nargs="*", default=[], metavar="CORPUS/SPEAKER",
        help="speakers to keep out of training and to watch (default: a fixed tenth)",
    )  # fmt: skip
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("work/distill"),
        help="resumable state (default: %(default)s)",
    )
    parser.add_argument(
        "--items",
        type=positive_int,
        default=30_000,
        help="augmented clips in the bank (default: %(default)s)",
    )
    add_bank_arguments(parser)
    parser.add_argument("--steps", type=positive_int, default=2_000, help="(default: %(default)s)")
    parser.add_argument(
        "--batch", type=positive_int, default=32, help="clips per step (default: %(default)s)"
    )
    parser.add_argument(
        "--learning-rate", type=positive_float, default=4e-3, help="peak (default: %(default)s)"
    )
    parser.add_argument(
        "--jobs", type=positive_int, default=2, help="processes that augment (default: %(default)s)"
    )
    parser.add_argument(
        "--threads",
        type=positive_int,
        default=1,
        help="of torch, in each process (default: %(default)s)",
    )
    parser.add_argument(
        "--precision", choices=("32", "bf16-mixed", "16-mixed"), default="bf16-mixed",
        help="of the student's training; 16-mixed on GPUs only (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--compile", action="store_true", help="compile the student with torch.compile; GPUs only"
    )


def run(args: argparse.Namespace) -> int:
    """Distil and print the agreement with the teacher on speakers kept out."""
    import torch

    from edge_ser.distillation.recipe import DistillRecipe, run_recipe
    from edge_ser.training.processes import lost_processes_named, start_processes

    torch.set_num_threads(args.threads)
    recipe = DistillRecipe(
        student=args.student,
        audio=tuple(args.audio),
        noise=args.noise,
        work=args.work,
        items=args.items,
        seconds=args.seconds,
        mixed=args.mixed,
        steps=args.steps,
        batch=args.batch,
        learning_rate=args.learning_rate,
        seed=args.seed,
        jobs=args.jobs,
        held_out=tuple(args.held_out),
        labels=args.labels,
        start_from=args.start_from,
        teacher=args.teacher,
        channel=args.channel,
        hear=args.hear,
        precision=args.precision,
        compiled=args.compile,
    )
    fabric = start_processes(args.device, args.precision)
    with lost_processes_named(fabric):
        teacher = None if args.labels else chosen_teacher(args).load()
        metrics = run_recipe(recipe, teacher, args.out, fabric)
    if not fabric.is_global_zero:
        return 0
    for unseen, figures in metrics.items():
        for name, value in figures.items():
            whom = unseen.replace("_", " ")
            print(f"{name} to the teacher, augmented audio of {whom}: {value:.3f}")
    print(f"wrote {args.out} with its card and learning curve")
    print(f"next: edge-ser export --checkpoint {args.out} --calibration-audio {args.audio[0]}")
    return 0

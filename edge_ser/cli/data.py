"""`edge-ser data`: datasets and folders of audio as corpora; splits; what leaks the label."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge_ser.cli.number import non_negative_int, positive_int
from edge_ser.errors import InputError

if TYPE_CHECKING:
    from edge_ser.datasets.soft_targets import VoteRule

EXAMPLES = """\
  edge-ser data list
  edge-ser data get emodb --out data/emodb
  edge-ser data get crema-d --version 1.3.0 --out data/crema-d --cache ~/audb
  edge-ser data votes CREMA-D/AudioWAV --table CREMA-D/processedResults/tabulatedVotes.csv
  edge-ser data import recordings/ --table labels.csv --column path=file --column emotion=label \\
      --emotion ang=anger --name "Our calls" --licence "internal use"
  edge-ser data check data/emodb --plot emodb.png
  edge-ser data split data/emodb --parts train=0.6 dev=0.2 test=0.2
  edge-ser data split data/emodb --folds 5 --folders data/folds
docs/DATA.md explains the corpus folder, the votes and the leaks."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="datasets known by name: version, licence, size")
    _add_get(commands.add_parser("get", help="a known dataset through audb, 16 kHz mono"))
    _add_votes(commands.add_parser("votes", help="CREMA-D's tabulatedVotes.csv -> A/D/V targets"))
    _add_import(commands.add_parser("import", help="a folder of audio with a CSV file"))
    _add_check(commands.add_parser("check", help="level and duration by class: what leaks?"))
    _add_split(commands.add_parser("split", help="speaker-disjoint parts or folds"))


def run(args: argparse.Namespace) -> int:
    """Run a sub-command; `check` gives 1 for overlapping speakers or unreadable files."""
    commands = {
        "list": _list,
        "get": _get,
        "votes": _votes,
        "import": _import,
        "check": _check,
        "split": _split,
    }
    return commands[args.command](args)


def _list(args: argparse.Namespace) -> int:
    from edge_ser.datasets.known import KNOWN

    for dataset in KNOWN.values():
        print(
            f"{dataset.name} {dataset.version}: {dataset.title}\n"
            f"  size:    {dataset.size}\n"
            f"  licence: {dataset.licence} ({dataset.licence_url})\n"
            f"  permits: {dataset.permits}"
        )
    return 0


def _add_get(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="as `edge-ser data list` shows it")
    parser.add_argument("--out", type=Path, required=True, help="corpus folder to write")
    parser.add_argument("--version", help="of the dataset (default: the one that `list` shows)")
    parser.add_argument(
        "--cache", type=Path, help="audb's cache (default: AUDB_CACHE_ROOT, ~/audb)"
    )
    parser.add_argument(
        "--repository", nargs=2, metavar=("NAME", "HOST"),
        help="folder HOST/NAME that audb.publish filled, instead of the public repository",
    )  # fmt: skip
    parser.add_argument("--workers", type=positive_int, default=4, help="default: %(default)s")
    _add_rule(parser)


def _get(args: argparse.Namespace) -> int:
    from edge_ser.datasets.get import Wanted, get
    from edge_ser.datasets.known import known_dataset

    repository = (args.repository[0], Path(args.repository[1])) if args.repository else None
    wanted = Wanted(
        args.name, args.version, args.cache, repository, _rule(args), workers=args.workers
    )
    clips = get(wanted, args.out)
    dataset = known_dataset(args.name)
    print(f"{clips} clips of {dataset.title} -> {args.out}")
    print(f"licence: {dataset.licence}: {dataset.permits}")
    return 0


def _add_rule(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("votes", "of datasets with several listeners per clip")
    group.add_argument(
        "--weight", action="append", type=_weight, metavar="MODALITY=WEIGHT", dest="weights",
        help="what a vote of those who had voice, face or multimodal counts; may be repeated "
        "(default: voice=1 only)",
    )  # fmt: skip
    group.add_argument(
        "--smoothing", type=float, default=1.0, metavar="VOTES",
        help="pseudo-votes spread over the emotions (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--fewest", type=float, default=3.0, metavar="VOTES",
        help="a clip with fewer gets no target (default: %(default)s)",
    )  # fmt: skip


def _rule(args: argparse.Namespace) -> VoteRule:
    from edge_ser.datasets.soft_targets import VoteRule

    weights = dict(args.weights) if args.weights else {"voice": 1.0}
    return VoteRule(weights, args.smoothing, args.fewest)


def _weight(text: str) -> tuple[str, float]:
    name, value = _pair(text)
    try:
        return name, float(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{value!r} is not a number") from error


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def _add_votes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="audio named as in the table, e.g. AudioWAV")
    parser.add_argument("--table", type=Path, required=True, help="tabulatedVotes.csv")
    parser.add_argument("--demographics", type=Path, help="VideoDemographics.csv, for age and sex")
    _add_rule(parser)


def _votes(args: argparse.Namespace) -> int:
    from edge_ser.datasets.votes import add_votes

    targets, clips = add_votes(args.folder, args.table, _rule(args), args.demographics)
    print(f"{targets} of {clips} clips have a target -> {args.folder / 'manifest.csv'}")
    return 0


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="of audio; the manifest is written into it")
    parser.add_argument("--table", type=Path, required=True, help="CSV file, UTF-8, with a header")
    parser.add_argument(
        "--column", action="append", type=_pair, default=[], metavar="OURS=THEIRS",
        help="path (needed), speaker, sex, age, emotion, arousal, dominance, valence, or any other",
    )  # fmt: skip
    parser.add_argument(
        "--emotion", action="append", type=_pair, default=[], metavar="THEIRS=OURS",
        help="rename an emotion, e.g. ang=anger",
    )  # fmt: skip
    parser.add_argument(
        "--label-range", nargs=2, type=float, default=(0.0, 1.0), metavar=("LOW", "HIGH"),
        help="scale of arousal, dominance, valence, mapped to 0..1 (default: 0 1)",
    )  # fmt: skip
    parser.add_argument("--separator", default=",", help="between columns (default: comma)")
    parser.add_argument("--name", required=True, help="what the corpus is called in a card")
    parser.add_argument("--licence", required=True, help="SPDX identifier or a sentence")
    parser.add_argument("--skip-missing", action="store_true", help="leave rows without audio out")
    parser.add_argument("--replace", action="store_true", help="overwrite manifest.csv")


def _import(args: argparse.Namespace) -> int:
    from edge_ser.datasets.table_import import TableImport, import_table
    from edge_ser.teachers.emotion_targets import RUSSELL_MEHRABIAN

    if len(args.separator) != 1:
        raise InputError("--separator must be one character", "a tab: --separator $'\\t'")
    plan = TableImport(
        table=args.table,
        columns=dict(args.column),
        emotions=dict(args.emotion),
        label_range=tuple(args.label_range),
        separator=args.separator,
        name=args.name,
        licence=args.licence,
        skip_missing=args.skip_missing,
        replace=args.replace,
    )
    done = import_table(args.folder, plan)
    print(f"{done.clips} clips -> {args.folder / 'manifest.csv'}")
    if done.missing:
        print(f"  {len(done.missing)} rows without audio are left out")
    for emotion, clips in done.emotions.items():
        unknown = "" if emotion in RUSSELL_MEHRABIAN else "  (not known to this toolkit: --emotion)"
        print(f"  {emotion}: {clips}{unknown}")
    return 0


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="corpus folder")
    parser.add_argument("--class", dest="column", default="emotion", help="default: %(default)s")
    parser.add_argument("--json", type=Path, help="also write all figures")
    parser.add_argument("--plot", type=Path, help="also draw level and duration, .png or .svg")
    parser.add_argument("--strict", action="store_true", help="exit code 1 for a leak, too")


def _check(args: argparse.Namespace) -> int:
    from edge_ser.audio.corpus import read_corpus
    from edge_ser.datasets.examination_text import render, to_json
    from edge_ser.datasets.examine import examine, measure

    measured = measure(read_corpus(args.folder))
    found = examine(measured, args.column, split_columns=("split", "fold"))
    print(render(found))
    if args.json:
        args.json.write_text(json.dumps(to_json(found), indent=1) + "\n", encoding="utf-8")
    if args.plot:
        from edge_ser.datasets.plot import plot

        plot(measured, args.column, args.plot)
    wrong = bool(found.unreadable) or any(found.overlap.values())
    leaking = args.strict and any(leak.leaks for leak in found.leaks)
    return 1 if wrong or leaking else 0


def _add_split(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="corpus folder with a manifest")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--parts", nargs="+", type=_weight, metavar="NAME=SHARE",
        help="default: train=0.7 dev=0.15 test=0.15",
    )  # fmt: skip
    kind.add_argument("--folds", type=positive_int, help="so many equal folds instead")
    parser.add_argument(
        "--by", choices=("speaker", "clip"), default="speaker",
        help="what stays on one side; clip lets speakers overlap (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--seed", type=non_negative_int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--folders", type=Path, metavar="OUT",
        help="write a corpus folder for each part here, instead of a column of the manifest",
    )  # fmt: skip


def _split(args: argparse.Namespace) -> int:
    from edge_ser.audio.corpus import read_corpus
    from edge_ser.datasets.manifest import write_manifest
    from edge_ser.datasets.part_folders import write_part_folders
    from edge_ser.datasets.splits import SplitPlan, folds, speakers_on_several_sides, split

    shares = dict(args.parts or (("train", 0.7), ("dev", 0.15), ("test", 0.15)))
    plan = SplitPlan(
        parts=folds(args.folds) if args.folds else shares,
        column="fold" if args.folds else "split",
        by_speaker=args.by == "speaker",
        seed=args.seed,
    )
    clips = read_corpus(args.folder)
    parts = split(clips, plan)
    for part in plan.parts:
        mine = [clip for clip, its in zip(clips, parts, strict=True) if its == part]
        speakers = sorted({clip.fields.get("speaker", "") for clip in mine})
        print(f"{part}: {len(mine)} clips, {len(speakers)} speakers: {_shortened(speakers)}")
    overlap = speakers_on_several_sides(clips, parts)
    if overlap:
        print(f"WARNING: {len(overlap)} speakers are on several sides, as --by clip asked")
    if args.folders:
        for folder in write_part_folders(args.folder, clips, parts, args.folders):
            print(f"-> {folder}")
        return 0
    rows = [
        {"path": clip.name, **clip.fields, plan.column: part}
        for clip, part in zip(clips, parts, strict=True)
    ]
    write_manifest(args.folder, rows)
    print(f"column {plan.column} -> {args.folder / 'manifest.csv'}")
    return 0


def _shortened(names: list[str], shown: int = 8) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")

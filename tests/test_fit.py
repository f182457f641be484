"""Impossible pairs of student and target are refused before any work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="students are torch modules")

from torch import Tensor, nn

from edge_ser.errors import InputError
from edge_ser.students.catalogue import build_student
from firmware_export.fit import SHARE, misfits, nearest_target, require_fit, students_for
from firmware_export.needs import Needs, needs_of
from firmware_export.targets import TARGETS, find_target

LARGE = Needs("mobilenet", flash=2_500_000, ram=50_000, missing=())


class Stacked(nn.Module):
    """(batch, samples) -> (batch, 3) through given layers on (batch, 1, 100, 160)."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, audio: Tensor) -> Tensor:
        return self.layers(audio.reshape(len(audio), 1, 100, -1)).mean(dim=(2, 3))[:, :3]


def test_weights_and_kept_rows_are_counted() -> None:
    needs = needs_of("two", Stacked(nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 3, (5, 1))))
    assert needs.flash == (9 * 8 + 8) + (8 * 5 * 3 + 3)
    assert needs.ram == 3 * 160 * 1 + 5 * 160 * 8
    assert needs.missing == ()


def test_counting_leaves_the_student_as_it_was() -> None:
    student = build_student("wav2small").train()
    needs_of("wav2small", student)
    assert student.training
    assert not any(module._forward_hooks for module in student.modules())


def test_the_front_end_is_the_engines_own_and_not_counted() -> None:
    student = build_student("wav2small")
    everything = sum(p.numel() for p in student.parameters())
    frontend = sum(p.numel() for p in student.frontend.parameters())
    assert needs_of("wav2small", student).flash == everything - frontend


@pytest.mark.parametrize(
    ("layers", "missing"),
    [
        ([nn.Conv2d(1, 3, 3), nn.Hardswish()], ("Hardswish",)),
        ([nn.Conv2d(1, 3, 3, dilation=2)], ("dilated Conv2d",)),
        ([nn.Conv2d(1, 4, 1), nn.Conv2d(4, 8, 3, groups=2)], ("grouped Conv2d",)),
        ([nn.Conv2d(1, 4, 1), nn.Conv2d(4, 4, 3, groups=4), nn.ReLU6()], ()),
    ],
)
def test_layers_that_the_engine_lacks_are_named(
    layers: list[nn.Module], missing: tuple[str, ...]
) -> None:
    assert needs_of("x", Stacked(*layers)).missing == missing


SHIPPED = ["wav2small", "wav2small-17k"]


@pytest.mark.parametrize("student", SHIPPED)
def test_the_shipped_students_fit_everywhere(student: str) -> None:
    needs = needs_of(student, build_student(student))
    assert [name for name, target in TARGETS.items() if misfits(needs, target)] == []


def test_a_large_student_on_a_small_core_is_refused_with_a_way_out() -> None:
    with pytest.raises(InputError) as caught:
        require_fit(LARGE, find_target("cortex-m3"))
    message = str(caught.value)
    assert "mobilenet cannot run on cortex-m3" in message
    assert "2,500,000 bytes of flash" in message and "SAM3X8E" in message
    assert "the nearest target that it fits is rpi-zero" in caught.value.hint
    assert "students for cortex-m3: wav2small, wav2small-17k" in caught.value.hint


def test_memory_is_refused_at_the_first_byte_beyond_the_share() -> None:
    chip = find_target("cortex-m4").chip
    assert chip
    for field, size in (("flash", chip.flash), ("ram", chip.ram)):
        for over in (0, 1):
            needs = Needs("x", flash=1, ram=1, missing=())
            needs = replace(needs, **{field: round(SHARE * size) + over})  # type: ignore[arg-type]
            found = misfits(needs, find_target("cortex-m4"))
            assert len(found) == over


def test_the_nearest_target_is_the_smallest_chip_that_fits() -> None:
    assert nearest_target(Needs("x", 700_000, 50_000, ())) is TARGETS["cortex-m4"]
    assert nearest_target(Needs("x", 100_000, 50_000, ())) is TARGETS["cortex-m3"]
    assert nearest_target(Needs("x", 700_000, 300_000, ())) is TARGETS["cortex-m33"]


def test_what_the_engine_lacks_can_still_run_in_python() -> None:
    odd = Needs("odd", 10_000, 1_000, ("Hardswish",))
    assert misfits(odd, find_target("rpi")) == []
    (reason,) = misfits(odd, find_target("rpi-zero"))
    assert "the C engine has no Hardswish" in reason
    assert nearest_target(odd) is TARGETS["rpi-armv7"]


def test_a_student_that_fits_nothing_has_no_nearest_target() -> None:
    nothing = Needs("x", 10**12, 10**12, ())
    assert nearest_target(nothing) is TARGETS["rpi-zero"]  # Linux has no fixed memory
    assert students_for(find_target("android")) == SHIPPED


def test_an_export_refuses_before_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("litert_torch", reason="the export needs the 'export' extra")
    from firmware_export import export

    wide = Stacked(nn.Conv2d(1, 900, 3), nn.Conv2d(900, 400, 3))
    card = {"student": "wide", "weights_sha256": "0" * 64}
    monkeypatch.setattr(export, "load_student", lambda path: (wide, card))
    with pytest.raises(InputError, match="wide cannot run on cortex-m3: its weights need"):
        export.export_bundle(
            Path("wide.safetensors"),
            "cortex-m3",
            tmp_path / "out" / "bundle",
            calibration=None,  # type: ignore[arg-type] # never reached
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("student", ["mobilenetv4-s", "mobilenetv3-s"])
def test_a_mobilenet_goes_where_whole_windows_run(student: str) -> None:
    needs = needs_of(student, build_student(student))
    assert needs.whole_windows and {"Residual"} <= set(needs.missing)
    for name in ("rpi", "linux-x86_64"):
        assert misfits(needs, find_target(name)) == []
    for name in ("android", "browser"):
        (reason,) = misfits(needs, find_target(name))
        assert "it takes whole windows" in reason
    assert len(misfits(needs, find_target("cortex-m4"))) >= 1

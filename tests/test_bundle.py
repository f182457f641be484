"""Opening and packing bundles: intact ones open, every damaged or hostile one is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from bundle_fixtures import entries, make_stand_in, stand_in_manifest, write_manifest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_ser.bundle import Manifest, open_bundle, pack
from edge_ser.bundle.golden import read_clip, write_clip
from edge_ser.bundle.manifest import MAX_BUNDLE_BYTES
from edge_ser.errors import BundleRefused, InputError

Member = tuple[tarfile.TarInfo, bytes]

_SPARSE_RECORDS = [f"GNU.sparse.{key}" for key in ("major", "minor", "size", "map", "name")]


@pytest.fixture
def temporary_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where archives are unpacked; empty again once a bundle is refused or closed."""
    root = tmp_path / "tmp"
    root.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(root))
    return root


def _member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE) -> Member:
    info = tarfile.TarInfo(name)
    info.size, info.type = len(data), kind
    return info, data


def _link(name: str, target: str, kind: bytes) -> Member:
    info, data = _member(name, kind=kind)
    info.linkname = target
    return info, data


def _members(folder: Path) -> list[Member]:
    names = ["manifest.json", *sorted(Manifest.from_json(_text(folder)).files)]
    return [_member(f"wav2small-rpi/{name}", (folder / name).read_bytes()) for name in names]


def _text(folder: Path) -> str:
    return (folder / "manifest.json").read_text()


def _archive(path: Path, members: list[Member], form: int = tarfile.PAX_FORMAT) -> Path:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    path.write_bytes(gzip.compress(buffer.getvalue()))
    return path


def _refused(path: Path, temporary_root: Path, match: str | None = None) -> BundleRefused:
    before = _tree(path.parent, temporary_root)
    with pytest.raises(BundleRefused, match=match) as refusal:
        open_bundle(path)
    assert refusal.value.exit_code == 4
    assert list(temporary_root.iterdir()) == []
    assert _tree(path.parent, temporary_root) == before
    return refusal.value


def _tree(folder: Path, besides: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*") if besides not in path.parents)


# Intact bundles


def test_folder_and_archive_open_alike(
    stand_in: Path, tmp_path: Path, temporary_root: Path
) -> None:
    archive = tmp_path / "bundle.tar.gz"
    digest = pack(stand_in, archive)
    with open_bundle(stand_in) as folder, open_bundle(archive, digest) as unpacked:
        assert folder.manifest == unpacked.manifest
        assert unpacked.sha256 == digest == hashlib.sha256(archive.read_bytes()).hexdigest()
        for name in folder.manifest.files:
            assert folder.read(name) == unpacked.read(name) == unpacked.path(name).read_bytes()
        assert temporary_root in unpacked.root.parents
    assert list(temporary_root.iterdir()) == []


def test_packing_is_reproducible(tmp_path: Path) -> None:
    digests: list[str] = []
    for name in ("one", "two"):
        folder = make_stand_in(tmp_path / name)
        os.utime(folder / "run/install.sh", (1, 1 + len(digests)))
        (folder / "run/install.sh").chmod(0o600 + len(digests))
        (folder / f"not-listed-{name}").write_text(name)
        digests.append(pack(folder, tmp_path / f"{name}.tar.gz"))
    assert digests[0] == digests[1]
    assert not list(tmp_path.glob("*.partial"))


def test_packed_members_are_anonymous_plain_files_and_scripts_run(
    stand_in: Path, tmp_path: Path
) -> None:
    pack(stand_in, tmp_path / "bundle.tar.gz")
    with tarfile.open(tmp_path / "bundle.tar.gz") as tar:
        members = tar.getmembers()
    assert members[0].name == "wav2small-rpi/manifest.json"
    assert all(m.isreg() and (m.uid, m.gid, m.mtime, m.uname) == (0, 0, 0, "") for m in members)
    modes = {m.name.rpartition("/")[2]: m.mode for m in members}
    assert modes["install.sh"] == 0o755 and modes["manifest.json"] == 0o644


def test_unlisted_files_are_named_and_cannot_be_read(stand_in: Path) -> None:
    (stand_in / "run/extra.sh").write_text("echo")
    with open_bundle(stand_in) as bundle:
        assert bundle.unlisted() == ["run/extra.sh"]
        for name in ("run/extra.sh", "manifest.json", "../bundle/manifest.json", "/etc/passwd"):
            with pytest.raises(BundleRefused):
                bundle.path(name)


def test_expected_hash_of_archive_and_folder(stand_in: Path, tmp_path: Path) -> None:
    archive = tmp_path / "bundle.tar.gz"
    digest = pack(stand_in, archive)
    manifest = hashlib.sha256((stand_in / "manifest.json").read_bytes()).hexdigest()
    open_bundle(archive, digest.upper()).close()
    open_bundle(stand_in, manifest).close()
    for path, wrong in ((archive, manifest), (stand_in, digest), (archive, ""), (archive, "é")):
        with pytest.raises(BundleRefused, match="not the expected"):
            open_bundle(path, wrong)


def test_golden_clip_survives_within_sixteen_bits(stand_in: Path, tmp_path: Path) -> None:
    audio = np.array([-2.0, -1.0, -0.25, 0.0, 0.3, 2.0], dtype=np.float32)
    write_clip(stand_in / "golden/tone.wav", audio)
    _rewrite_manifest(stand_in)
    with open_bundle(stand_in) as bundle:
        clip = read_clip(bundle, "tone")
        with pytest.raises(BundleRefused, match="no golden clip"):
            read_clip(bundle, "nobody")
    assert clip.dtype == np.float32
    np.testing.assert_allclose(clip, np.clip(audio, -1, 1), atol=1 / 32_768)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"x" * 500])
def test_golden_clip_that_is_no_wav_is_refused(stand_in: Path, data: bytes) -> None:
    (stand_in / "golden/tone.wav").write_bytes(data)
    _rewrite_manifest(stand_in)
    with open_bundle(stand_in) as bundle, pytest.raises(BundleRefused, match="WAV"):
        read_clip(bundle, "tone")


def _rewrite_manifest(folder: Path) -> None:
    write_manifest(folder, stand_in_manifest(entries(folder)))


# Damaged folders


@pytest.mark.parametrize("name", ["model.int8.tflite", "golden/tone.wav", "run/install.sh"])
def test_truncated_changed_or_missing_file_is_refused(
    stand_in: Path, temporary_root: Path, name: str
) -> None:
    path = stand_in / name
    intact = path.read_bytes()
    path.write_bytes(intact[:-1])
    _refused(stand_in, temporary_root, "bytes, the manifest says")
    path.write_bytes(bytes([intact[0] ^ 1]) + intact[1:])
    _refused(stand_in, temporary_root, "does not match its SHA-256")
    path.unlink()
    _refused(stand_in, temporary_root, f"{name} is missing")


def test_change_after_opening_is_refused_before_it_can_be_loaded(stand_in: Path) -> None:
    with open_bundle(stand_in) as bundle:
        path = bundle.path("model.int8.tflite")
        path.write_bytes(path.read_bytes()[::-1])
        with pytest.raises(BundleRefused, match="does not match"):
            bundle.read("model.int8.tflite")


def _to_symlink(path: Path) -> None:
    outside = path.parent.parent / "outside"
    path.rename(outside)
    path.symlink_to(outside)


def _to_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("name", ["manifest.json", "model.int8.tflite"])
@pytest.mark.parametrize("change", [_to_symlink, _to_fifo, _to_folder])
def test_what_is_not_a_plain_file_is_refused(
    stand_in: Path, temporary_root: Path, name: str, change: Callable[[Path], None]
) -> None:
    change(stand_in / name)
    _refused(stand_in, temporary_root, "link|regular file")


def test_linked_folder_within_the_bundle_is_refused(stand_in: Path, temporary_root: Path) -> None:
    _to_symlink(stand_in / "golden")
    _refused(stand_in, temporary_root, "symbolic link")


def test_bundle_reached_through_a_link_is_fine(stand_in: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(stand_in)
    open_bundle(tmp_path / "latest").close()


def test_nothing_or_something_else_there_is_a_plain_sentence(
    tmp_path: Path, stand_in: Path, temporary_root: Path
) -> None:
    with pytest.raises(InputError, match="no bundle"):
        open_bundle(tmp_path / "absent.tar.gz")
    for data in (b"", b"\x1f", b"PK\x03\x04", b"\0" * 1000):
        (tmp_path / "other").write_bytes(data)
        with pytest.raises(InputError, match="neither a folder nor"):
            open_bundle(tmp_path / "other")
    (stand_in / "manifest.json").unlink()
    _refused(stand_in, temporary_root, "has no manifest.json")


def test_manifest_that_is_too_large_is_not_read(stand_in: Path, temporary_root: Path) -> None:
    with (stand_in / "manifest.json").open("wb") as file:
        file.truncate(1 << 40)
    _refused(stand_in, temporary_root, "bytes")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_flipped_byte_in_a_folder_is_refused(stand_in: Path, data: st.DataObject) -> None:
    manifest = Manifest.from_json(_text(stand_in))
    path = stand_in / data.draw(st.sampled_from(sorted(manifest.files)))
    intact = path.read_bytes()
    position = data.draw(st.integers(0, len(intact) - 1))
    flip = data.draw(st.integers(1, 255))
    path.write_bytes(intact[:position] + bytes([intact[position] ^ flip]) + intact[position + 1 :])
    try:
        with pytest.raises(BundleRefused, match="does not match"):
            open_bundle(stand_in)
    finally:
        path.write_bytes(intact)


# Hostile archives


EVIL = [
    ("absolute", _member("/tmp/edge-ser-evil", b"x")),
    ("traversal", _member("wav2small-rpi/../../evil", b"x")),
    ("other root", _member("evil", b"x")),
    ("symlink", _link("wav2small-rpi/evil", "/etc/passwd", tarfile.SYMTYPE)),
    ("hard link", _link("wav2small-rpi/evil", "wav2small-rpi/manifest.json", tarfile.LNKTYPE)),
    ("character device", _member("wav2small-rpi/evil", kind=tarfile.CHRTYPE)),
    ("block device", _member("wav2small-rpi/evil", kind=tarfile.BLKTYPE)),
    ("fifo", _member("wav2small-rpi/evil", kind=tarfile.FIFOTYPE)),
    ("folder", _member("wav2small-rpi/golden", kind=tarfile.DIRTYPE)),
    ("duplicate manifest", _member("wav2small-rpi/manifest.json", b"{}")),
    ("duplicate", _member("wav2small-rpi/golden/tone.wav", b"x")),
    ("non-UTF-8 name", _member("wav2small-rpi/\udcff\udcfe", b"x")),
    ("long name", _member("wav2small-rpi/" + "x" * 500, b"x")),
    ("control codes", _member("wav2small-rpi/\x1b[2J", b"x")),
]


@pytest.mark.parametrize(("what", "evil"), EVIL, ids=[what for what, _ in EVIL])
def test_member_that_the_manifest_does_not_announce_is_refused(
    stand_in: Path, tmp_path: Path, temporary_root: Path, what: str, evil: Member
) -> None:
    members = _members(stand_in)
    for place in (1, len(members)):
        path = _archive(tmp_path / "b.tar.gz", [*members[:place], evil, *members[place:]])
        refusal = _refused(path, temporary_root)
        assert str(refusal).isprintable()
    assert not Path("/tmp/edge-ser-evil").exists()


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.DIRTYPE,
        tarfile.FIFOTYPE,
        tarfile.CONTTYPE,
        tarfile.GNUTYPE_SPARSE,
    ],
)
def test_announced_name_of_another_kind_is_refused(
    stand_in: Path, tmp_path: Path, temporary_root: Path, kind: bytes
) -> None:
    members = _members(stand_in)
    members[-1] = _link(members[-1][0].name, "/etc/passwd", kind)
    _refused(_archive(tmp_path / "b.tar.gz", members), temporary_root)
    members = _members(stand_in)
    members[0] = _link(members[0][0].name, "/etc/passwd", kind)
    _refused(_archive(tmp_path / "b.tar.gz", members), temporary_root)


def test_missing_member_wrong_order_or_empty_archive_is_refused(
    stand_in: Path, tmp_path: Path, temporary_root: Path
) -> None:
    members = _members(stand_in)
    path = tmp_path / "b.tar.gz"
    _refused(_archive(path, members[:-1]), temporary_root, "missing")
    _refused(_archive(path, members[1:] + members[:1]), temporary_root, "does not begin")
    _refused(_archive(path, []), temporary_root, "empty")


def test_archive_without_a_top_folder_is_accepted(stand_in: Path, tmp_path: Path) -> None:
    members = _members(stand_in)
    for info, _ in members:
        info.name = info.name.removeprefix("wav2small-rpi/")
    open_bundle(_archive(tmp_path / "b.tar.gz", members)).close()


@pytest.mark.parametrize("size", [257, MAX_BUNDLE_BYTES, 8 << 30, (8 << 60)])
def test_huge_declared_size_is_refused(
    stand_in: Path, tmp_path: Path, temporary_root: Path, size: int
) -> None:
    manifest, *rest = _members(stand_in)
    for victim in (manifest, rest[0]):
        info = tarfile.TarInfo(victim[0].name)
        info.size = size if victim is not manifest else size + 4_000_000
        header = info.tobuf(tarfile.GNU_FORMAT)
        before = b"" if victim is manifest else _tar_bytes([manifest])
        path = tmp_path / "b.tar.gz"
        path.write_bytes(gzip.compress(before + header + bytes(10_000)))
        _refused(path, temporary_root)


def _tar_bytes(members: list[Member]) -> bytes:
    """Members without the end-of-archive blocks."""
    parts = []
    for info, data in members:
        parts += [info.tobuf(tarfile.GNU_FORMAT), data, bytes(-len(data) % 512)]
    return b"".join(parts)


def _zeros(count: int) -> Iterator[bytes]:
    block = bytes(1 << 20)
    for _ in range(count >> 20):
        yield block


def _bomb(path: Path, start: bytes, zeros: int) -> Path:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(start)
        for block in _zeros(zeros):
            file.write(block)
    return path


def test_decompression_bombs_are_refused_without_being_unpacked(
    stand_in: Path, tmp_path: Path, temporary_root: Path
) -> None:
    path = tmp_path / "bomb.tar.gz"
    members = _members(stand_in)
    whole = _tar_bytes(members)
    zeros = 300 << 20
    _refused(_bomb(path, whole + bytes(1024), zeros), temporary_root, "more bytes")
    pax = tarfile.TarInfo("pax")
    pax.type, pax.size = tarfile.XHDTYPE, zeros
    header = pax.tobuf(tarfile.GNU_FORMAT)
    _refused(_bomb(path, header, zeros), temporary_root, "more bytes")
    _refused(_bomb(path, _tar_bytes(members[:1]) + header, zeros), temporary_root, "more bytes")


def test_a_long_chain_of_extended_headers_is_refused(
    stand_in: Path, tmp_path: Path, temporary_root: Path
) -> None:
    """tarfile reads each such header in a recursion of its own."""
    members = _members(stand_in)
    for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME):
        header = tarfile.TarInfo("extended")
        header.type = kind
        chain = header.tobuf(tarfile.GNU_FORMAT) * 4_000
        path = tmp_path / "b.tar.gz"
        path.write_bytes(gzip.compress(chain + _tar_bytes(members) + bytes(1024)))
        _refused(path, temporary_root, "cannot be read|more bytes")


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    before=st.integers(0, 3),
    records=st.dictionaries(
        st.sampled_from(
            ["path", "size", "linkpath", "hdrcharset", *_SPARSE_RECORDS],
        ),
        st.one_of(st.sampled_from(["0", "1", "-1", "/etc/passwd", "../x"]), st.text(max_size=9)),
        min_size=1,
    ),
)
def test_extended_headers_cannot_rename_or_resize_a_member(
    stand_in: Path, tmp_path: Path, temporary_root: Path, before: int, records: dict[str, str]
) -> None:
    members = _members(stand_in)
    body = b"".join(_pax_record(key, value) for key, value in records.items())
    header = tarfile.TarInfo("extended")
    header.type, header.size = tarfile.XHDTYPE, len(body)
    extended = header.tobuf(tarfile.GNU_FORMAT) + body + bytes(-len(body) % 512)
    tar = _tar_bytes(members[:before]) + extended + _tar_bytes(members[before:])
    path = tmp_path / "b.tar.gz"
    path.write_bytes(gzip.compress(tar + bytes(1024), compresslevel=1))
    _open_or_refuse(path, stand_in, temporary_root)


def _pax_record(key: str, value: str) -> bytes:
    text = f" {key}={value}\n".encode("utf-8", errors="surrogateescape")
    length = len(text) + 1
    while len(str(length)) + len(text) != length:
        length += 1
    return str(length).encode() + text


def test_manifest_that_announces_too_much_is_refused(
    stand_in: Path, tmp_path: Path, temporary_root: Path
) -> None:
    values = json.loads(_text(stand_in))
    values["files"]["golden/big.wav"] = {"sha256": "0" * 64, "bytes": MAX_BUNDLE_BYTES}
    data = json.dumps(values).encode()
    path = _archive(tmp_path / "b.tar.gz", [_member("manifest.json", data)])
    _refused(path, temporary_root, "bytes in all")
    files = {f"f{n}": {"sha256": "0" * 64, "bytes": 0} for n in range(2_000)}
    values["files"] = {**files, **values["files"]}
    data = json.dumps(values).encode()
    path = _archive(tmp_path / "b.tar.gz", [_member("manifest.json", data)])
    _refused(path, temporary_root, "files; at most")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_archive_is_refused(
    stand_in: Path, tmp_path: Path, temporary_root: Path, share: float
) -> None:
    path = tmp_path / "b.tar.gz"
    pack(stand_in, path)
    data = path.read_bytes()
    path.write_bytes(data[: max(3, int(len(data) * share))])
    _refused(path, temporary_root)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damaged_archive_is_refused_or_intact(
    stand_in: Path, tmp_path: Path, temporary_root: Path, data: st.DataObject
) -> None:
    """Damage to compressed bytes: never another exception, and what opens is what was packed."""
    path = tmp_path / "b.tar.gz"
    pack(stand_in, path)
    packed = path.read_bytes()
    position = data.draw(st.integers(2, len(packed) - 1))
    junk = data.draw(st.binary(min_size=1, max_size=8))
    path.write_bytes(packed[:position] + junk + packed[position + len(junk) :])
    _open_or_refuse(path, stand_in, temporary_root)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damaged_tar_inside_is_refused_or_intact(
    stand_in: Path, tmp_path: Path, temporary_root: Path, data: st.DataObject
) -> None:
    """The same below the compression, where headers lie, with the gzip checksum made right."""
    members = _members(stand_in)
    tar = _tar_bytes(members) + bytes(1024)
    headers = [0]
    for info, _ in members[:-1]:
        headers.append(headers[-1] + 512 + info.size + -info.size % 512)
    position = data.draw(st.sampled_from(headers)) + data.draw(st.integers(0, 511))
    junk = data.draw(st.binary(min_size=1, max_size=12))
    changed = bytearray(tar[:position] + junk + tar[position + len(junk) :])
    if data.draw(st.booleans()):
        start = max(h for h in headers if h <= position)
        changed[start + 148 : start + 156] = b" " * 8
        checksum = sum(changed[start : start + 512])
        changed[start + 148 : start + 156] = b"%06o\0 " % checksum
    path = tmp_path / "b.tar.gz"
    path.write_bytes(gzip.compress(bytes(changed), compresslevel=1))
    _open_or_refuse(path, stand_in, temporary_root)


def _open_or_refuse(path: Path, original: Path, temporary_root: Path) -> None:
    before = _tree(path.parent, temporary_root)
    try:
        with open_bundle(path) as bundle:
            assert bundle.manifest.to_json() == _text(original)
            assert {n: bundle.read(n) for n in bundle.manifest.files} == {
                n: (original / n).read_bytes() for n in bundle.manifest.files
            }
            for file in bundle.root.rglob("*"):
                assert temporary_root in file.resolve().parents
    except BundleRefused:
        pass
    assert list(temporary_root.iterdir()) == []
    assert _tree(path.parent, temporary_root) == before


def test_pack_refuses_a_damaged_folder(stand_in: Path, tmp_path: Path) -> None:
    (stand_in / "model.int8.tflite").write_bytes(b"short")
    with pytest.raises(BundleRefused):
        pack(stand_in, tmp_path / "b.tar.gz")
    assert not (tmp_path / "b.tar.gz").exists()


def test_no_heavy_import() -> None:
    """Bundle, runtime and their verb start with numpy and the standard library alone."""
    code = (
        "import sys, edge_ser.bundle, edge_ser.runtime, edge_ser.stream, edge_ser.cli.verify\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'ai_edge_litert', 'litert_torch', 'scipy',\n"
        "         'sounddevice', 'soundfile', 'safetensors'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_imports_no_numpy() -> None:
    code = (
        "import sys; from edge_ser.cli import main; main(['--help'])\n"
        "sys.exit('numpy imported' if 'numpy' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "verify" in done.stdout

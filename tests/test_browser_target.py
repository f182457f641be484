"""The browser hand-off: what is in the page's folder, its hashes, its bytes, its refusals."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bundle_fixtures import change_manifest

from edge_ser.bundle import open_bundle
from edge_ser.errors import EnvironmentMissing, InputError
from firmware_export.browser import runtime, site, write_browser
from firmware_export.extras import require_programs
from firmware_export.targets import find_target


def files_of(folder: Path) -> dict[str, bytes]:
    """Relative path -> contents."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def read_json(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "site.json").read_text())
    return found


def test_the_page_is_whole(browser_site: Path, exported_bundle: Path) -> None:
    """Every file that a page file refers to is there, the model's bytes are the bundle's."""
    files = files_of(browser_site)
    for name, data in files.items():
        if not name.endswith((".js", ".html", ".webmanifest")) or name == "site-files.js":
            continue
        text = data.decode()
        for found in re.findall(r'"\./([\w-]+\.js)"|(?:src|href)="([^"#]+)"', text):
            (wanted,) = filter(None, found)
            assert wanted in files, f"{name} refers to {wanted}"
    assert files["model.int8.onnx"] == (exported_bundle / "model.int8.onnx").read_bytes()
    for icon in json.loads(files["site.webmanifest"])["icons"]:
        assert icon["src"] in files


def test_what_the_page_reads_is_the_manifests(browser_site: Path, exported_bundle: Path) -> None:
    described = read_json(browser_site)
    with open_bundle(exported_bundle) as bundle:
        manifest = bundle.manifest
    assert described["model"]["sha256"] == manifest.files["model.int8.onnx"].sha256
    assert (described["window_samples"], described["hop_samples"]) == (80_000, 8_000)
    assert (described["first_samples"], described["shortest_samples"]) == (16_000, 8_000)
    assert described["dimensions"] == ["arousal", "dominance", "valence"]
    expected = manifest.golden.expected["onnxruntime/model.int8.onnx"]
    clips = described["golden"]["clips"]
    assert {name: tuple(clip["expected"]) for name, clip in clips.items()} == expected
    for part in [described["runtime"] | {"file": described["runtime"]["wasm"]}, *clips.values()]:
        data = (browser_site / part["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == part["sha256"]


def test_the_service_worker_stores_every_file_by_its_hash(browser_site: Path) -> None:
    script = (browser_site / "site-files.js").read_text()
    stored = json.loads(script.removeprefix("self.SITE = ").rstrip().removesuffix(";"))["files"]
    files = files_of(browser_site)
    assert set(files) - set(stored) == {"README.md", "service-worker.js", "site-files.js"}
    for name, integrity in stored.items():
        digest = hashlib.sha256(files[name]).digest()
        assert integrity == "sha256-" + base64.b64encode(digest).decode()


def test_one_policy_for_page_worker_and_readme(browser_site: Path) -> None:
    html = (browser_site / "index.html").read_text()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', html)
    assert "connect-src 'self'" in policy and "default-src 'none'" in policy
    assert "unsafe-inline" not in policy and "'unsafe-eval'" not in policy
    worker = (browser_site / "service-worker.js").read_text()
    (pieces,) = re.findall(r"POLICY =\n((?:  \".*\n)+)", worker)
    assert "".join(re.findall(r'"(.*)"', pieces)) == policy
    readme = (browser_site / "README.md").read_text()
    assert policy in readme and "$" not in readme


def test_no_address_but_licences_and_notices(browser_site: Path) -> None:
    """The page's own files name no other host."""
    for name, data in files_of(browser_site).items():
        if name.startswith(("licences/", "runtime/", "golden/")) or name == "README.md":
            continue
        addresses = re.findall(rb"https?://[\w.-]+", data)
        assert set(addresses) <= {b"http://localhost", b"http://www.w3.org"}, name


def test_licences_come_along(browser_site: Path) -> None:
    licences = browser_site / "licences"
    assert "MIT License" in (licences / "onnxruntime-LICENSE").read_text()
    assert "protobuf" in (licences / "onnxruntime-ThirdPartyNotices.txt").read_text().lower()
    model = (licences / "model.txt").read_text()
    assert "Apache-2.0" in model and "Attribution:" in model


@pytest.mark.slow
def test_equal_bundles_give_equal_bytes(
    browser_site: Path, exported_bundle: Path, tmp_path: Path
) -> None:
    with open_bundle(exported_bundle) as bundle:
        figures = write_browser(bundle, tmp_path / "again")
    files = files_of(tmp_path / "again")
    assert files == files_of(browser_site)
    assert figures["web_page"].value == sum(len(data) for data in files.values()) < 17_000_000
    assert figures["web_runtime"].value == len(files[f"runtime/{runtime.WASM}"])


def test_a_changed_page_is_a_new_version(bundle_copy: Path, browser_site: Path) -> None:
    page = site.page_files()
    assert page.keys() >= {*site.SHARED, "index.html", "service-worker.js"}
    script = (browser_site / "site-files.js").read_text()
    (version,) = re.findall(r'"version": "(\w+)"', script)
    changed = site._site_files(page | {"app.js": page["app.js"] + b"\n"})
    assert version.encode() not in changed


def test_the_lock_names_hashes_and_no_host() -> None:
    text = (Path(runtime.__file__).parent / "npm" / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert all("integrity" in values for name, values in packages.items() if name)
    assert not re.search(r"https?://", text)
    wanted = json.loads((Path(runtime.__file__).parent / "npm" / "package.json").read_text())
    assert wanted["dependencies"] == {runtime.PACKAGE: runtime.locked_version()}


def test_without_npm_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentMissing, match="export for browser needs npm") as caught:
        require_programs(find_target("browser"))
    assert caught.value.hint.endswith("apt-get install npm")
    require_programs(find_target("android"))
    with pytest.raises(EnvironmentMissing, match="comes from npm, which is not here"):
        runtime.fetch_runtime()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("echo 'npm error code ENOTFOUND' >&2; exit 1", "ENOTFOUND"),
        ("echo 'npm error code EINTEGRITY' >&2; exit 1", "EINTEGRITY"),
        ("exit 0", "is not where it is expected"),
    ],
)
def test_an_npm_that_fails_is_quoted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, said: str
) -> None:
    (tmp_path / "npm").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(EnvironmentMissing, match=said) as caught:
        runtime.fetch_runtime()
    assert caught.value.hint


def test_a_bundle_without_the_model_is_refused(bundle_copy: Path, tmp_path: Path) -> None:
    def fix_length(manifest: dict[str, Any]) -> None:
        manifest["models"]["model.int8.onnx"]["fixed_samples"] = 80_000

    change_manifest(bundle_copy, fix_length)
    with open_bundle(bundle_copy) as bundle, pytest.raises(InputError, match="any length"):
        write_browser(bundle, tmp_path / "web")
    assert not (tmp_path / "web").exists()


def test_scripts_parse(browser_site: Path) -> None:
    """Each as what it is loaded as: a module, but for what the service worker imports."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: sudo apt-get install nodejs")
    for path in sorted(browser_site.glob("*.js")):
        kind = "commonjs" if path.name in ("service-worker.js", "site-files.js") else "module"
        command = [node, f"--input-type={kind}", "--check"]
        result = subprocess.run(command, input=path.read_bytes(), capture_output=True)
        assert result.returncode == 0, f"{path.name}: {result.stderr.decode()[:400]}"


@pytest.mark.slow
def test_an_export_has_the_page_and_repeats(dev_checkpoint: Path, tmp_path: Path) -> None:
    """The whole way, twice: equal archives; the page in it, listed and hashed."""
    from calibration import cache
    from firmware_export.export import export_bundle

    calibration = cache.load(cache.cache_path(dev_checkpoint))
    first, second = (
        export_bundle(dev_checkpoint, "browser", tmp_path / name / "out", calibration=calibration)
        for name in ("one", "two")
    )
    assert first.sha256 == second.sha256
    with open_bundle(first.archive, first.sha256) as bundle:
        web = {name for name in bundle.manifest.files if name.startswith("web/")}
        assert "web/index.html" in web and f"web/runtime/{runtime.WASM}" in web
        assert bundle.manifest.target == "browser"
        assert bundle.manifest.memory["web_page"].value > 15e6
        described = json.loads(bundle.read("web/site.json"))
        sha256 = bundle.manifest.files["model.int8.onnx"].sha256
        assert described["model"]["sha256"] == sha256
        assert bundle.manifest.files["web/model.int8.onnx"].sha256 == sha256

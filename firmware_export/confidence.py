"""The confidence parameters that lie beside a checkpoint go into its bundles."""

from __future__ import annotations

from pathlib import Path

from edge_ser.errors import BundleRefused, InputError
from edge_ser.stream.meaning.confidence import CONFIDENCE_FILE, read_parameters


def copy_confidence(checkpoint: Path, weights_sha256: str, folder: Path) -> bool:
    """Copy `NAME.confidence.json` beside `NAME.safetensors` into the bundle, if there is one.

    Args:
        checkpoint: the `.safetensors`.
        weights_sha256: of the checkpoint, which the parameters must name.
        folder: of the bundle.

    Returns:
        Whether there was one.

    Raises:
        InputError: it is damaged, or was fitted to another checkpoint.
    """
    beside = checkpoint.with_name(f"{checkpoint.stem}.{CONFIDENCE_FILE}")
    if not beside.is_file():
        return False
    content = beside.read_bytes()
    again = "fit it again: edge-ser confidence; or move it away to export without"
    try:
        parameters = read_parameters(content, beside.name)
    except BundleRefused as error:
        raise InputError(str(error), again) from error
    if parameters.checkpoint_sha256 != weights_sha256:
        raise InputError(f"{beside.name} was fitted to another checkpoint", again)
    (folder / CONFIDENCE_FILE).write_bytes(content)
    return True

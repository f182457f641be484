"""TFLite flatbuffers: reading, tidying and writing them with reproducible, aligned bytes.

Knows the file format and nothing of any model. Does not convert or quantise.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_ser.errors import InputError

METADATA_NAME = "edge_ser"
"""Name of the metadata entry whose buffer holds our JSON."""

_FILE_IDENTIFIER = b"TFL3"
_BUFFER_ALIGNMENT = 16


class _AlignedBuilder(flatbuffers.Builder):
    """Puts every byte vector (which is what tensor buffers are) on a 16-byte boundary.

    TFLite's schema demands it (`force_align: 16`), the generated Python code forgets it,
    and a Cortex-M faults on a float or int32 bias that is read from an odd address.
    """

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:
        aligned = max(alignment, _BUFFER_ALIGNMENT) if elemSize == 1 else alignment
        offset: int = super().StartVector(elemSize, numElems, aligned)
        return offset


def parse(content: bytes) -> Any:
    """The object tree (`schema.ModelT`) of a TFLite file's bytes.

    Converters may put large constants behind the flatbuffer; the tree holds them like the others.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:
            behind = content[buffer.offset : buffer.offset + buffer.size]
            buffer.data = np.frombuffer(behind, np.uint8)
        buffer.offset = buffer.size = 0
    return model


def load(path: Path) -> Any:
    """The object tree of a file.

    Raises:
        InputError: not a TFLite file, or a damaged one.
    """
    content = path.read_bytes()
    if content[4:8] != _FILE_IDENTIFIER:
        raise InputError(f"{path} is not a TFLite file")
    try:
        return parse(content)
    except Exception as error:  # the generated reader follows any offset and fails in many ways
        raise InputError(f"{path} is a damaged TFLite file: {error!r:.100}") from error


def serialise(model: Any) -> bytes:
    """File bytes of a `schema.ModelT`; equal trees give equal bytes."""
    for buffer in model.buffers:
        if buffer.data is not None:
            buffer.data = np.frombuffer(bytes(bytearray(buffer.data)), np.uint8)
    builder = _AlignedBuilder(1024)
    builder.Finish(model.Pack(builder), file_identifier=_FILE_IDENTIFIER)
    return bytes(builder.Output())


def text(name: bytes | str) -> str:
    """Names come back as bytes from a parsed file and as str from freshly made objects."""
    return name.decode() if isinstance(name, bytes) else name


def operator_names(model: Any) -> list[str]:
    """Builtin operator of each node of the first subgraph, in execution order."""
    codes = [_operator_name(code) for code in model.operatorCodes]
    return [codes[node.opcodeIndex] for node in model.subgraphs[0].operators]


def operator_versions(model: Any) -> dict[str, int]:
    """Builtin operator -> version a runtime must know to load the file."""
    return {_operator_name(code): int(code.version) for code in model.operatorCodes}


def _operator_name(code: Any) -> str:
    """Old files have the number in the field that is deprecated now; new operators lack a name."""
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    return names.get(number, f"operator {number}")


def replace_metadata(model: Any, metadata: dict[str, str], description: str) -> None:
    """Describe the model inside its file; whatever the converter noted is dropped.

    The converter's notes are wrong after quantisation (the minimum runtime version is the
    float model's), and nothing reads them.
    """
    payload = json.dumps(metadata, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    note, buffer = schema.MetadataT(), schema.BufferT()
    buffer.data = np.frombuffer(payload.encode(), np.uint8)
    model.buffers.append(buffer)
    note.name, note.buffer = METADATA_NAME, len(model.buffers) - 1
    model.metadata = [note]
    model.description = description


def read_metadata(path: Path) -> dict[str, str]:
    """What `replace_metadata` put into a file.

    Raises:
        InputError: not a TFLite file, or one without our metadata.
    """
    model = load(path)
    for note in model.metadata or ():
        if text(note.name) == METADATA_NAME:
            values: dict[str, str] = json.loads(bytes(bytearray(model.buffers[note.buffer].data)))
            return values
    raise InputError(f"{path} carries no edge-ser metadata")


def drop_unused_buffers(model: Any) -> None:
    """Remove buffers that no tensor and no metadata refers to; buffer 0 stays, it means "none"."""
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    holders = tensors + list(model.metadata or ())
    used = sorted({0} | {holder.buffer for holder in holders})
    renumbered = {old: new for new, old in enumerate(used)}
    model.buffers = [model.buffers[old] for old in used]
    for holder in holders:
        holder.buffer = renumbered[holder.buffer]

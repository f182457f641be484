"""The processes that train one model together: one alone, or those that `torchrun` started.

Lightning Fabric does what is distributed: it places the model, averages gradients (DDP), gathers
tensors and scales the loss in float16. Whoever trains draws the same global batch in every process
and takes a share of it.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge_ser.errors import EdgeSerError, InputError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Precision = Literal["32", "bf16-mixed", "16-mixed"]
"""Of a network's forward and backward pass; weights and optimiser stay in float32."""

Item = TypeVar("Item", bound=np.generic)


def start_processes(device: str = "cpu", precision: Precision = "32") -> Fabric:
    """This process's place among those that train together; all of them call it, once.

    Args:
        device: "cpu", "cuda" or "auto", a GPU where there is one.
        precision: of what the returned object's `setup_module` wraps.

    Raises:
        InputError: no such device here, or a precision that it has not.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it greets otherwise
    accelerator = _accelerator(device, precision)
    if not TorchElasticEnvironment.detect():
        alone = LightningEnvironment()  # also inside a batch job of a cluster
        return Fabric(accelerator=accelerator, devices=1, precision=precision, plugins=alone)
    warnings.filterwarnings("ignore", "torch.distributed.nn.functional.all_gather is deprecated")
    fabric = Fabric(
        accelerator=accelerator,
        strategy="ddp",
        devices=int(os.environ["LOCAL_WORLD_SIZE"]),
        num_nodes=int(os.environ["GROUP_WORLD_SIZE"]),
        precision=precision,
    )
    fabric.launch()
    return fabric


def _accelerator(device: str, precision: Precision) -> str:
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise InputError("no CUDA GPU was found", "train with --device cpu")
    chosen = "cuda" if available and device != "cpu" else "cpu"
    if chosen == "cpu" and precision == "16-mixed":
        raise InputError(
            "16-mixed is for GPUs only", "on the CPU choose --precision bf16-mixed (faster) or 32"
        )
    return chosen


def check_shares(fabric: Fabric, batch: int) -> None:
    """Refuse a global batch that the processes cannot share evenly.

    Raises:
        InputError: it is no multiple of their number.
    """
    if batch % fabric.world_size:
        raise InputError(
            f"a batch of {batch} cannot be shared evenly by {fabric.world_size} processes",
            f"give a --batch that is a multiple of {fabric.world_size}",
        )


def own_share(fabric: Fabric, batch: NDArray[Item]) -> NDArray[Item]:
    """What of a global batch this process works on; the shares in order of rank are the batch."""
    return np.split(batch, fabric.world_size)[fabric.global_rank]


def gathered(fabric: Fabric, own: Tensor) -> Tensor:
    """(processes, ...) of every process's (...), equally shaped, with gradients to all of them.

    Every process computes the loss of the whole batch from it. The gather's backward pass adds up
    what each of them derives, and DDP's average divides by their number: together the gradient
    of one process that has the whole batch.
    """
    everyones = fabric.all_gather(own, sync_grads=True)
    assert isinstance(everyones, Tensor)
    return everyones.reshape(-1, *own.shape)  # one process alone gets its tensor back as it is


@contextmanager
def lost_processes_named(fabric: Fabric) -> Iterator[None]:
    """Says in words that another process has ended, where a library's error would end this one.

    Raises:
        EdgeSerError: a process was lost while this one waited for it.
    """
    try:
        yield
    except RuntimeError as error:
        if not _is_of_a_connection(error):
            raise
        raise EdgeSerError(
            f"process {fabric.global_rank} of {fabric.world_size} stops: another one has ended",
            "its own message says why; the same command goes on from the last saved step",
        ) from error


def _is_of_a_connection(error: RuntimeError) -> bool:
    """Gloo's errors are plain RuntimeErrors that name their source file."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error).lower()

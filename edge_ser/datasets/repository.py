"""Where audb looks for datasets, and what to tell a user who cannot get one from there."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_ser.errors import EnvironmentMissing, InputError

_HTTPS = 443
_PATIENCE = 5.0
"""Seconds to wait for a server's answer."""


def import_audb() -> Any:
    """The package, or an error that says how to get it."""
    try:
        import audb
    except ImportError as error:
        raise EnvironmentMissing(
            f"datasets are read with audb: {error}", "pip install 'edge-ser[data]'"
        ) from error
    return audb


@contextlib.contextmanager
def repositories(own: tuple[str, Path] | None) -> Iterator[None]:
    """Within it audb looks only in a repository of one's own; None: where it is configured to.

    Args:
        own: (name, host): a folder `host/name` that `audb.publish` filled, for an intranet's
            share or a mirror without network.

    Raises:
        InputError: there is no such folder.
    """
    audb = import_audb()
    if own is None:
        yield
        return
    name, host = own
    if not (host / name).is_dir():
        raise InputError(
            f"no repository {name} in {host}",
            "--repository NAME HOST needs the folder HOST/NAME, filled by audb.publish "
            "with the backend 'file-system'",
        )
    before = audb.config.REPOSITORIES
    audb.config.REPOSITORIES = [audb.Repository(name, str(host.resolve()), "file-system")]
    try:
        yield
    finally:
        audb.config.REPOSITORIES = before


def why_missing(name: str, version: str, reason: Exception) -> InputError:
    """Why a dataset could not be loaded: no network, no such dataset, or no such version."""
    audb = import_audb()
    places = audb.config.REPOSITORIES
    unreachable = [place.host for place in places if not _reachable(place)]
    if unreachable:
        return InputError(
            f"{name} {version} is not in the cache, and {', '.join(unreachable)} cannot be reached",
            "connect to the network, or give --cache a folder that holds it already, or "
            "--repository NAME HOST a repository on this machine",
        )
    where = ", ".join(f"{place.name} on {place.host}" for place in places)
    versions = audb.versions(name)
    if not versions:
        return InputError(f"no dataset {name} in {where}", "check --repository")
    if version not in versions:
        return InputError(
            f"no version {version} of {name} in {where}", f"available: {', '.join(versions)}"
        )
    return InputError(
        f"{name} {version} cannot be loaded: {reason}",
        "run the same command again: what was loaded is kept in the cache",
    )


def _reachable(place: Any) -> bool:
    if place.backend == "file-system":
        return Path(place.host, place.name).is_dir()
    host, _, port = place.host.removeprefix("https://").removeprefix("http://").partition(":")
    try:
        socket.create_connection((host.partition("/")[0], int(port or _HTTPS)), _PATIENCE).close()
    except (OSError, ValueError):
        return False
    return True

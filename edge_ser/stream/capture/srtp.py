"""SRTP (RFC 3711) with one key that both sides have: AES_CM_128_HMAC_SHA1_80, what ffmpeg calls
`-srtp_out_suite AES_CM_128_HMAC_SHA1_80 -srtp_out_params KEY`. Encryption, authentication and
the refusal of replayed packets are libsrtp's. Non-goals: key exchange, other suites, SRTCP.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.stream.access import read_secret

KEY_BYTES = 30
"""16 of the master key, 14 of the salt."""

MAKE_KEY = (
    "(umask 077; python3 -c 'import base64, secrets; "
    "print(base64.b64encode(secrets.token_bytes(30)).decode())' > edge-ser.srtp)"
)
"""Shell command that makes a private file with a good key."""

Unprotect = Callable[[bytes], bytes]
"""SRTP datagram to RTP datagram; raises `UnprotectedPacket`."""


class UnprotectedPacket(ValueError):
    """The packet was not made with the key, was changed, or was sent before."""


def unprotect_with(key_file: Path) -> Unprotect:
    """The receiving end for a key.

    Args:
        key_file: private; one line of base64 that stands for `KEY_BYTES` bytes.

    Raises:
        InputError: the file or the key cannot be used.
        EnvironmentMissing: pylibsrtp is not installed.
    """
    key = _read_key(key_file)
    try:
        import pylibsrtp
    except (ImportError, OSError) as error:
        raise EnvironmentMissing(
            f"SRTP needs pylibsrtp: {error}", "pip install 'edge-ser[srtp]'"
        ) from error
    policy = pylibsrtp.Policy(
        key=key,
        ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND,
        srtp_profile=pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    )
    session = pylibsrtp.Session(policy=policy)

    def unprotect(datagram: bytes) -> bytes:
        try:
            packet: bytes = session.unprotect(datagram)
        except (pylibsrtp.Error, TypeError, ValueError) as error:
            raise UnprotectedPacket(str(error)) from error
        return packet

    return unprotect


def _read_key(key_file: Path) -> bytes:
    try:
        key = base64.b64decode(read_secret(key_file), validate=True)
    except ValueError:  # characters that base64 does not have
        key = b""
    if len(key) != KEY_BYTES:
        raise InputError(
            f"{key_file} does not hold an SRTP key: {KEY_BYTES} bytes in base64",
            f"make one: {MAKE_KEY}",
        )
    return key

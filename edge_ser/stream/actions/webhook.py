"""Posts every event of a rule to a web address, as JSON.

Failures that may pass are tried again a few times; redirects are not followed, because they
would send the event where the user did not say. Addresses often hold a secret in their path:
messages and the log name the host only.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from edge_ser import __version__
from edge_ser.errors import InputError
from edge_ser.stream.actions.action import Action, ActionFailed, event_json
from edge_ser.stream.options import RuleOptions
from edge_ser.stream.reading import Event

TIME_LIMIT_SECONDS = 10.0
PAUSES_SECONDS = (1.0, 4.0)
"""Before the second and the third attempt."""

_MAY_PASS = frozenset({408, 425, 429, 500, 502, 503, 504})


class Webhook(Action):
    """One address.

    Args:
        rule: whose events are posted.
        url: http or https.
        number: of the rule, from 1.
        limit: seconds that an attempt may take.
        sleep: waits between attempts.

    Raises:
        InputError: the address cannot be used.
    """

    def __init__(
        self,
        rule: RuleOptions,
        url: str,
        number: int,
        limit: float = TIME_LIMIT_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(rule, "webhook", number)
        self._host = check_url(url).hostname
        self._url = url
        self._limit = limit
        self._sleep = sleep
        self._opener = urllib.request.build_opener(_NoRedirects)

    def act(self, event: Event) -> None:
        """Post it, up to three times."""
        body = event_json(event).encode()
        for pause in (*PAUSES_SECONDS, None):
            problem, may_pass = self._post(body)
            if not problem:
                return
            if pause is None or not may_pass:
                raise ActionFailed(f"{self._host} did not take the event: {problem}")
            self._sleep(pause)

    def _post(self, body: bytes) -> tuple[str, bool]:
        """What went wrong, "" if nothing did; and whether another attempt makes sense."""
        request = urllib.request.Request(
            self._url,
            data=body,
            method="POST",
            headers={
                "Content-Type": "application/json",
                "User-Agent": f"edge-ser/{__version__}",
            },
        )
        try:
            # The status is all that counts; whatever the answer holds is not read.
            self._opener.open(request, timeout=self._limit).close()
        except urllib.error.HTTPError as error:
            with error:
                return f"status {error.code}", error.code in _MAY_PASS
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            return f"{type(reason).__name__}: {reason}", True
        return "", False


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """None makes the redirect an HTTPError."""
        return None


def check_url(url: str) -> SplitResult:
    """The parts of an address that events may be posted to.

    Raises:
        InputError: it is none; the message does not repeat it.
    """
    hint = "write e.g. https://home.example/api/webhook/ID"
    if not url.isascii() or not url.isprintable() or " " in url:
        raise InputError("the webhook's URL holds spaces or characters that no URL has", hint)
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InputError("the webhook's URL has no proper host or port", hint) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError("a webhook needs an http or https URL with a host", hint)
    if parts.username is not None:
        raise InputError("a webhook's URL must not hold a user or a password", hint)
    return parts

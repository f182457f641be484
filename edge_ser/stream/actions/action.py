"""What every action has in common: it belongs to one rule."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod

from edge_ser.errors import EdgeSerError
from edge_ser.stream.meaning.rules import rule_name
from edge_ser.stream.options import RuleOptions
from edge_ser.stream.protocols import Sink
from edge_ser.stream.reading import Event
from edge_ser.stream.sinks.json_lines import event_fields


class ActionFailed(EdgeSerError):
    """An event did not set off what it should have."""


class Action(Sink, ABC):
    """Acts on the events of one rule and ignores everything else.

    Args:
        rule: whose events count.
        kind: e.g. "exec"; with the rule's number it is the sink's name.
        number: of the rule, from 1.
    """

    def __init__(self, rule: RuleOptions, kind: str, number: int) -> None:
        self.name = f"{kind} {number}"
        self._rule_name = rule_name(rule)

    def event(self, event: Event) -> None:
        """Act if the event is the rule's.

        Raises:
            ActionFailed: it did not work; also after retries, where there are some.
        """
        if event.name == self._rule_name:
            self.act(event)

    @abstractmethod
    def act(self, event: Event) -> None:
        """Do it."""


def event_json(event: Event) -> str:
    """The event as the JSON lines have it, without the line's end."""
    return json.dumps(event_fields(event), allow_nan=False)

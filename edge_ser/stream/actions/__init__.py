"""What an event sets off outside this process: a program, a webhook.

An action is a `Sink` that reacts to the events of one rule. It runs on the thread of its outbox,
so one event is dealt with after the other and the beginning before the end; the stream goes on
meanwhile. What fails raises, and is counted and logged there.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_ser.stream.meaning.rules import check_names
from edge_ser.stream.options import RuleOptions
from edge_ser.stream.protocols import Sink


def actions_for(rules: Sequence[RuleOptions]) -> list[Sink]:
    """The actions of all rules.

    Raises:
        InputError: a command or an URL cannot be used, or two rules have the same name.
    """
    check_names(rules)
    actions: list[Sink] = []
    for number, rule in enumerate(rules, 1):
        if rule.exec is not None:
            from edge_ser.stream.actions.exec import Exec

            actions.append(Exec(rule, rule.exec, number))
        if rule.webhook is not None:
            from edge_ser.stream.actions.webhook import Webhook

            actions.append(Webhook(rule, rule.webhook, number))
    return actions

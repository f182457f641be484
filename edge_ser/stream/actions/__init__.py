"""What an event sets off outside this process: a program, a webhook.

An action is a `Sink` that reacts to the events of one rule. It runs on the thread of its outbox,
so one event is dealt with after the other and the beginning before the end; the stream goes on
meanwhile. What fails raises, and is counted and logged there.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_ser.errors import InputError
from edge_ser.stream.access import read_secret
from edge_ser.stream.meaning.rules import check_names
from edge_ser.stream.options import RuleOptions
from edge_ser.stream.protocols import Sink


def actions_for(rules: Sequence[RuleOptions]) -> list[Sink]:
    """The actions of all rules.

    Raises:
        InputError: a command, a URL or its file cannot be used, or two rules have the same name.
    """
    check_names(rules)
    actions: list[Sink] = []
    for number, rule in enumerate(rules, 1):
        if rule.exec is not None:
            from edge_ser.stream.actions.exec import Exec

            actions.append(Exec(rule, rule.exec, number))
        url = _webhook_of(rule)
        if url is not None:
            from edge_ser.stream.actions.webhook import Webhook

            actions.append(Webhook(rule, url, number))
    return actions


def _webhook_of(rule: RuleOptions) -> str | None:
    if rule.webhook_file is None:
        return rule.webhook
    try:
        # An address is as long as its server made it: `Webhook` says what is wrong with one.
        return read_secret(rule.webhook_file, shortest=1)
    except InputError as error:
        # Not its own hint, which is how to make a token.
        hint = "it holds one line, the webhook's URL, and you alone may read it: chmod 600"
        raise InputError(str(error), hint) from error

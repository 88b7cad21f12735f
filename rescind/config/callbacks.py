"""Callbacks that producers may ask for: webhook addresses, and tasks of their own.

An address is checked twice: when its cancellation is submitted, and before each
attempt. The settings may have changed between the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from providers.registry import BROKEN, BY_NAME
from rescind.config.callback_urls import LONGEST_URL, HostPattern, read_url
from rescind.config.webhook_secrets import NO_SECRETS, WebhookSecrets
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode

NOT_ALLOWED = RefusalCode.CALLBACK_NOT_ALLOWED
_TASK = re.compile(r"[A-Za-z_][\w.:-]{0,199}", re.ASCII)
_QUEUE = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)
_OURS = re.compile(r"(?:rescind|unacked|celeryev)(?:\b|_).*", re.ASCII)
"""Names of queues and Redis keys that belong to Rescind or to Celery."""
DEFAULT_QUEUE = "celery"
"""The queue that a Celery worker reads by default."""


class Wanted(NamedTuple):
    """The callbacks that a producer wants for one cancellation."""

    url: str | None = None
    task: str | None = None
    queue: str | None = None
    group_end: str | None = None
    """Where the end of its group is told."""


NONE_WANTED = Wanted()


@dataclass(frozen=True, slots=True)
class Callbacks:
    """The callbacks that are allowed for one way of submitting."""

    hosts: Sequence[HostPattern] = ()
    private: bool = False
    """Whether private addresses and plain HTTP are allowed, too."""
    secrets: WebhookSecrets = field(default=NO_SECRETS, repr=False)
    """The secrets that sign webhooks."""
    tasks: bool = False
    """Whether tasks are allowed: only for producers with access to the broker."""
    of_refused: bool = False
    """Whether refused entries are delivered, too: if the producer gets no answer."""

    def wanted(self, entry: Mapping[str, Any]) -> Wanted:
        """The callbacks that ``entry`` asks for; raises ``InvalidRequestError``."""
        url, task = entry.get("callback_url"), entry.get("callback_task")
        queue, group_end = entry.get("callback_queue"), self._group_end(entry)
        if url is None and task is None and queue is None and group_end is None:
            return NONE_WANTED
        self._check_address("callback_url", url)
        if task is None and queue is not None:
            says = "callback_queue needs a callback_task"
            raise InvalidRequestError(says, NOT_ALLOWED, "/callback_queue")
        if task is None:
            return Wanted(url, group_end=group_end)
        return Wanted(url, self._task(task), _queue(queue), group_end)

    def _group_end(self, entry: Mapping[str, Any]) -> str | None:
        """The checked ``on_group_end`` of ``entry``."""
        address: str | None = entry.get("on_group_end")
        if address is not None and entry.get("group") in (None, ""):
            says = "on_group_end needs a group"
            raise InvalidRequestError(says, param="/on_group_end")
        self._check_address("on_group_end", address)
        return address

    def _check_address(self, name: str, address: object) -> None:
        if address is not None and (why := self.why_not(address)):
            raise InvalidRequestError(f"{name} {why}", NOT_ALLOWED, f"/{name}")

    def of_what_is_refused(self, entry: object) -> Wanted:
        """The allowed callbacks of an entry that is refused."""
        if not self.of_refused or not isinstance(entry, dict):
            return NONE_WANTED
        try:
            return self.wanted(entry)
        except InvalidRequestError:
            return NONE_WANTED

    def why_not(self, url: object) -> str | None:
        """Why this address is not allowed, as the end of a sentence; else ``None``."""
        read = read_url(url) if isinstance(url, str) else None
        if read is None:
            return (
                f"must be an http or https address of at most {LONGEST_URL} characters,"
                " all of them ASCII, without a user, a password or a fragment"
            )
        if not self.hosts:
            return (
                "is not accepted: no host is allowed; list the allowed hosts in"
                " RESCIND_WEBHOOK_HOSTS"
            )
        if not self.secrets:
            return "is not accepted: set RESCIND_WEBHOOK_SECRET to sign webhooks"
        if not read.secure and not self.private:
            return "must begin with https://: only RESCIND_WEBHOOK_PRIVATE allows http"
        if not any(pattern.fits(read) for pattern in self.hosts):
            where = read.host if read.usual_port else f"{read.host}:{read.port}"
            return f"is at {where[:100]}, which RESCIND_WEBHOOK_HOSTS does not list"
        if not self.secrets.of(read):
            return (
                f"is at {read.host[:100]}, for which RESCIND_WEBHOOK_SECRET has"
                " no secret"
            )
        return None

    def _task(self, name: object) -> str:
        if not self.tasks:
            raise InvalidRequestError(
                "callback_task is not accepted here: only producers that submit through"
                " the broker may use it; give a callback_url",
                NOT_ALLOWED,
                "/callback_task",
            )
        if not isinstance(name, str) or not _TASK.fullmatch(name):
            raise InvalidRequestError(
                "callback_task must be the name of a task of yours, such as"
                " shop.cancellation_ended",
                param="/callback_task",
            )
        if name.partition(".")[0] in {"rescind", "celery", *BY_NAME, *BROKEN}:
            raise InvalidRequestError(
                "callback_task must be a task of yours, not one of Rescind's or"
                " Celery's own",
                NOT_ALLOWED,
                "/callback_task",
            )
        return name


def _queue(name: object) -> str:
    if name is None:
        return DEFAULT_QUEUE
    if not isinstance(name, str) or not _QUEUE.fullmatch(name):
        raise InvalidRequestError(
            "callback_queue must be 1 to 100 letters, digits, dots, dashes or"
            " underscores",
            param="/callback_queue",
        )
    if _OURS.fullmatch(name) or name in BY_NAME or name in BROKEN:
        raise InvalidRequestError(
            "callback_queue must be a queue of yours, not one of Rescind's or Celery's"
            " own",
            NOT_ALLOWED,
            "/callback_queue",
        )
    return name


NO_CALLBACKS = Callbacks()

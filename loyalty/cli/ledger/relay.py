"""``loyalty ledger relay``: tell others what stands in the outbox, on standard output or by HTTP."""

from __future__ import annotations

import logging
import os
import signal
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Final

import click

from loyalty.cli.ledger.database import database_options, open_store
from loyalty.cli.printing import count_words, print_line, stderr
from loyalty.cli.running import Command, WrongUseError
from loyalty.engine.relay import relay, relay_once
from loyalty.errors import LoyaltyError
from loyalty.ledger.outbox import Message

#: How long a receiver may take for one message.
_TIMEOUT_S: Final = 30

_CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"


class NotDeliveredError(LoyaltyError):
    """The receiver did not take a message; it stays in the outbox."""

    code = "not-delivered"


@click.command("relay", cls=Command, short_help="Tell others what stands in the outbox.")
@database_options
@click.option("--to", "url", metavar="URL", help="Post each message there as a CloudEvent; print it by default.")
@click.option("--header", "headers", metavar="NAME:VALUE", multiple=True,
              help="A header of each request; one with a secret stands better in LOYALTY_RELAY_HEADER.")  # fmt: skip
@click.option("--once", is_flag=True, help="End when the outbox is empty, or a message is not taken.")
@click.option("--batch", type=click.IntRange(1), default=100, show_default=True, metavar="N",
              help="How many are taken out at a time.")  # fmt: skip
@click.option("--poll", "poll_seconds", type=click.FloatRange(0.1), default=5.0, show_default=True, metavar="SECONDS",
              help="How long to rest at most while nothing wakes it.")  # fmt: skip
def command(
    db: str,
    book: str,
    prefix: str,
    schema: str | None,
    url: str | None,
    headers: tuple[str, ...],
    once: bool,
    batch: int,
    poll_seconds: float,
) -> None:
    """Tell each message of a book at least once, in a holder's order, and take it out of the outbox then.

    A receiver has taken a message when it answers with a status of 200 to 299. Another answer, or none, has it told
    again, after pauses that grow to a minute. It ends with SIGINT or SIGTERM, after the message that is on its way.

    \b
    Example:
      loyalty ledger relay --db postgresql://portal@db/portal --to https://events.example/points
    """
    if headers and url is None:
        raise WrongUseError("--header is a header of requests, and there are none; say with --to where they go")
    deliver = _print if url is None else _poster(url, headers)
    store = open_store(db, book=book, prefix=prefix, schema=schema, read_only=False)
    if once:
        count = relay_once(store, deliver, batch=batch)
        print_line(stderr(), f"{count_words(count, 'message')} told.")
        return
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    handler = logging.StreamHandler()
    handler.setFormatter(_WithoutTraces("%(asctime)s %(message)s"))
    logging.getLogger("loyalty").addHandler(handler)
    relay(store, deliver, batch=batch, poll_seconds=poll_seconds, stop=stop)


def _print(message: Message) -> None:
    click.echo(message.body)


def _poster(url: str, headers: tuple[str, ...]) -> Callable[[Message], None]:
    if not url.lower().startswith(("http://", "https://")):
        raise WrongUseError(f"--to {url!r} is no URL that can be posted to; write https://...")
    fixed = {"Content-Type": _CONTENT_TYPE}
    secret = os.environ.get("LOYALTY_RELAY_HEADER")
    for header in [*headers, *([secret] if secret else [])]:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            # What was written may be a secret, so that nothing of it is repeated.
            raise WrongUseError("a header is a name, a colon and a value; write for example 'Accept: text/plain'")
        fixed[name.strip()] = value.strip()

    receiver = urllib.parse.urlsplit(url).hostname

    def deliver(message: Message) -> None:
        request = urllib.request.Request(url, message.body.encode(), fixed, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
                pass
        except (OSError, ValueError) as error:
            why = f"answered {error.code}" if isinstance(error, urllib.error.HTTPError) else f"did not answer: {error}"
            raise NotDeliveredError(
                f"{receiver} {why}; message {message.event['id']} ({message.topic}) stays in the outbox"
            ) from error

    return deliver


class _WithoutTraces(logging.Formatter):
    """Says what went wrong in a line; the error's own words are enough for whoever runs the command."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        # Another formatter may have kept its text of the trace in the record.
        plain = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None})
        return f"{super().format(plain)}: {error}" if error is not None else super().format(plain)

"""
How every command runs: errors that loyalty raises on purpose become text or JSON, and an exit code.

Unknown exceptions are bugs, and show.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, TypeVar

import click

from loyalty.cli.printing import count_words, print_findings, print_line, stderr
from loyalty.errors import Finding, LoyaltyError, NotRecorded, ProgrammeError, SourceError, UsageError
from loyalty.explaining.languages import LANGUAGES

FINDINGS: Final = 1
WRONG_USE: Final = 2
#: What a shell gives for a command that was stopped by Ctrl-C.
STOPPED: Final = 130

_Function = TypeVar("_Function", bound=Callable[..., Any])

#: A file that must be there.
FILE: Final = click.Path(exists=True, dir_okay=False)

#: So many bad rows are shown; more of them teach nobody anything.
_MOST_ROWS: Final = 20

#: Findings that say that the command was called with a file that is not there.
_NO_FILE: Final = frozenset({"no-file"})


class WrongUseError(LoyaltyError):
    """The command cannot do what it is asked: the call is to be mended, not the files."""

    code = "wrong-use"


#: What the call is to blame for, and not what the files or the book hold.
_WRONG_USES: Final = (WrongUseError, UsageError, NotRecorded)


class Command(click.Command):
    """A command of which no error that is raised on purpose shows a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ProgrammeError, SourceError) as error:
            is_wrong_use = {finding.code for finding in error.findings} <= _NO_FILE
            fail(ctx, error.findings, exit_code=WRONG_USE if is_wrong_use else FINDINGS)
        except KeyboardInterrupt as error:
            print_line(stderr(), " ".join(["Stopped.", *map(str, error.args)]))
            ctx.exit(STOPPED)
        except LoyaltyError as error:
            _fail_with(ctx, error.code, str(error), WRONG_USE if isinstance(error, _WRONG_USES) else FINDINGS)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            _fail_with(ctx, "file", what, WRONG_USE)


def fail(ctx: click.Context, findings: Iterable[Finding], *, exit_code: int = FINDINGS) -> NoReturn:
    """Print findings, as text or as the JSON document of the command, and leave."""
    listed = list(findings)
    if ctx.params.get("as_json"):
        print_json({"ok": False, "findings": [finding_record(finding) for finding in listed]})
    else:
        shown = listed if any(finding.code != "bad-row" for finding in listed) else listed[:_MOST_ROWS]
        print_findings(stderr(), shown)
        if len(shown) < len(listed):
            print_line(stderr(), f"and {count_words(len(listed) - len(shown), 'more bad row')}")
        if "skip_bad_rows" in ctx.params and any(finding.code == "bad-row" for finding in listed):
            hint = "mend the file or its mapping, or go on without these rows with --skip-bad-rows, which saves them"
            print_line(stderr(), f"Nothing was settled; {hint}.")
    ctx.exit(exit_code)


def print_json(document: Any) -> None:
    """Print the one document of a ``--json`` run."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def finding_record(finding: Finding) -> dict[str, Any]:
    """Give a finding as plain JSON types."""
    place = finding.place
    return {
        "code": finding.code,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "got": finding.got,
        "why": finding.why,
        "fix": finding.fix,
    }


@contextmanager
def when_stopped(words: Callable[[], str]) -> Iterator[None]:
    """Say what became of what was done so far, where Ctrl-C stops a part of a command."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(words()) from error


def json_option(function: _Function) -> _Function:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for machines.")(function)


def programme_argument(function: _Function) -> _Function:
    """Add the argument PROGRAMME."""
    return click.argument("programme_path", metavar="PROGRAMME", type=FILE)(function)


def out_option(function: _Function) -> _Function:
    """Add ``--out``."""
    kind = click.Path(file_okay=False, writable=True)
    text = "Where the results go; made where it does not exist."
    return click.option("--out", "out_dir", metavar="DIR", type=kind, required=True, help=text)(function)


def format_option(function: _Function) -> _Function:
    """Add ``--format``."""
    kinds = click.Choice(["csv", "parquet"])
    return click.option("--format", "table_format", type=kinds, default="csv", show_default=True,
                        help="Of the tables; Parquet needs the extra [sim].")(function)  # fmt: skip


def lang_option(function: _Function) -> _Function:
    """Add ``--lang``."""
    return click.option("--lang", type=click.Choice(list(LANGUAGES)), default="en", show_default=True,
                        help="The language of the report.")(function)  # fmt: skip


def _fail_with(ctx: click.Context, code: str, message: str, exit_code: int) -> NoReturn:
    if ctx.params.get("as_json"):
        print_json({"ok": False, "error": {"code": code, "message": message}})
    else:
        print_line(stderr(), f"Error: {message}", style="red")
    ctx.exit(exit_code)

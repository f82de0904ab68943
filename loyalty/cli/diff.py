"""``loyalty diff``: what changed between two programme files, in words."""

from __future__ import annotations

import json
from typing import Any

import click

from loyalty.cli.printing import print_line, stdout
from loyalty.cli.running import FILE, FINDINGS, Command, json_option, print_json
from loyalty.explaining.differences import LANGUAGES, Told, tell_differences
from loyalty.explaining.languages import Language
from loyalty.explaining.said import said
from loyalty.programme.differences import differences
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.programme.revision import form_of


@click.command("diff", cls=Command, short_help="What changed between two programme files, in words.")
@click.argument("before_path", metavar="BEFORE", type=FILE)
@click.argument("after_path", metavar="AFTER", type=FILE)
@click.option("--lang", "code", type=click.Choice(list(LANGUAGES)), default="en", show_default=True,
              help="The language of the words.")  # fmt: skip
@json_option
@click.pass_context
def command(ctx: click.Context, before_path: str, after_path: str, code: str, as_json: bool) -> None:
    """Say what changed from BEFORE to AFTER: what changes postings by section, then what changes words alone.

    Exit code 0 where no posting changes, 1 where one can.

    \b
    Example:
      loyalty diff programme-2026.yaml programme-2027.yaml --lang ru
    """
    before, after = load(before_path), load(after_path)
    told = tell_differences(differences(before, after), before, after)
    if as_json:
        print_json(_document(before, after, told, LANGUAGES[code]))
    else:
        _print(before, after, told, LANGUAGES[code])
    if any(one.difference.posts for one in told):
        ctx.exit(FINDINGS)


def _print(before: Programme, after: Programme, told: tuple[Told, ...], tongue: Language) -> None:
    out = stdout()
    names = (f"{one.id} {one.revision[:12]}" for one in (before, after))
    print_line(out, tongue.tell(said("title", **dict(zip(("before", "after"), names, strict=True)))), style="bold")
    posting = [one for one in told if one.difference.posts]
    for heading, group in (("posting", posting), ("words", [one for one in told if not one.difference.posts])):
        if group or heading == "posting":
            print_line(out)
            print_line(out, tongue.tell(said(heading if group else "same")), style="bold")
        section = thing = None
        for one in group:
            if one.section != section:
                section, thing = one.section, None
                print_line(out, f"  {tongue.tell(said(f'section.{section}'))}")
            if one.thing is not None and one.thing != thing:
                thing = one.thing
                print_line(out, f"    {tongue.tell(thing)}")
            indent = "      " if one.thing is not None else "    "
            for depth, text in enumerate((one.text, *one.details)):
                print_line(out, f"{indent}{'  ' if depth else ''}{tongue.tell(text)}")


def _document(before: Programme, after: Programme, told: tuple[Told, ...], tongue: Language) -> dict[str, Any]:
    return {
        "ok": True,
        "before": {"id": before.id, "revision": before.revision},
        "after": {"id": after.id, "revision": after.revision},
        "changes_postings": any(one.difference.posts for one in told),
        "differences": [_record(one, tongue) for one in told],
    }


def _record(one: Told, tongue: Language) -> dict[str, Any]:
    found = one.difference
    return {
        "section": one.section,
        "path": [name for _, name in found.things],
        "option": None if found.option is None else found.option[1],
        "keys": list(found.keys),
        "change": found.change.value,
        "changes_postings": found.posts,
        "before": json.loads(form_of(found.before)),
        "after": json.loads(form_of(found.after)),
        "text": tongue.tell(one.text),
        "details": [tongue.tell(text) for text in one.details],
    }

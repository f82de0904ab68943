"""``loyalty init``: a small programme to start from, with events, a mapping and a scenario, all of which run."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from loyalty.cli.printing import print_line, stdout
from loyalty.cli.running import Command, WrongUseError, json_option, print_json
from loyalty.programme.schema import json_schema
from loyalty.sources.mapping_schema import mapping_schema

_STARTER: Final = ("programme.yaml", "events.csv", "export.csv", "mapping.yaml", "scenario.yaml", "README.md")


@click.command("init", cls=Command, short_help="Write a small programme to start from.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@json_option
def command(folder: str, as_json: bool) -> None:
    """Write a small commented programme to DIR, with events, a mapping, a scenario and the schemas for editors.

    DIR is made where it does not exist. No file that is there is overwritten.

    \b
    Example:
      loyalty init my-programme && loyalty check my-programme/programme.yaml
    """
    target = Path(folder)
    starter = files("loyalty.cli").joinpath("starter")
    texts = {name: starter.joinpath(name).read_text(encoding="utf-8") for name in _STARTER}
    texts["programme.schema.json"] = schema_text(json_schema())
    texts["mapping.schema.json"] = schema_text(mapping_schema())
    present = [name for name in texts if (target / name).exists()]
    if present:
        raise WrongUseError(f"{target} has {', '.join(present)} already, and nothing is overwritten; name another")
    target.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (target / name).write_text(text, encoding="utf-8", newline="\n")
    if as_json:
        print_json({"ok": True, "files": [str(target / name) for name in texts]})
        return
    out = stdout()
    print_line(out, f"Wrote {len(texts)} files to {target}: {', '.join(texts)}")
    print_line(out, f"Now: loyalty check {target / 'programme.yaml'}", style="bold")


def schema_text(schema: dict[str, object]) -> str:
    """Write a schema as `loyalty schema` prints it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"

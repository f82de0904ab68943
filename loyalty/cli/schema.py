"""``loyalty schema``: the JSON Schema of programme files, mapping files or scenarios, for editors."""

from __future__ import annotations

import click

from loyalty.cli.running import Command, WrongUseError, print_json
from loyalty.programme.schema import json_schema
from loyalty.simulation.scenario_language import scenario_schema
from loyalty.sources.mapping_schema import mapping_schema


@click.command("schema", cls=Command, short_help="Print the JSON Schema of the programme file.")
@click.option("--mapping", "is_mapping", is_flag=True, help="Of the mapping file instead.")
@click.option("--scenario", "is_scenario", is_flag=True, help="Of the scenario file instead.")
@click.option("--json", "as_json", is_flag=True, help="Changes nothing: a schema is JSON.")
def command(is_mapping: bool, is_scenario: bool, as_json: bool) -> None:  # noqa: ARG001 (taken as elsewhere)
    """Print the JSON Schema of the programme file, for editors that check and complete as you write.

    Point an editor at it in the first line of a file: # yaml-language-server: $schema=programme.schema.json

    \b
    Example:
      loyalty schema > programme.schema.json
    """
    if is_mapping and is_scenario:
        raise WrongUseError("--mapping and --scenario are different files; take one of them")
    print_json(mapping_schema() if is_mapping else scenario_schema() if is_scenario else json_schema())

"""``loyalty check``: every finding of a programme file, its examples, and on request the search for unfairness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from loyalty.cli.printing import count_words, print_findings, print_line, stdout
from loyalty.cli.running import (
    FINDINGS,
    Command,
    WrongUseError,
    finding_record,
    json_option,
    print_json,
    programme_argument,
)
from loyalty.core.events import to_record
from loyalty.errors import Finding
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.simulation.examples import check_examples

if TYPE_CHECKING:
    from loyalty.testing.laws import LawResult


@click.command("check", cls=Command, short_help="Find everything that is wrong with a programme file.")
@programme_argument
@click.option("--fairness", "with_fairness", is_flag=True, help="Look for histories in which it is unfair.")
@click.option("--budget", "budget_seconds", type=click.FloatRange(min=0.1), default=12.0, show_default=True,
              metavar="SECONDS", help="When --fairness stops looking.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="What --fairness draws random histories from.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, programme_path: str, with_fairness: bool, budget_seconds: float, seed: int, as_json: bool
) -> None:
    """Find everything that is wrong with PROGRAMME, and run its examples.

    PROGRAMME is a programme file. Each finding says file, line and column, what was got, why it is wrong and what to
    write. With --fairness each broken law is shown by a short dated history; laws that the file opts out of are
    listed with the reasons.

    \b
    Example:
      loyalty check examples/acme/programme.yaml --fairness
    """
    programme = load(programme_path)
    findings = check_examples(programme)
    results = _fairness(programme, budget_seconds, seed) if with_fairness else []
    is_unfair = any(result.counterexample is not None for result in results)
    if as_json:
        print_json(_document(programme, findings, results))
    else:
        _print(programme, findings, results)
    if findings or is_unfair:
        ctx.exit(FINDINGS)


def _fairness(programme: Programme, budget_seconds: float, seed: int) -> list[LawResult]:
    try:
        from loyalty.testing import check_fairness
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("hypothesis", "pytest"):
            raise
        raise WrongUseError(
            f"--fairness needs {error.name}, which is not installed; run pip install 'loyalty-engine[testing]'"
        ) from None
    return check_fairness(programme, budget_seconds=budget_seconds, seed=seed)


def _print(programme: Programme, findings: list[Finding], results: list[LawResult]) -> None:
    out = stdout()
    title = programme.title or programme.id
    print_line(out, f"{title}: revision {programme.revision[:12]}", style="bold")
    parts = [
        count_words(len(programme.rules), "rule"),
        count_words(len(programme.currencies), "currency", "currencies"),
        count_words(len(programme.ladder.tiers), "tier"),
        count_words(len(programme.events), "kind of event", "kinds of event"),
    ]
    print_line(out, f"  {', '.join(parts)}")
    held = {(finding.place.line, finding.place.column) for finding in findings}
    expected = [one for example in programme.examples for one in example.expect]
    if not programme.examples:
        print_line(out, "  no examples: add `examples:` with what the programme is meant to pay", style="yellow")
    elif not findings:
        count = f"{count_words(len(programme.examples), 'example')}, {count_words(len(expected), 'expectation')}"
        print_line(out, f"  {count}: all hold", style="green")
    else:
        print_line(out, f"  {len(held)} of {len(expected)} expectations of its examples do not hold", style="red")
        print_findings(out, findings)
    if results:
        _print_fairness(programme, results)


def _print_fairness(programme: Programme, results: list[LawResult]) -> None:
    out = stdout()
    print_line(out)
    print_line(out, "Fairness", style="bold")
    for result in results:
        verdict = result.verdict.value
        if result.counterexample is None:
            style = "green" if verdict == "holds" else "yellow"
            tail = result.reason or count_words(result.histories, "history", "histories")
            print_line(out, f"  {result.name}: {verdict} ({tail})", style=style)
            continue
        print_line(out, f"  {result.name}: {verdict}", style="bold red")
        print_line(out, f"    The law: {result.law.statement}")
        for line in result.story.splitlines():
            print_line(out, f"  {line}")
        for place in _places(programme, result):
            print_line(out, f"      {place}", style="cyan")
    unfinished = [result.name for result in results if result.verdict.value == "unfinished"]
    if unfinished:
        print_line(out, f"  The time was too short to look at {', '.join(unfinished)}; raise --budget.", style="yellow")
    broken = sum(result.counterexample is not None for result in results)
    if broken:
        print_line(out, f"{count_words(broken, 'law')} broken; mend the rules, or opt out with a reason:")
        print_line(out, "  fairness:")
        for result in results:
            if result.counterexample is not None:
                print_line(out, f'    {result.name}: {{except: "why this is meant"}}')


def _places(programme: Programme, result: LawResult) -> list[str]:
    """Give where the rules stand that a counterexample blames."""
    blamed = {name for name, _ in result.counterexample.rules} if result.counterexample else set()
    return [f"rule {rule.name} stands at {rule.place}" for rule in programme.rules if rule.name in blamed]


def _document(programme: Programme, findings: list[Finding], results: list[LawResult]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "ok": not findings and not any(result.counterexample for result in results),
        "programme": {"id": programme.id, "revision": programme.revision},
        "examples": len(programme.examples),
        "findings": [finding_record(finding) for finding in findings],
    }
    if results:
        document["fairness"] = [
            {
                "law": result.name,
                "statement": result.law.statement,
                "verdict": result.verdict.value.replace(" ", "_"),
                "reason": result.reason,
                "histories": result.histories,
                "story": result.story,
                "events": [to_record(event) for event in result.counterexample.events] if result.counterexample else [],
            }
            for result in results
        ]
    return document

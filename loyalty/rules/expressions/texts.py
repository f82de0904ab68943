"""
Strings are compared as codes in the generated step: what may be compared follows from that.

Two names share their codes only where both declare the same values; a string in quotes takes the codes of the name
that it is compared with.
"""

from __future__ import annotations

from difflib import get_close_matches

from loyalty.rules.expressions.reports import Report
from loyalty.rules.expressions.tree import Name, Node, text_literals, text_names
from loyalty.rules.expressions.types import TypeKind


def check_texts(report: Report, *nodes: Node) -> bool:
    """
    Find out whether the strings that meet here can be compared.

    Args:
        report: Takes the findings.
        nodes: Parts whose values meet in one comparison, choice or list.

    Returns:
        True where nothing is wrong, also where no strings are among them.
    """
    names = [name for node in nodes for name in text_names(node) if name.type.kind is TypeKind.STRING]
    first = names[0] if names else None
    if first is None:
        return True
    for name in names[1:]:
        if name.name != first.name and (first.symbol.values is None or not _same_values(name, first)):
            report.add(
                "incomparable-texts",
                name.span,
                f"{first.name} and {name.name} do not declare the same `one_of`, and are kept as codes of their own",
                "compare each with a string in quotes, or declare the same `one_of` for both",
                got=f"{first.name} beside {name.name}",
            )
            return False
    values = first.symbol.values
    if values is None:
        return True
    sound = True
    for literal in [literal for node in nodes for literal in text_literals(node)]:
        if literal.value not in values:
            near = get_close_matches(str(literal.value), values, n=1, cutoff=0.5)
            report.add(
                "unknown-value",
                literal.span,
                f"{first.name} is one of {', '.join(values)}",
                f'write "{near[0]}"' if near else "write one of the declared values",
            )
            sound = False
    return sound


def _same_values(name: Name, first: Name) -> bool:
    return name.symbol.values is not None and first.symbol.values == name.symbol.values

"""What pages name exists: links, modules, folders, public names, tables, dependencies."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import loyalty
from loyalty.ledger.sql.schema import Schema
from loyalty.testing import ENGINE_LAWS, FAIRNESS_LAWS
from tests.docs.pages import DOCS, ROOT, blocks_of

PAGES = sorted(DOCS.rglob("*.md"))
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")
_DOTTED = re.compile(r"`(loyalty(?:\.[A-Za-z_]\w*)+)`")
_PATH = re.compile(r"`((?:loyalty|tests|docs|examples|benchmarks)/[\w./-]*)`")


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_modules_and_folders_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [name for name in _DOTTED.findall(text) if not _exists(name)]
    missing += [path for path in _PATH.findall(text) if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_yaml_is_yaml(page: Path) -> None:
    for block in blocks_of(page):
        if block.language == "yaml":
            YAML(typ="safe").load(block.text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_block_is_of_a_kind_that_is_tested(page: Path) -> None:
    """A block that nobody runs is a promise that nobody keeps."""
    known = {"python", "console", "yaml", "cel", "csv", "json"}
    if page.name not in ("mapping-file.md", "programme-file.md"):
        assert {block.language for block in blocks_of(page)} <= known


def test_every_public_name_has_a_place_in_the_reference() -> None:
    page = read("reference/python-api.md")
    assert not [name for name in loyalty.__all__ if f"`{name}`" not in page and f"`{name}(" not in page]


def test_every_table_is_listed() -> None:
    listed = read("reference/ledger.md").split("<!-- tables -->")[1].split("<!-- end -->")[0]
    rows = [line.split("|")[1] for line in listed.strip().splitlines()[2:]]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(Schema.of("").metadata.tables)


def test_every_law_is_explained() -> None:
    page = read("how-to/test-your-programme.md")
    assert not [law.name for law in (*FAIRNESS_LAWS, *ENGINE_LAWS) if f"`{law.name}`" not in page]


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0] for line in wanted} - {project["project"]["name"]}
    listed = set(re.findall(r"^\| `([\w.-]+)` \|", read("explanation/dependencies.md"), re.MULTILINE))
    assert listed == names


def test_every_folder_has_a_reason() -> None:
    page = read("explanation/folders.md")
    folders = [path.parent for path in (ROOT / "loyalty").rglob("__init__.py")]
    missing = [folder for folder in folders if f"`{folder.relative_to(ROOT)}/`" not in page]
    assert not missing


def test_index_leads_to_every_page() -> None:
    linked = {(DOCS / link).resolve() for link in _LINK.findall(read("index.md"))}
    assert not [page for page in PAGES if page.name != "index.md" and page.resolve() not in linked]


def _exists(name: str) -> bool:
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True
    return False

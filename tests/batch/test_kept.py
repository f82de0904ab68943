"""Kernels are compiled once on a machine: workers load them, and many who ask at once wait for the first."""

from __future__ import annotations

import logging
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from loyalty.errors import UsageError
from tests.batch.watching import made_ready, settled

pytest.importorskip("numba", reason="needs the [sim] extra: pip install 'loyalty-engine[sim]'")

from loyalty.batch.kept import is_compiled, module_of, ready

#: As small as what is called from outside can be.
SMALL = """
from loyalty.batch.pointers import entry, inner


@inner
def more(number):
    return number + 1


@entry
def settle(number):
    return more(number) + {}
"""


def test_a_worker_loads_from_disk_and_never_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first process compiles the kernel; the next ones compile no function at all, and give the same digest."""
    monkeypatch.setenv("LOYALTY_CACHE", str(tmp_path))
    apart = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, apart) as first:
        digest, compiled = first.submit(settled).result()
    assert {"settle", "pack", "places"} <= set(compiled)
    with ProcessPoolExecutor(1, apart) as later:
        assert later.submit(settled).result() == (digest, [])


def test_of_two_processes_at_once_one_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other waits for it and loads what it kept."""
    monkeypatch.setenv("LOYALTY_CACHE", str(tmp_path))
    apart = multiprocessing.get_context("spawn")
    with apart.Manager() as manager, ProcessPoolExecutor(2, apart) as workers:
        barrier = manager.Barrier(2)
        results = list(workers.map(made_ready, [SMALL.format(40)] * 2, [barrier] * 2))
    assert [number for number, _ in results] == [42, 42]
    assert sorted(name for _, compiled in results for name in compiled) == ["more", "settle"]


def test_where_nothing_can_be_kept_it_is_compiled_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder that cannot be made is told by name, and the run goes on with one of its own."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("LOYALTY_CACHE", str(tmp_path / "file" / "kernels"))
    with caplog.at_level(logging.WARNING):
        module = module_of(SMALL.format(7))
    ready(module.settle, 1)
    assert module.settle(1) == 9
    assert is_compiled([module])
    assert f"cannot be kept in {tmp_path / 'file' / 'kernels'} (Not a directory)" in caplog.text
    assert "LOYALTY_CACHE" in caplog.text


def test_a_folder_of_others_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can write there could run code as the user."""
    tmp_path.chmod(0o777)
    monkeypatch.setenv("LOYALTY_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="others than you can write there; make it yours alone"):
        module_of(SMALL.format(8))

"""
Compiled kernels on disk: the folder that is the user's alone, and one process that compiles where many ask at once.

A module lies under the hash of its text and of the versions of what compiles it, and numba keeps its machine code
beside it. Whoever comes first compiles, with the file locked; all others wait and load. A worker on a machine where a
kernel lies never compiles it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import logging
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from types import ModuleType
from typing import Any, Final

import llvmlite
import numba
import numpy as np
from numba._dispatcher import compute_fingerprint

from loyalty.batch import arithmetic, entries, gathering, linking, marking, pairs, pointers
from loyalty.errors import UsageError

try:
    import fcntl
except ImportError:  # Without it two processes at once compile the same, and both work.
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)

#: Set to another folder for compiled kernels; by default they lie in the user's cache.
CACHE_VARIABLE: Final = "LOYALTY_CACHE"

#: What modules are compiled with.
_COMPILERS: Final = (arithmetic, entries, gathering, linking, marking, pairs, pointers)

_LOCK: Final = Lock()

#: Which functions are ready for which arguments in this process.
_READY: Final[set[tuple[Any, bytes]]] = set()


@lru_cache(maxsize=256)
def module_of(source: str) -> ModuleType:
    """Import the module of a source, which is written to the folder where it is not there yet."""
    versions = [numba.__version__, llvmlite.__version__, np.__version__, sys.version]
    compilers = [inspect.getsource(module) for module in _COMPILERS]
    key = hashlib.sha256("\0".join([source, *versions, *compilers]).encode()).hexdigest()[:32]
    name = f"loyalty_kernel_{key}"
    with _LOCK:
        if name in sys.modules:
            return sys.modules[name]
        folder = cache_folder()
        file = folder / f"{name}.py"
        if not file.exists():
            fresh = folder / f".{name}.{os.getpid()}"
            fresh.write_text(source, encoding="utf-8")
            os.replace(fresh, file)
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise AssertionError(f"{file} is no module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module


def is_compiled(modules: Iterable[ModuleType]) -> bool:
    """Tell whether the machine code of modules is there, in this process or on disk."""
    for module in modules:
        kept = Path(module.settle._cache.cache_path).glob(f"{module.__name__}.settle*.nbc")
        if not module.settle.signatures and not any(kept):
            return False
    return True


def ready(function: Any, *arguments: Any) -> None:
    """Load a function's machine code for such arguments, or compile it; of many who ask at once one compiles."""
    # What numba knows arguments by costs a hundredth of their types.
    known = function, compute_fingerprint(arguments)
    if known in _READY:
        return
    types = tuple(map(function.typeof_pyval, arguments))
    if types not in function.overloads:
        with _alone(Path(inspect.getfile(function.py_func)).with_suffix(".lock")):
            function.compile(types)
    _READY.add(known)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes out until the block ends; a process that dies keeps nobody out."""
    with path.open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cache_folder() -> Path:
    """
    Give the folder of compiled kernels, made where it is not there; one of this process where it cannot be written to.

    Raises:
        UsageError: it belongs to somebody else, or others can write into it.
    """
    named = os.environ.get(CACHE_VARIABLE)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(named) if named else Path(base) / "loyalty" / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.stat()
    except OSError as error:
        return _of_this_process(folder, error.strerror or str(error))
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise UsageError(
            f"{folder} keeps compiled code, and others than you can write there; make it yours alone (chmod 700), or "
            f"name another folder in {CACHE_VARIABLE}"
        )
    if not os.access(folder, os.W_OK):
        return _of_this_process(folder, "it cannot be written to")
    return folder


@cache
def _of_this_process(folder: Path, why: str) -> Path:
    _log.warning(
        "compiled kernels cannot be kept in %s (%s), so that each process compiles them for itself; name another "
        "folder in %s",
        folder,
        why,
        CACHE_VARIABLE,
    )
    own = TemporaryDirectory(prefix="loyalty-kernels-")
    _temporary.append(own)
    return Path(own.name)


#: Folders that are removed with the process.
_temporary: Final[list[TemporaryDirectory[str]]] = []

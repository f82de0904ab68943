"""
How the kernel's many functions become one piece of machine code.

numba optimises every function for itself, gives it machine code of its own, and does both again for all functions in
each of their callers: a function at the bottom of the step was translated five times. Here only what is called from
outside is; what it calls is handed over as LLVM has it from numba, and stands in the caller once.
"""

# What numba is extended with has no types that a checker could see.
# mypy: disable-error-code="no-untyped-call,misc,no-any-return,attr-defined"

from __future__ import annotations

from typing import Any, Final

from llvmlite.binding import Linkage
from numba import _dynfunc
from numba.core import typed_passes, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import PassManager

#: What of numba's passes these functions need: they have no closures, contexts, array expressions or loops to share.
_PASSES: Final = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.RewriteSemanticConstants,
    untyped_passes.DeadBranchPrune,
    untyped_passes.GenericRewrites,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization,
    typed_passes.NativeLowering,
    typed_passes.NoPythonBackend,
)


class _Part(JITCodeLibrary):
    """A function that is compiled into its callers alone: neither optimised nor translated by itself."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        # Many may bring the same function along.
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.external:
                function.linkage = Linkage.linkonce_odr
        self._shared_module = self._final_module
        self._finalized = True


class _Whole(JITCodeLibrary):
    """A function that is called from outside, with everything that it calls."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.enable_object_caching()

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        self._linking_libraries = _with_parts(self._linking_libraries)
        super().finalize()

    def _optimize_final_module(self) -> None:
        # Nobody else calls the parts: what they give need not go through memory, nor be asked whether it failed.
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal
        passes, builder = self._codegen._module_pass_manager(loop_vectorize=False, slp_vectorize=False)
        passes.run(self._final_module, builder)


def _with_parts(libraries: list[Any]) -> list[Any]:
    """Give what libraries link, callers before what they call: the linker takes only what somebody asks for."""
    found: dict[Any, None] = {}
    waiting = libraries[::-1]
    while waiting:
        library = waiting.pop()
        if library not in found:
            found[library] = None
            if isinstance(library, _Part):
                waiting += library._linking_libraries[::-1]
    return list(found)


class _Compiler(Compiler):
    library: Any

    def compile_extra(self, func: Any) -> Any:
        self.state.library = self.library(self.state.targetctx.codegen(), func.__qualname__)
        return super().compile_extra(func)

    def define_pipelines(self) -> list[PassManager]:
        passes = PassManager("kernel")
        for each in _PASSES:
            passes.add_pass(each, each.__name__)
        passes.finalize()
        return [passes]


class WholeCompiler(_Compiler):
    """Compiles a function that is called from outside."""

    library = _Whole


class PartCompiler(_Compiler):
    """Compiles a function that is called by others alone."""

    library = _Part

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.state.targetctx = self.state.targetctx.subtarget(get_executable=_no_executable)


def _no_executable(library: Any, fndesc: Any, env: Any) -> Any:
    """Give what stands for a function that Python cannot call; numba's own asks for the machine code."""
    return _dynfunc.make_function(fndesc.lookup_module(), fndesc.qualname.split(".")[-1], "", 0, env, (library,))

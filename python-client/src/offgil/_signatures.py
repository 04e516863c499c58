"""Kernels as Python functions: the signature, the documentation, and how arguments are bound.

The order is the kernel's, with two exceptions that Python demands: from a required parameter behind
one with a default on, parameters are keyword-only; and the one that stands for further arguments of
any name comes last. A name that is a keyword of Python gets an underscore: ``lambda_``.
"""

from __future__ import annotations

import difflib
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from offgil._catalogue import Kernel, Parameter, Result
from offgil._results import Results, python_name

__all__ = ["FAMILIES", "Argument", "KernelSignature", "describe", "python_arguments"]

Argument = tuple[Parameter, inspect._ParameterKind]

# What types of elements have in common for Python.
FAMILIES: Mapping[str, type] = {
    "bool": bool,
    "float32": float,
    "float64": float,
    "int32": int,
    "int64": int,
    "string": str,
    "uint8": int,
}
SHAPES = ("", "Vector", "Matrix")
WIDTH = 88


class _Annotation:
    """An annotation whose repr is the name that the stub of ``offgil stubs`` gives the type."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


class KernelSignature:
    """What a function that calls a kernel looks like."""

    def __init__(self, kernel: Kernel) -> None:
        """Creates the signature of a kernel."""
        self.kernel = kernel
        self.documentation = describe(kernel)
        self.signature = inspect.Signature(
            [
                inspect.Parameter(
                    python_name(parameter.name),
                    kind,
                    default=parameter.default
                    if not (parameter.required or parameter.variadic)
                    else inspect.Parameter.empty,
                    annotation=_annotation(parameter),
                )
                for parameter, kind in python_arguments(kernel)
            ],
            return_annotation=_annotation(kernel.results[0])
            if len(kernel.results) == 1
            else Results,
        )
        self._names = {python_name(x.name): x.name for x in kernel.parameters if not x.variadic}

    def bind(self, positional: Sequence[Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the arguments of a call by the names of the kernel's parameters.

        Raises:
            TypeError: They do not fit the signature, in the words of Python's own functions.
        """
        own = {name: python for python, name in self._names.items()}
        spelled = {own.get(name, name): value for name, value in keywords.items()}
        try:
            bound = self.signature.bind(*positional, **spelled)
        except TypeError as fault:
            near = self._nearest(spelled)
            raise TypeError(f"{self.kernel.name}() {fault}{near}") from None
        arguments: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            if name in self._names:
                arguments[self._names[name]] = value
            else:
                arguments.update(value)
        return arguments

    def _nearest(self, keywords: Mapping[str, Any]) -> str:
        unknown = [name for name in keywords if name not in self._names]
        near = difflib.get_close_matches(unknown[0], self._names) if unknown else []
        return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def python_arguments(kernel: Kernel) -> Iterator[Argument]:
    """Yields the parameters as a Python function must order them, with the kind of each."""
    kind: inspect._ParameterKind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    has_default = False
    for parameter in kernel.parameters:
        if parameter.variadic:
            continue
        if has_default and parameter.required:
            kind = inspect.Parameter.KEYWORD_ONLY
        has_default = has_default or not parameter.required
        yield parameter, kind
    # A second one would have no meaning, and no place in a signature.
    variadic = [parameter for parameter in kernel.parameters if parameter.variadic]
    for parameter in variadic[:1]:
        yield parameter, inspect.Parameter.VAR_KEYWORD


def describe(kernel: Kernel) -> str:
    """Returns the documentation of a kernel with its parameters and results, as a docstring."""
    lines = [kernel.documentation.strip(), ""]
    if kernel.parameters:
        lines += ["Args:"]
        for parameter, kind in python_arguments(kernel):
            stars = "**" if kind is inspect.Parameter.VAR_KEYWORD else ""
            title = f"{stars}{python_name(parameter.name)} ({'; '.join(_facts(parameter))})"
            lines += _entry(title, parameter.documentation)
        lines += [""]
    if kernel.results:
        lines += ["Returns:"]
    if len(kernel.results) == 1:
        only = kernel.results[0]
        lines += _entry(_type_text(only), only.documentation)
    else:
        for result in kernel.results:
            name = python_name(result.name)
            lines += _entry(f"{name} ({_type_text(result)})", result.documentation)
    return "\n".join(lines).strip()


def _facts(parameter: Parameter) -> Iterator[str]:
    yield _type_text(parameter)
    if parameter.choices:
        yield "one of " + ", ".join(map(repr, parameter.choices))
    if not (parameter.required or parameter.variadic):
        yield f"default {parameter.default!r}"
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None:
        yield f"from {low} to {high}"
    elif low is not None:
        yield f"at least {low}"
    elif high is not None:
        yield f"at most {high}"


def _entry(title: str, documentation: str) -> list[str]:
    text = " ".join(documentation.split())
    return textwrap.wrap(
        f"{title}: {text}" if text else title,
        WIDTH,
        initial_indent=" " * 4,
        subsequent_indent=" " * 8,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _type_text(value: Parameter | Result) -> str:
    shape = SHAPES[value.rank].lower() if value.rank < len(SHAPES) else f"{value.rank}-d array"
    return f"{shape} of {value.element}" if shape else value.element


def _annotation(value: Parameter | Result) -> Any:
    family = FAMILIES.get(value.element)
    if family is None or value.rank >= len(SHAPES):
        return object
    if value.rank:
        return _Annotation(family.__name__.capitalize() + SHAPES[value.rank])
    choices = getattr(value, "choices", ())
    return Literal[choices] if choices else family

"""Describes a kernel by the function of Python that fakes it: its annotations and defaults."""

from __future__ import annotations

import enum
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from offgil._catalogue import Parameter, Result
from offgil._results import python_name

__all__ = ["parameters_of", "results_of"]

ELEMENTS: Mapping[Any, str] = {bool: "bool", int: "int64", float: "float64", str: "string"}
# No annotation, or one that says nothing: such an argument is not checked.
UNSPECIFIED = "unspecified"


def parameters_of(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """Returns the parameters of a kernel by those of a function.

    Raises:
        TypeError: One takes positional arguments only, which no kernel does.
    """
    annotations = _annotations(function)
    return tuple(
        _parameter(parameter, annotations.get(parameter.name))
        for parameter in inspect.signature(function).parameters.values()
    )


def results_of(function: Callable[..., Any]) -> tuple[Result, ...]:
    """Returns the results of a kernel by the annotation of a function: one, or a named tuple's."""
    annotation = _annotations(function).get("return")
    fields: Mapping[str, Any] = {"result": annotation}
    if isinstance(annotation, type) and hasattr(annotation, "_fields"):
        hints = _annotations(annotation)
        fields = {name: hints.get(name) for name in annotation._fields}
    results = []
    for name, hint in fields.items():
        element, rank, _ = _type(hint)
        results.append(Result(_kernel_name(name), "", element, rank))
    return tuple(results)


def _parameter(parameter: inspect.Parameter, annotation: Any) -> Parameter:
    variadic = parameter.kind is inspect.Parameter.VAR_KEYWORD
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY):
        raise TypeError(f"a kernel takes its arguments by name, {parameter.name!r} too")
    required = parameter.default is inspect.Parameter.empty and not variadic
    default = None if required or variadic else parameter.default
    if isinstance(default, enum.Enum):
        default = default.value
    element, rank, choices = _type(type(default) if annotation is None else annotation)
    return Parameter(
        name=_kernel_name(parameter.name),
        documentation="",
        element=element,
        rank=rank,
        required=required,
        default=default,
        choices=choices,
        variadic=variadic,
    )


def _type(annotation: Any) -> tuple[str, int, tuple[str, ...]]:
    rank = 0
    if getattr(typing.get_origin(annotation), "__module__", "") == "numpy":
        return UNSPECIFIED, rank, ()  # such an annotation says nothing of the dimensions
    while _is_iterable(typing.get_origin(annotation)) and typing.get_args(annotation):
        annotation = typing.get_args(annotation)[0]
        rank += 1
    choices: tuple[Any, ...] = ()
    if typing.get_origin(annotation) is Literal:
        choices = typing.get_args(annotation)
    elif isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        choices = tuple(member.value for member in annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return "string", rank, choices
    return ELEMENTS.get(annotation, UNSPECIFIED), rank, ()


def _is_iterable(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Iterable) and origin is not dict


def _annotations(annotated: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(annotated)
    except (NameError, TypeError):  # a name that only type checkers import, or no annotations
        return {}


def _kernel_name(name: str) -> str:
    original = name.removesuffix("_")
    return original if python_name(original) == name else name

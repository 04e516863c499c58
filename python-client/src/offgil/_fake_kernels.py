"""Kernels in Python, for fakes: a description and a function, called as the server calls its own.

Names, dimensions, kinds of numbers, ranges and choices are checked; what a fake is not told, such
as the type of a parameter without an annotation, is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from offgil._answers import unpack_value
from offgil._arguments import Kind, pack_argument
from offgil._arrays import check_int, invalid
from offgil._catalogue import FLOATS, Kernel, Parameter, Result, json_value
from offgil._exceptions import InvalidArgument
from offgil._proto.offgil.v1 import compute_pb2
from offgil._results import Results, python_name
from offgil._signatures import FAMILIES

__all__ = ["FakeKernel", "kernel_to_proto"]

NO_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})


@dataclass(frozen=True)
class FakeKernel:
    """A kernel that is a function of Python.

    Attributes:
        kernel: Its description.
        function: Takes the arguments by name, arrays as lists. Returns the result; of several, a
            mapping, a named tuple, `Results`, or a tuple in the order of the description.
    """

    kernel: Kernel
    function: Callable[..., Any]

    def run(
        self, arguments: Mapping[str, Any], *, lax: bool = False
    ) -> list[compute_pb2.NamedValue]:
        """Returns the results for these arguments.

        Args:
            arguments: Scalars and lists, by name.
            lax: Whether they are read as web frameworks do.

        Raises:
            InvalidArgument: An argument is missing, unknown, of a wrong type or out of its range.
        """
        checked: dict[str, Any] = {}
        fixed = {x.name: x for x in self.kernel.parameters if not x.variadic}
        further = next((x for x in self.kernel.parameters if x.variadic), None)
        for parameter in fixed.values():
            if parameter.name in arguments:
                value = _check(parameter, parameter.name, arguments[parameter.name], lax)
                checked[python_name(parameter.name)] = value
            elif parameter.required:
                invalid(parameter.name, "missing", "the argument is missing")
        for name in [name for name in arguments if name not in fixed]:
            if further is not None:
                checked[name] = _check(further, name, arguments[name], lax)
            elif not lax:
                invalid(name, "extra_forbidden", "there is no such argument")
        return [self._pack(*named) for named in self._named(self.function(**checked))]

    def run_named(
        self, arguments: Iterable[compute_pb2.NamedValue]
    ) -> list[compute_pb2.NamedValue]:
        """Does what `run` does with the arguments of `Invoke`."""
        values: dict[str, Any] = {}
        for argument in arguments:
            if argument.name in values:
                invalid(argument.name, "repeated", "the argument is given twice")
            values[argument.name] = unpack_value(argument, Kind.LIST)
        return self.run(values)

    def run_object(self, arguments: Mapping[str, Any], *, lax: bool) -> dict[str, Any]:
        """Does what `run` does with the members of a JSON object, and returns one."""
        results = self.run(arguments, lax=lax)
        return {x.name: json_value(unpack_value(x, Kind.LIST)) for x in results}

    def _named(self, answer: Any) -> Iterable[tuple[str, Any]]:
        names = [result.name for result in self.kernel.results]
        if isinstance(answer, Results) or hasattr(answer, "_asdict"):
            answer = answer._asdict()
        if not isinstance(answer, Mapping):
            answer = dict(zip(names, answer if len(names) > 1 else [answer], strict=True))
        if sorted(answer) != sorted(names):
            raise TypeError(
                f"the fake of {self.kernel.name!r} returned {list(answer)}, not {names}"
            )
        return [(name, answer[name]) for name in names]

    def _pack(self, name: str, value: Any) -> compute_pb2.NamedValue:
        named = compute_pb2.NamedValue(name=name)
        try:
            pack_argument(named, value)
        except InvalidArgument as fault:
            message = f"the fake of {self.kernel.name!r} returned no value for {fault}"
            raise TypeError(message) from fault
        return named


def kernel_to_proto(kernel: Kernel) -> compute_pb2.KernelDescription:
    """Returns the description of a kernel as `ListKernels` answers it."""
    return compute_pb2.KernelDescription(
        name=kernel.name,
        documentation=kernel.documentation,
        parameters=[_parameter_to_proto(parameter) for parameter in kernel.parameters],
        results=[
            compute_pb2.ResultDescription(
                name=result.name, documentation=result.documentation, type=_type_to_proto(result)
            )
            for result in kernel.results
        ],
        example_json="" if kernel.example is None else json.dumps(dict(kernel.example)),
    )


def _parameter_to_proto(parameter: Parameter) -> compute_pb2.ParameterDescription:
    def text(value: Any) -> str | None:
        return None if value is None else json.dumps(json_value(value))

    has_default = not (parameter.required or parameter.variadic)
    return compute_pb2.ParameterDescription(
        name=parameter.name,
        documentation=parameter.documentation,
        type=_type_to_proto(parameter),
        default_json=json.dumps(json_value(parameter.default)) if has_default else None,
        minimum_json=text(parameter.minimum),
        maximum_json=text(parameter.maximum),
        choices=parameter.choices,
        variadic=parameter.variadic,
    )


def _type_to_proto(value: Parameter | Result) -> compute_pb2.ValueType:
    name = f"ELEMENT_TYPE_{value.element.upper()}"
    number = compute_pb2.ElementType.Value(name)
    return compute_pb2.ValueType(element=number, rank=value.rank)


def _check(parameter: Parameter, field: str, value: Any, lax: bool, depth: int = 0) -> Any:
    family = FAMILIES.get(parameter.element)
    if family is None:
        return value
    if depth < parameter.rank:
        if not isinstance(value, list):
            invalid(field, "list_type", "an array is needed")
        items = enumerate(value)
        return [_check(parameter, f"{field}[{i}]", item, lax, depth + 1) for i, item in items]
    if family is str or family is bool:
        if not isinstance(value, family):
            kind = "string_type" if family is str else "bool_type"
            invalid(field, kind, f"a {family.__name__} is needed, not {type(value).__name__}")
        if parameter.choices and value not in parameter.choices:
            invalid(field, "enum", f"must be one of {', '.join(map(repr, parameter.choices))}")
        return value
    number = _number(value, field, lax, is_float=parameter.element in FLOATS)
    if parameter.minimum is not None and number < parameter.minimum:
        invalid(field, "greater_than_equal", f"must be at least {parameter.minimum}")
    if parameter.maximum is not None and number > parameter.maximum:
        invalid(field, "less_than_equal", f"must be at most {parameter.maximum}")
    return number


def _number(value: Any, field: str, lax: bool, *, is_float: bool) -> int | float:
    if lax and isinstance(value, str) and value.lstrip("+-").isdecimal():
        value = int(value)
    if is_float and isinstance(value, str) and value in NO_NUMBERS:
        value = float(value)
    if lax and not is_float and isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) and not lax:
        invalid(field, "float_type" if is_float else "int_type", "a number is needed, not bool")
    if is_float and isinstance(value, int | float):
        return float(value)
    if is_float:
        invalid(field, "float_type", f"a number is needed, not {type(value).__name__}")
    return check_int(value, field)

"""What can be wrong with a call of a kernel, as its OpenAPI document tells it."""

from __future__ import annotations

from offgil._catalogue import Kernel, Parameter

__all__ = ["describe_faults"]

OF_ELEMENT = {
    "bool": ["bool_type"],
    "uint8": ["int_type", "int_from_float"],
    "int32": ["int_type", "int_from_float"],
    "int64": ["int_type", "int_from_float"],
    "float32": ["float_type", "finite_number"],
    "float64": ["float_type", "finite_number"],
    "string": ["string_type"],
}
BOUNDED = frozenset({"uint8", "int32", "int64", "float32"})


def describe_faults(kernel: Kernel) -> str:
    """Returns the `type` of each fault that a 422 may name, by its place, in Markdown."""
    is_open = any(parameter.variadic for parameter in kernel.parameters)
    of_body = ["json_invalid", "model_attributes_type", "repeated"]
    of_body += [] if is_open else ["extra_forbidden"]
    lines = [
        "An argument is wrong, or the result does not fit its type. `loc` says where, `type` what:",
        "",
        f"* the body: {_listed([*of_body, 'out_of_range'])}",
    ]
    for parameter in kernel.parameters:
        place = "any other member" if parameter.variadic else f"`{parameter.name}`"
        lines.append(f"* {place}: {_listed(_of_argument(parameter))}{_allowed(parameter)}")
    return "\n".join(lines)


def _of_argument(parameter: Parameter) -> list[str]:
    is_needed = parameter.required and not parameter.variadic
    kinds = ["missing"] if is_needed else []
    kinds += ["list_type"] if parameter.rank else []
    kinds += OF_ELEMENT.get(parameter.element, [])
    is_bounded = parameter.element in BOUNDED
    if is_bounded or parameter.minimum is not None:
        kinds.append("greater_than_equal")
    if is_bounded or parameter.maximum is not None:
        kinds.append("less_than_equal")
    kinds += ["literal_error"] if parameter.choices else []
    return [*kinds, "value_error"]


def _allowed(parameter: Parameter) -> str:
    if parameter.choices:
        return f" (one of {_listed(list(parameter.choices))})"
    if parameter.minimum is not None and parameter.maximum is not None:
        return f" (from {parameter.minimum} to {parameter.maximum})"
    if parameter.minimum is not None:
        return f" (at least {parameter.minimum})"
    if parameter.maximum is not None:
        return f" (at most {parameter.maximum})"
    return ""


def _listed(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)

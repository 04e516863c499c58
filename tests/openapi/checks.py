"""What `test_openapi_document` has beside schemathesis' own rules; it loads this file itself."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis.generation import GenerationMode

Case = schemathesis.Case[Any]
# What no schema can say: how arguments belong together, whether a result fits its type, and which
# number is the first that no float can hold.
REASONS = {"value_error", "out_of_range", "finite_number"}
# The schemas of these bodies are not those of one kernel.
ANY_KERNEL = "{name}"
# The one argument that asks for much work in few bytes, and how much fits a deadline anywhere.
LONG_RUNNING, PATHS = "/kernels/monte_carlo_option", "paths"
MOST_PATHS, MANY_PATHS = 10**9, 10**6


@schemathesis.hook
def map_case(_: schemathesis.HookContext, case: Case) -> Case:
    """Has fewer draws made where very many are allowed; what is not allowed remains."""
    body: Any = case.body
    if case.path == LONG_RUNNING and isinstance(body, dict):
        paths = body.get(PATHS)
        if isinstance(paths, int | float) and MANY_PATHS < paths <= MOST_PATHS:
            body[PATHS] = type(paths)(MANY_PATHS)
    return case


@schemathesis.check
def valid_data_is_refused_for_a_reason(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: Case
) -> None:
    """Fails if what the schema allows is refused for its type or range.

    It takes the place of ``positive_data_acceptance``, which would have all valid data accepted.
    """
    is_valid = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    if response.status_code != 422 or not is_valid or ANY_KERNEL in case.path:
        return
    for fault in response.json()["detail"]:
        if fault["type"] not in REASONS and not _is_a_whole_float(case, fault["loc"]):
            raise AssertionError(f"{fault['type']} at {fault['loc']}: {fault['msg']}")


def _is_a_whole_float(case: Case, location: list[str | int]) -> bool:
    # 3.0 is an integer for JSON Schema, but not for the strict reading of arguments.
    value: Any = case.body
    try:
        for step in location[1:]:
            value = value[step]
    except (TypeError, LookupError):
        return False
    return isinstance(value, float) and value.is_integer()

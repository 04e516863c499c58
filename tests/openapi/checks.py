"""Checks of `test_openapi_document` that schemathesis does not have; it loads this file itself."""

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

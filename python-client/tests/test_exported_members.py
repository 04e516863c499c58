"""What the package exports is what its modules say."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import offgil
import offgil.fastapi

MODULES = [
    module.name
    for module in pkgutil.walk_packages(offgil.__path__, "offgil.")
    if not module.name.startswith("offgil._proto") and module.name != "offgil.__main__"
]


@pytest.mark.parametrize("name", ["offgil", *MODULES])
def test_every_module_says_what_it_exports(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    for member in module.__all__:
        assert hasattr(module, member)


@pytest.mark.parametrize("package", [offgil, offgil.fastapi])
def test_everything_public_is_exported(package: object) -> None:
    public = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_") and not hasattr(value, "__path__")
        if not type(value).__name__ == "module"
    }
    assert public <= set(package.__all__)  # type: ignore[attr-defined]


def test_importing_the_package_imports_no_optional_dependency() -> None:
    code = (
        "import offgil, offgil.sidecar, offgil.testing, sys; "
        "optional = {'numpy', 'fastapi', 'uvicorn', 'prometheus_client', 'opentelemetry'}; "
        "print(sorted(optional & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"

"""Tell what a script defines behind `if __name__ == "__main__":`, where worker processes don't come by."""

from __future__ import annotations

import ast
from collections.abc import Sequence


def is_defined_only_under_guard(path: str, name: str) -> bool:
    """Tell whether all definitions of a name stand there."""
    try:
        with open(path, "rb") as file:
            statements = ast.parse(file.read()).body
    except (OSError, SyntaxError, ValueError):
        return False  # not Python source: nothing is known, so nothing is refused
    guards = [statement for statement in statements if isinstance(statement, ast.If) and _tests_name(statement.test)]
    outside = [statement for statement in statements if statement not in guards]
    return name in _defined(guards) and name not in _defined(outside)


def _tests_name(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))


def _defined(statements: Sequence[ast.stmt]) -> set[str]:
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for statement in statements for node in ast.walk(statement) if isinstance(node, kinds)}

"""The size budget: printed by `make check`, and held there. A large file or function is a question, not a crime.

A layer file has at most 150 lines of code, a function 25, any file 400; layers, rules and optimizers
together 5,000. Lines of code are those that are neither blank nor comment nor docstring: formulas,
shapes and sources may take the room that they need.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "lucidnet"
FILE, LAYER_FILE, FUNCTION, CORE = 400, 150, 25, 5000


def code_lines(source: str) -> set[int]:
    """Return the numbers of the lines that hold code: no comment, no docstring, not nothing."""
    skipped = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    held = {
        line
        for token in tokens
        if token.type not in skipped
        for line in range(token.start[0], token.end[0] + 1)
    }
    return held - docstring_lines(source)


def docstring_lines(source: str) -> set[int]:
    """Return the numbers of the lines of all docstrings, those below fields too."""
    return {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def functions(source: str) -> list[tuple[str, int]]:
    """Return name and length of the body of each function."""
    lines = code_lines(source)
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                span = range(body[0].lineno, (node.end_lineno or 0) + 1)
                found.append((node.name, len(lines & set(span))))
    return found


def main() -> int:
    """Print a line per folder, then what is over the budget; return how much is."""
    over, totals = [], {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name, source = path.relative_to(PACKAGE), path.read_text(encoding="utf-8")
        count, sizes = len(code_lines(source)), functions(source)
        folder = name.parts[0]
        limit = LAYER_FILE if folder == "layers" else FILE
        if count > limit:
            over.append(f"{name}: {count} lines, at most {limit}")
        over += [
            f"{name}: {function} has {n} lines, at most {FUNCTION}" for function, n in sizes if n > FUNCTION
        ]
        files, lines, longest, most = totals.get(folder, (0, 0, 0, 0))
        longest_function = max((n for _, n in sizes), default=0)
        totals[folder] = (files + 1, lines + count, max(longest, count), max(most, longest_function))
    core = sum(totals[folder][1] for folder in ("layers", "rules", "optimizers") if folder in totals)
    if core > CORE:
        over.append(f"layers, rules and optimizers: {core} lines, at most {CORE}")
    print(f"{'':<18} files  lines  longest file  longest function")
    for folder, (files, lines, longest, most) in totals.items():
        print(f"{folder:<18} {files:>5}  {lines:>5}  {longest:>12}  {most:>16}")
    print(f"layers, rules and optimizers: {core} of {CORE} lines")
    print("\n".join(f"over the budget: {line}" for line in over) or "within the budget")
    return len(over)


if __name__ == "__main__":
    sys.exit(bool(main()))

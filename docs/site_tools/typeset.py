r"""Formulas written as Python, set as LaTeX: what a page shows is what a test computes.

>>> latex("y = where(x > 0, x, alpha * (exp(x) - 1))")
'y = \\begin{cases} x & x > 0 \\\\ \\alpha\\,(e^{x} - 1) & \\text{else} \\end{cases}'
"""

from __future__ import annotations

import ast
import re

GREEK = {"alpha", "beta", "gamma", "delta", "epsilon", "rho", "sigma", "tau", "pi", "omega", "nu", "xi"}
NAMES = {
    "lam": r"\lambda",
    "eta": r"\eta",
    "h_p": "h_{t-1}",
    "c_p": "c_{t-1}",
    "dh_p": r"\mathrm{d}h_{t-1}",
    "dc_p": r"\mathrm{d}c_{t-1}",
    "P_p": "P_{t-1}",
    "m_hat": r"\hat{m}",
    "v_hat": r"\hat{v}",
    "beta1": r"\beta_1",
    "beta2": r"\beta_2",
}
SUMS = {"sum": r"\sum", "mean": r"\operatorname{mean}", "max": r"\max", "min": r"\min", "prod": r"\prod"}
PLAIN = {"log", "sin", "cos", "tanh", "max", "min"}
RANK = {
    ast.Add: 1,
    ast.Sub: 1,
    ast.Mult: 2,
    ast.MatMult: 2,
    ast.Div: 2,
    ast.Mod: 2,
    ast.FloorDiv: 2,
    ast.Pow: 4,
}
SIGNS = {ast.Gt: ">", ast.Lt: "<", ast.GtE: r"\ge", ast.LtE: r"\le", ast.Eq: "="}


def is_latex(code: str) -> bool:
    """Tell whether a line is LaTeX already, and not Python."""
    return "\\" in code or "{" in code


def latex(code: str) -> str:
    """Return one statement as LaTeX; an assignment to a name that it reads is set with an arrow."""
    if is_latex(code):
        return code
    (statement,) = ast.parse(code).body
    if isinstance(statement, ast.Assign):
        left, right = statement.targets[0], statement.value
        reads = {node.id for node in ast.walk(right) if isinstance(node, ast.Name)}
        again = isinstance(left, ast.Name) and left.id in reads
        sign = r"\leftarrow" if again else "="
        return f"{_set(left)} {sign} {_set(right)}"
    assert isinstance(statement, ast.Expr)
    return _set(statement.value)


def block(lines: list[str]) -> str:
    """Return statements below each other, aligned at what assigns."""
    rows = [re.sub(r" (=|\\leftarrow) ", r" &\1 ", latex(line), count=1) for line in lines]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def name(word: str) -> str:
    """Return a name as it is set: ``x_t`` with an index, ``dW`` a gradient, ``dy_dx`` a derivative."""
    if word in NAMES:
        return NAMES[word]
    if match := re.fullmatch(r"(d\w+)_(d\w+)", word):
        return rf"\frac{{{name(match[1])}}}{{{name(match[2])}}}"
    if re.fullmatch(r"d[A-Za-z](_\w+)?|d(gamma|beta|alpha)", word):
        return rf"\mathrm{{d}}{name(word[1:])}"
    head, _, index = word.partition("_")
    if index and (len(head) == 1 or head in GREEK):
        below = index if len(index) == 1 or index.isdigit() else _word(index)
        return f"{name(head)}_{{{below}}}"
    if word in GREEK:
        return rf"\{word}"
    if match := re.fullmatch(r"([A-Za-z])(\d)", word):
        return f"{match[1]}_{match[2]}"
    return word if len(word) == 1 else _word(word)


def _word(word: str) -> str:
    spoken = word.replace("_", " ")
    return rf"\text{{{spoken}}}"


def _set(node: ast.expr, rank: int = 0) -> str:
    """Return an expression, in brackets where what is around it binds more."""
    kind = type(node)
    if isinstance(node, ast.Name):
        return name(node.id)
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return f"{_set(node.value, 4)}^{{\\top}}"
    if isinstance(node, ast.UnaryOp):
        return _bracket(f"-{_set(node.operand, 2)}", rank > 1)
    if isinstance(node, ast.Compare):
        return f"{_set(node.left)} {SIGNS[type(node.ops[0])]} {_set(node.comparators[0])}"
    if isinstance(node, ast.Tuple):
        return ", ".join(map(_set, node.elts))
    if isinstance(node, ast.List):
        inner = ", ".join(map(_set, node.elts))
        return rf"\left[{inner}\right]"
    if isinstance(node, ast.Subscript):
        return f"{_set(node.value, 4)}_{{{_set(node.slice)}}}"
    if isinstance(node, ast.Call):
        return _call(node, rank)
    if isinstance(node, ast.BinOp):
        return _between(node, rank)
    raise ValueError(f"no sign for {kind.__name__}: {ast.unparse(node)}")


def _between(node: ast.BinOp, rank: int) -> str:
    kind, own = type(node.op), RANK[type(node.op)]
    if kind is ast.Div:
        return _bracket(rf"\frac{{{_set(node.left)}}}{{{_set(node.right)}}}", rank > 3)
    if kind is ast.FloorDiv:
        return rf"\left\lfloor\frac{{{_set(node.left)}}}{{{_set(node.right)}}}\right\rfloor"
    if kind is ast.Mod:
        return _bracket(rf"{_set(node.left, 2)} \bmod {_set(node.right, 3)}", rank > 1)
    if kind is ast.Pow:
        called = isinstance(node.left, ast.Call) and getattr(node.left.func, "id", "") in PLAIN
        base = _bracket(_set(node.left), True) if called else _set(node.left, 5)
        return f"{base}^{{{_set(node.right)}}}"
    right = _set(node.right, 0 if _is_sum(node.right) else own + 1 if kind is ast.Sub else own)
    sign = {ast.Add: " + ", ast.Sub: " - "}.get(kind)
    if sign is None:
        number = isinstance(node.right, ast.Constant) or right[0].isdigit()
        sign = r" \cdot " if number else r"\,"
    return _bracket(f"{_set(node.left, own)}{sign}{right}", rank > own)


def _is_sum(node: ast.expr) -> bool:
    """Tell whether an expression begins with a sign of a sum, behind which no bracket is needed."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.startswith("sum_")


def _bracket(text: str, needed: bool = True) -> str:
    """Return what stands in brackets, which grow where it is high."""
    if not needed:
        return text
    high = any(word in text for word in (r"\frac", r"\sum", r"\begin", r"\sqrt"))
    return rf"\left({text}\right)" if high else f"({text})"


def _call(node: ast.Call, rank: int) -> str:
    assert isinstance(node.func, ast.Name)
    called, given = node.func.id, node.args
    inner = ", ".join(map(_set, given))
    if called == "where":
        cases = "".join(rf"{_set(given[k + 1])} & {_set(given[k])} \\ " for k in range(0, len(given) - 1, 2))
        return rf"\begin{{cases}} {cases}{_set(given[-1])} & \text{{else}} \end{{cases}}"
    if called == "exp":
        return _bracket(f"e^{{{inner}}}", rank > 3)
    if called == "sqrt":
        return rf"\sqrt{{{inner}}}"
    if called == "abs":
        return rf"\left|{inner}\right|"
    if called == "norm":
        return rf"\left\lVert {inner} \right\rVert"
    head, _, index = called.partition("_")
    if head in SUMS and index:
        arg = _set(given[0], 2) if head in ("sum", "prod") else _bracket(inner)
        return _bracket(rf"{SUMS[head]}_{{{index}}} {arg}", rank > 1)
    if called in ("f", "g") or (called.startswith("d") and len(called) == 2):
        return (f"{called[1:]}'" if called[0] == "d" else called) + _bracket(inner)
    word = rf"\{called}" if called in PLAIN else rf"\operatorname{{{called}}}"
    return word + _bracket(inner)

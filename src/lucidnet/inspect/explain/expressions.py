"""Formulas that can be written as plain text, HTML or LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from html import escape
from typing import Any, NamedTuple, TypeAlias

from ...core.text import plain, shortened

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
SUPERSCRIPTS = str.maketrans("()+0123456789", "⁽⁾⁺⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Notation:
    """A notation of formulas in plain text.

    Parameters
    ----------
    digits : int
        Significant digits of numbers.
    """

    digits: int = 6

    times = " · "
    above = ">"

    def number(self, value: float) -> str:
        """Return a number in this notation."""
        return f"{value + 0.0:.{self.digits}g}"  # no minus sign before a zero

    def symbol(self, name: str, index: Sequence[int], up: str, layer: int | None = None) -> str:
        """Return a letter with its layer number, its indices, and a superscript."""
        above = "" if layer is None else f"({layer})".translate(SUPERSCRIPTS)
        return name + above + indices(index).translate(SUBSCRIPTS) + up.translate(SUPERSCRIPTS)

    def slope(self, by: str) -> str:
        """Return the derivative of the loss by a quantity."""
        return f"∂L/∂{by}"

    def function(self, name: str, argument: str) -> str:
        """Return the application of a function to an argument."""
        return f"{name}({argument})"

    def fraction(self, above: str, below: str) -> str:
        """Return a quotient in this notation."""
        return f"{above} / ({below})" if " " in below else f"{above}/{below}"

    def square(self, inner: str) -> str:
        """Return a square in this notation."""
        return f"({inner})²"

    def holds(self, inner: str) -> str:
        """Return an indicator: 1 if something holds, else 0."""
        return f"[{inner}]"

    def brackets(self, inner: str) -> str:
        """Put something in brackets."""
        return f"({inner})"


@dataclass(frozen=True)
class Html(Notation):
    """HTML notation: letters in italics, with subscripts and superscripts."""

    above = "&gt;"

    def symbol(self, name: str, index: Sequence[int], up: str, layer: int | None = None) -> str:
        below = f"<sub>{indices(index)}</sub>" if index else ""
        over = f"<sup>({layer})</sup>" if layer is not None else ""
        return f"<i>{escape(name)}</i>{over}{below}" + (f"<sup>{up}</sup>" if up else "")

    def slope(self, by: str) -> str:
        return f"∂<i>L</i>/∂{by}"

    def square(self, inner: str) -> str:
        return f"({inner})<sup>2</sup>"


@dataclass(frozen=True)
class Latex(Notation):
    """LaTeX, for mathematics mode with amsmath."""

    times = r" \cdot "

    def number(self, value: float) -> str:
        mantissa, _, exponent = super().number(value).partition("e")
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa

    def symbol(self, name: str, index: Sequence[int], up: str, layer: int | None = None) -> str:
        below = f"_{{{indices(index)}}}" if index else ""
        over = ("" if layer is None else f"({layer})") + up
        return self._letter(name) + below + (f"^{{{over}}}" if over else "")

    def _letter(self, name: str) -> str:
        if name.startswith("Δ"):
            return rf"\Delta {self._letter(name[1:])}"
        greek = name in ("gamma", "beta", "alpha")
        return rf"\{name}" if greek else name if len(name) == 1 else rf"\mathit{{{name}}}".replace("_", r"\_")

    def slope(self, by: str) -> str:
        return rf"\frac{{\partial L}}{{\partial {by}}}"

    def function(self, name: str, argument: str) -> str:
        if name == "sqrt":
            return rf"\sqrt{{{argument}}}"
        known = name in ("exp", "log", "tanh", "max")
        written = rf"\{name}" if known else name if len(name) <= 2 else rf"\mathrm{{{name}}}"
        return rf"{written}\left({argument}\right)"

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def square(self, inner: str) -> str:
        return rf"\left({inner}\right)^2"

    def brackets(self, inner: str) -> str:
        return rf"\left({inner}\right)"


Expression: TypeAlias = "Callable[[Notation], str]"
"""A formula, as a function that writes it in a given notation."""


class Equation(NamedTuple):
    """A quantity, the ways to compute it, and the resulting value."""

    left: Expression
    ways: tuple[Expression, ...]
    value: float

    def __repr__(self) -> str:
        return shortened(" = ".join(self.write(Notation())))

    def write(self, notation: Notation) -> tuple[str, str]:
        """Return both sides of the equation; a way that reads like the one before is left out."""
        sides = [way(notation) for way in (*self.ways, number(self.value))]
        left = self.left(notation)
        return left, " = ".join(
            side for side, before in zip(sides, [left, *sides], strict=False) if side != before
        )


def expression(write: Callable[..., str]) -> Callable[..., Expression]:
    """Turn a function that writes in a notation into one that returns an expression.

    What it gives is the function with its arguments, and no closure, so that explanations can be pickled.
    """

    @wraps(write)
    def made(*given: Any, **settings: Any) -> Expression:
        written: Any = Written(write.__name__, given, settings)
        return written  # type: ignore[no-any-return]

    WRITERS[write.__name__] = write
    return made


WRITERS: dict[str, Callable[..., str]] = {}
"""The notations of expressions, by name."""


class Written(NamedTuple):
    """An expression, stored as the name of its writer and the arguments."""

    name: str
    given: tuple[Any, ...]
    settings: dict[str, Any]

    def __call__(self, notation: Notation, /) -> str:
        return WRITERS[self.name](notation, *self.given, **self.settings)

    def __repr__(self) -> str:
        return plain(self(Notation()))


@expression
def number(n: Notation, value: float) -> str:
    """Return an expression for a number."""
    return n.number(value)


@expression
def symbol(n: Notation, name: str, *index: int, up: str = "", layer: int | None = None) -> str:
    """Return a letter with indices (counted from 1), a superscript, and its layer."""
    return n.symbol(name, index, up, layer)


@expression
def slope(n: Notation, by: Expression) -> str:
    """Return the derivative of the loss by a quantity."""
    return n.slope(by(n))


@expression
def function(n: Notation, name: str, *arguments: Expression) -> str:
    """Return the application of a function to arguments."""
    return n.function(name, ", ".join(argument(n) for argument in arguments))


@expression
def fraction(n: Notation, above: Expression, below: Expression) -> str:
    """Return an expression for the quotient of two."""
    return n.fraction(above(n), below(n))


@expression
def square(n: Notation, inner: Expression) -> str:
    """Return an expression for the square of another."""
    return n.square(inner(n))


@expression
def above(n: Notation, left: Expression, right: Expression) -> str:
    """Return an indicator: 1 if `left` is larger than `right`, else 0."""
    return n.holds(f"{left(n)} {n.above} {right(n)}")


@expression
def total(n: Notation, *terms: Expression) -> str:
    """Return an expression for the sum of several."""
    first, *others = (term(n) for term in terms)
    return " + ".join([first, *(_signed(other, n) for other in others)])


@expression
def product(n: Notation, *factors: Expression) -> str:
    """Return a product; factors that are sums come in brackets."""
    return n.times.join(_factor(factor(n), n) for factor in factors)


@expression
def difference(n: Notation, left: Expression, right: Expression) -> str:
    """Return an expression for the difference of two."""
    return f"{left(n)} - {_signed(right(n), n)}"


@expression
def negative(n: Notation, inner: Expression) -> str:
    """Return the negative of something."""
    return f"-{_factor(inner(n), n)}"


@expression
def bracketed(n: Notation, inner: Expression) -> str:
    """Return something in brackets."""
    return n.brackets(inner(n))


def indices(index: Sequence[int]) -> str:
    """Join indices, with commas if one of them has two digits."""
    return ("," if max(index, default=0) > 9 else "").join(map(str, index))


def _signed(written: str, notation: Notation) -> str:
    return notation.brackets(written) if written.startswith("-") else written


def _factor(written: str, notation: Notation) -> str:
    """Put a factor in brackets if it is a sum, a difference or negative."""
    depth, bare = 0, written.startswith("-")
    for i, letter in enumerate(written):
        depth += (letter in "([{") - (letter in ")]}")
        bare = bare or (depth == 0 and written[i : i + 3] in (" + ", " - "))
    return notation.brackets(written) if bare else written

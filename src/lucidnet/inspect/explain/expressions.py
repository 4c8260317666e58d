"""Formulas that can be written in several notations: as plain text, HTML and LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple, TypeAlias

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
        """Return a number as this notation writes it."""
        return f"{value + 0.0:.{self.digits}g}"  # no minus before a zero

    def symbol(self, name: str, index: Sequence[int], up: str) -> str:
        """Write a letter with its indices, below and above."""
        return name + indices(index).translate(SUBSCRIPTS) + up.translate(SUPERSCRIPTS)

    def slope(self, by: str) -> str:
        """Write the derivative of the loss."""
        return f"∂L/∂{by}"

    def function(self, name: str, argument: str) -> str:
        """Write the value of a function."""
        return f"{name}({argument})"

    def fraction(self, above: str, below: str) -> str:
        """Return a quotient as this notation writes it."""
        return f"{above} / ({below})" if " " in below else f"{above}/{below}"

    def square(self, inner: str) -> str:
        """Return a square as this notation writes it."""
        return f"({inner})²"

    def holds(self, inner: str) -> str:
        """Write the number that is 1 where something holds, and else 0."""
        return f"[{inner}]"

    def brackets(self, inner: str) -> str:
        """Write something in brackets."""
        return f"({inner})"


@dataclass(frozen=True)
class Html(Notation):
    """HTML: letters slanted, indices as such."""

    above = "&gt;"

    def symbol(self, name: str, index: Sequence[int], up: str) -> str:
        below = f"<sub>{indices(index)}</sub>" if index else ""
        return f"<i>{escape(name)}</i>{below}" + (f"<sup>{up}</sup>" if up else "")

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

    def symbol(self, name: str, index: Sequence[int], up: str) -> str:
        below = f"_{{{indices(index)}}}" if index else ""
        return self._letter(name) + below + (f"^{{{up}}}" if up else "")

    def _letter(self, name: str) -> str:
        if name.startswith("Δ"):
            return rf"\Delta {self._letter(name[1:])}"
        greek = name in ("gamma", "beta", "alpha")
        return rf"\{name}" if greek else name if len(name) == 1 else rf"\mathit{{{name}}}".replace("_", r"\_")

    def slope(self, by: str) -> str:
        return rf"\frac{{\partial L}}{{\partial {by}}}"

    def function(self, name: str, argument: str) -> str:
        known = name in ("exp", "log", "tanh", "max")
        written = rf"\{name}" if known else name if len(name) <= 2 else rf"\mathrm{{{name}}}"
        return rf"{written}\left({argument}\right)"

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def square(self, inner: str) -> str:
        return rf"\left({inner}\right)^2"

    def brackets(self, inner: str) -> str:
        return rf"\left({inner}\right)"


Expression: TypeAlias = Callable[[Notation], str]
"""A formula: it says how it is written in a notation."""


class Equation(NamedTuple):
    """A quantity, the ways to compute it, and the number that comes out."""

    left: Expression
    ways: tuple[Expression, ...]
    value: float

    def write(self, notation: Notation) -> tuple[str, str]:
        """Return both sides; ways that read the same as the one before are left out."""
        sides = [way(notation) for way in (*self.ways, number(self.value))]
        left = self.left(notation)
        return left, " = ".join(
            side for side, before in zip(sides, [left, *sides], strict=False) if side != before
        )


def number(value: float) -> Expression:
    """Return an expression for a number."""
    return lambda n: n.number(value)


def symbol(name: str, *index: int, up: str = "") -> Expression:
    """Return a letter with indices, which count from 1, and what stands above it."""
    return lambda n: n.symbol(name, index, up)


def slope(by: Expression) -> Expression:
    """Return the derivative of the loss by a quantity."""
    return lambda n: n.slope(by(n))


def function(name: str, *arguments: Expression) -> Expression:
    """Return the value of a function."""
    return lambda n: n.function(name, ", ".join(argument(n) for argument in arguments))


def fraction(above: Expression, below: Expression) -> Expression:
    """Return an expression for the quotient of two."""
    return lambda n: n.fraction(above(n), below(n))


def square(inner: Expression) -> Expression:
    """Return an expression for the square of another."""
    return lambda n: n.square(inner(n))


def above(left: Expression, right: Expression) -> Expression:
    """Return the number that is 1 where one thing is larger than another, and else 0."""
    return lambda n: n.holds(f"{left(n)} {n.above} {right(n)}")


def total(*terms: Expression) -> Expression:
    """Return an expression for the sum of several."""

    def write(notation: Notation) -> str:
        first, *others = (term(notation) for term in terms)
        return " + ".join([first, *(_signed(other, notation) for other in others)])

    return write


def product(*factors: Expression) -> Expression:
    """Return a product; factors that are sums come in brackets."""
    return lambda n: n.times.join(_factor(factor(n), n) for factor in factors)


def difference(left: Expression, right: Expression) -> Expression:
    """Return an expression for the difference of two."""
    return lambda n: f"{left(n)} - {_signed(right(n), n)}"


def negative(inner: Expression) -> Expression:
    """Return the negative of something."""
    return lambda n: f"-{_factor(inner(n), n)}"


def indices(index: Sequence[int]) -> str:
    """Return indices side by side, with a comma where one has two digits."""
    return ("," if max(index, default=0) > 9 else "").join(map(str, index))


def _signed(written: str, notation: Notation) -> str:
    return notation.brackets(written) if written.startswith("-") else written


def _factor(written: str, notation: Notation) -> str:
    """Return a factor, in brackets if it is a sum, a difference or negative."""
    depth, bare = 0, written.startswith("-")
    for i, letter in enumerate(written):
        depth += (letter in "([{") - (letter in ")]}")
        bare = bare or (depth == 0 and written[i : i + 3] in (" + ", " - "))
    return notation.brackets(written) if bare else written

"""Imported before anything of scikit-learn: where that is missing, it says which extra brings it."""

from ..errors import optional

optional("sklearn", "sklearn")

"""``python -m lucidnet`` is the command ``lucidnet``."""

from .cli import main

main()

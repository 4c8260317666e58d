"""How the site is built: `make docs`, or `python -m sphinx -W -b html docs docs/_build/html`."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from site_tools import access, fonts, llms, reference

from lucidnet import __version__

project = "lucidnet"
author = "the lucidnet team"
release = version = __version__
copyright = "the lucidnet team"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "site_tools.mathml"]
exclude_patterns = ["_build", "site_tools", "**/.ipynb_checkpoints"]
default_role = "py:obj"

# Pages are notebooks in the form of text: each code block is run, and an error ends the build.
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_execution_in_temp = True  # what a page writes lies there
nb_execution_show_tb = True
nb_merge_streams = True
nb_number_source_lines = False
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3

# Everything that a page needs lies beside it: no script, font or style comes from elsewhere.
html_math_renderer = "mathml"  # formulas need no script: browsers set them
html_theme = "furo"
html_title = "lucidnet"
html_static_path = ["_static"]
html_css_files = ["lucidnet.css"]
html_js_files = [("search.js", {"defer": "defer"})]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1d64a3", "color-brand-content": "#1d64a3"},
    "dark_css_variables": {"color-brand-primary": "#57a8e8", "color-brand-content": "#57a8e8"},
}

napoleon_google_docstring = False
napoleon_use_ivar = True
autodoc_typehints = "none"  # the docstrings say what is expected, in words and shapes
autodoc_member_order = "bysource"


def setup(app):
    """Write the pages of the reference, and a font, before Sphinx looks for them."""
    fonts.lay(Path(__file__).parent / "_static" / "fonts")
    reference.write(Path(__file__).parent / "reference")
    app.connect("autodoc-process-docstring", plain_bars)
    app.connect("build-finished", access.mend)
    app.connect("build-finished", llms.write)


def plain_bars(app, what, name, obj, options, lines):
    """Take |x| for an absolute value, not for the name of something to put in."""
    block = None
    for k, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if block is not None and line.strip() and indent <= block:
            block = None
        if block is None and not line.lstrip().startswith(">>>"):
            parts = line.split("``")  # every second one is literal
            parts[::2] = [re.sub(r"\|", r"\\|", part) for part in parts[::2]]
            lines[k] = "``".join(parts)
        if block is None and line.rstrip().endswith("::"):
            block = indent

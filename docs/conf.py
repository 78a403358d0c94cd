# ruff: noqa: INP001 - the configuration of a tool, no package
"""The site: every page of the project, the API from the docstrings, and the sources that pages link to.

All pages stay where a code host shows them, so the source folder is the checkout: `sphinx-build -c docs . site`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.parsers import Parser

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "lilota"
root_doc = "docs/index"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".py": "python"}
include_patterns = ["*.md", "docs/**.md", "benchmarks/*.md", "plugins/*/*.md", "examples/*/*.md"]
include_patterns += ["*.py", "benchmarks/*.py", "lilota/**.py", "plugins/*/lilota_*/**.py", "examples/**.py"]
myst_heading_anchors = 6  # the anchors that code hosts make
smartquotes_action = "D"  # dashes; quotation marks stay as they are written

default_role = "py:obj"  # our docstrings write `name`, as Markdown does
napoleon_custom_sections = [("Attributes", "params_style")]  # a list: the signature has the types already
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = "lilota"
html_theme_options = {"light_css_variables": {"code-font-size": "75%"}}  # 98 columns without a scroll bar
html_copy_source = False
html_extra_path = ["llms.txt", "for-agents.md"]  # at the root of the site, where agents look
html_show_copyright = False
html_additional_pages = {"index": "to_index.html"}  # the front door, above docs/
templates_path = ["."]


class SourceParser(Parser):
    """Makes a page of a source file, so that a link to the file works on the site as it does on a code host."""

    supported = ("python",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Show the file as it is. Its page is in no menu, and the search leaves it out."""
        env = document.settings.env
        env.metadata[env.docname] |= {"orphan": "", "nosearch": ""}
        section = nodes.section(ids=["source"])
        section += nodes.title(text=f"{env.docname}.py")
        section += nodes.literal_block(inputstring, inputstring, language="python")
        document += section


def translate(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Say in reStructuredText what a docstring means: an indented block is code, "Returns:" begins with no type."""
    text = re.sub(r"^(\S.*\n)\n(?= {4})", r"\1\n::\n\n", "\n".join(lines), flags=re.MULTILINE)
    lines[:] = re.sub(r"^Returns:\n +", ":returns: ", text, flags=re.MULTILINE).split("\n")


def leave_out_limits(
    _app: Sphinx, _what: str, _name: str, _object: object, _options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Show `Annotated[int, msgspec.Meta(ge=0)]` as the int that it is to a reader."""
    return signature and re.sub(r"Annotated\[(\w+), ~?msgspec\.Meta\([^)]*\)\]", r"\1", signature), returned


def setup(app: Sphinx) -> None:
    """Teach Sphinx to read our sources and docstrings."""
    app.add_source_parser(SourceParser)
    app.connect("autodoc-process-docstring", translate, priority=100)  # before napoleon, which indents sections
    app.connect("autodoc-process-signature", leave_out_limits)

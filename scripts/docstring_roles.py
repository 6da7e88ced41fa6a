"""For the documentation site: the cross-references in docstrings, as code.

Docstrings name things as ``:func:`~ie_model.train```, which editors understand; the site, which
reads Markdown, shows `train`.
"""

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:py:)?(?:func|class|meth|mod|data|attr|exc):`(~?)([^`]+)`")


class DocstringRoles(griffe.Extension):
    """Used by ``mkdocs.yml``."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(_code, obj.docstring.value)


def _code(found: re.Match[str]) -> str:
    name = found[2].rpartition(".")[2] if found[1] else found[2]
    return f"`{name}`"

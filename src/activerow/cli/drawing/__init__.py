"""Tables and what they refer to, drawn.

- `references`: the foreign keys, as a diagram shows them.
- `picture`: an SVG file; `layout` places its boxes.
- `diagram`: Mermaid's text.
"""

from activerow.cli.drawing.diagram import mermaid
from activerow.cli.drawing.picture import svg

__all__ = ["mermaid", "svg"]

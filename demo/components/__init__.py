"""Components of the page beside gradio's own."""

from gradio import component_meta

# gradio writes a .pyi file beside the source of each subclass of its components, wherever that is
# installed. Nobody reads those here.
component_meta.create_or_modify_pyi = lambda *_: None

"""The page of a run and the table of many, as files that stand alone."""
from .latex import escape_latex, latex_rows
from .page import render_html, render_markdown, render_summary
from .pictures import draw_pictures, strip_uri

__all__ = ['draw_pictures', 'escape_latex', 'latex_rows', 'render_html', 'render_markdown', 'render_summary',
           'strip_uri']

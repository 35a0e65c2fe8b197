"""The page of a run and the table of many, as files that stand alone."""
from .latex import escape_latex, latex_rows
from .page import render_html, render_markdown, render_summary
from .pictures import draw_curves, draw_pictures, strip_uri, svg_uri
from .tables import Table, published_table, summary_table

__all__ = ['Table', 'draw_curves', 'draw_pictures', 'escape_latex', 'latex_rows', 'published_table', 'render_html',
           'render_markdown', 'render_summary', 'strip_uri', 'summary_table', 'svg_uri']

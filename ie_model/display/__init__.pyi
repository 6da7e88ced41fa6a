from .highlight import render_page as render_page
from .rendering import render as render

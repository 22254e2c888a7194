"""How numbers, tables and results are shown: on the screen, in a notebook, on a page, in LaTeX."""

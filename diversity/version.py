"""The version of the toolkit, alone at the bottom so that every room can name it."""

__version__ = "0.1.0"

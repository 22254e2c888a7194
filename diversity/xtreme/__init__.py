"""The XTREME benchmark: its scores as its own scripts compute them, and the layout of its submissions."""

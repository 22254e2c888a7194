"""Rows to token ids for a model, and its outputs back to answers."""

"""Encoders: texts to vectors, from sentence-transformers, from the layers of a model, and from the cache."""

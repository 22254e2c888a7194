"""Sentence retrieval: nearest neighbours, mining of translation pairs, Tatoeba and BUCC."""

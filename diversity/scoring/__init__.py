"""Diversity of tasks and mixtures: embedded tasks, scores, intervals, distances and Shapley values."""

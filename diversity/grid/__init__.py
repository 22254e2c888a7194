"""The grid: a plan becomes stages, each keyed by all that determines it; what is finished is never redone."""

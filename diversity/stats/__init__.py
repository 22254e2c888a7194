"""Statistics: how diversity is held against accuracy. Tables in, tables out; training is not needed."""

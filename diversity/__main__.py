"""`python -m diversity` is the command line."""

from diversity.cli import main

main()

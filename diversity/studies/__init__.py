"""Studies: anybody's results and scores, read and checked, and joined to what is analysed."""

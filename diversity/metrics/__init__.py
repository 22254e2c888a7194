"""One diversity metric a file: the function and its METRIC. A new file here is a new metric."""

"""Training: features, heads, sampling, the loop, prediction, retrieval. The only room besides `embed` with torch in it."""

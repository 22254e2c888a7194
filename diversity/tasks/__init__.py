"""One task or target a file: its parser and its TASK. A new file here is a new task."""

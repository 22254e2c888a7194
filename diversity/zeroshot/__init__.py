"""Zero-shot transfer: fine-tune on a target's English rows, predict every language."""

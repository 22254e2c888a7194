"""Anybody's rows: files as released or from the hub, read, checked and downloaded."""

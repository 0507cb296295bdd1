"""Readers of labelled faces."""

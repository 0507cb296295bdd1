"""The recognizer measured on labelled faces."""

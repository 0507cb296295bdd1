"""Training loops of the recognizer's networks."""

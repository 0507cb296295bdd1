"""The closed loop: render, read with the recognizer, correct what is commanded, render again."""

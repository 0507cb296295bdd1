"""Measures of pictures, motion and faces: functions of arrays, classes where a clip adds up.

Whatever needs the extra ``eval`` raises :class:`recognizer.metrics.extras.UnavailableError` with
the reason where it cannot run: a measure is reported as unavailable, never as a number.
"""

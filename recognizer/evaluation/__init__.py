"""The parts of :mod:`recognizer.evaluate`: films in, figures with their worth out.

================ ===============================================================================
requests         which clip, and what belongs to it: reference, sound, portrait, what was asked
manifest         the same from a table
catalogue        the measures: names, groups, which way is better, and who measures them
measures         what one film yields, and its file in a cache
reading          a film → its measures
pictures         frames: flicker, warping, descriptors of the person, picture against picture
comparison       one clip against what was asked of it and against its reference
aggregate        all clips together: means, intervals, distances, floors
jobs             the work of many files in several processes, remembered between runs
selftest         controls: whether the measures see what they should, and only that
made             made talkers for those controls
================ ===============================================================================
"""

"""The parts of :mod:`recognizer.evaluate`: films in, figures with their worth out.

================ ===============================================================================
requests         which clip, and what belongs to it: reference, sound, portrait, what was asked
manifest         the same from a table
catalogue        the measures: names, groups, which way is better, and who measures them
measures         what one film yields, and its file in a cache
reading          a film → its measures
pictures         frames: flicker, warping, descriptors of the person, picture against picture
synchrony        SyncNet's scores, by weights that the user brings
coefficients     expression coefficients of another tool, beside the films
comparison       one clip against what was asked of it and against its reference
pooled           figures that clips have together: accuracies, concordances, distances
aggregate        all clips together: means, intervals, floors, the real clips beside
pairs            two systems over the clips that both have
radar            a few measures brought to 0..1
results          what was found, as JSON
jobs             the work of many files in several processes, remembered between runs
selftest         controls: whether the measures see what they should, and only that
made             made talkers for those controls
================ ===============================================================================
"""

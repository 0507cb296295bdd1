"""Measures of pictures, motion and faces: functions of arrays, classes where clips add up.

Whatever needs the extra ``eval`` raises :class:`recognizer.metrics.extras.UnavailableError` with
the reason where it cannot run: a measure is reported as unavailable, never as a number. Classes
over clips are ``torchmetrics.Metric`` (:mod:`recognizer.metrics.metric`); each has a function that
does the same without torchmetrics. Nothing here finds a face: arrays come from the caller.

==================== ===========================================================================
expression           action units, valence-arousal: asked or real against shown
emotion              emotions: asked against shown
frechet              E-FID and its kin, floors and intervals; classes in ``expression_distance``
motion_history       histograms of landmarks' motion, for such a distance
dynamics             VC-R, Std-R, jitter, jerk, lagged correlation: beside real motion
vertices             LVE, MVE, FDD
reaction             time warping, and REACT's FRCorr, FRDist, FRDiv, FRVar, FRSyn
sync                 lips against sound with chance level; LSE-C, LSE-D of embeddings
syncnet              such embeddings, by weights that the user brings
theval               THEval's training-free measures and scores
temporal, warping    flicker; warping error by optical flow
seams                whether windows of made motion show
keypoints, regions   average keypoint distance; boxes of parts of a face
image, identity      PSNR, SSIM, LPIPS, ST-LPIPS; the same person?
classification       confusion, accuracy, F1, calibration, ICC
agreement, sampling  correlation, concordance, SAGR; means over clips and their bootstrap
==================== ===========================================================================
"""

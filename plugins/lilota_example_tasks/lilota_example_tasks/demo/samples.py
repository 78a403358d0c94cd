"""Make sample input: painted landscapes, and a table of sales."""

from __future__ import annotations

import csv
import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

WIDTH: Final = 1600
HEIGHT: Final = 1067
ORIENTATION: Final = 0x0112
TURN_RIGHT: Final = 6
#: Sky above, sky at the horizon, far hills, near hills.
PALETTES: Final = {
    "dawn": ("#33416b", "#f2b68c", "#7d6a84", "#2b2b40"),
    "noon": ("#3f8fd2", "#d8ecf7", "#86a8b8", "#2f5d45"),
    "dusk": ("#2a2450", "#e8744f", "#6b4063", "#1d1a2e"),
    "mist": ("#9fb1b8", "#e6ebe9", "#a9b8b5", "#55706a"),
    "night": ("#070b1d", "#28406b", "#1b2a4a", "#0a101f"),
}
REGIONS: Final = ("North", "East", "South", "West", "Overseas")
PRODUCTS: Final = (
    *("Desk lamp", "Office chair", "Standing desk", "Monitor arm", "Keyboard", "Trackball", "Headset", "Webcam"),
    *("Docking station", "Notebook stand", "Whiteboard", "Paper shredder", "Label printer", "Cable box", "Footrest"),
    *("Coffee machine", "Kettle", "Bookshelf"),
)
#: In the order of the products.
PRICES: Final = (39.9, 249, 549, 119.5, 89, 64.9, 129, 79, 189, 45.5, 159, 99, 74.9, 24.9, 34.5, 329, 29.9, 139)


def make_images(folder: Path) -> Path:
    """Paint a landscape per palette, one of them turned by EXIF, add a file that is broken, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)  # noqa: S311 - the same pictures each time
    for name, colours in PALETTES.items():
        _landscape(rng, *map(ImageColor.getrgb, colours)).save(folder / f"{name}.jpg", quality=88)
    turned = Image.open(folder / "dusk.jpg").transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[ORIENTATION] = TURN_RIGHT
    turned.save(folder / "turned.jpg", quality=88, exif=exif)
    whole = (folder / "noon.jpg").read_bytes()
    (folder / "broken.jpg").write_bytes(whole[: len(whole) // 3])
    return folder


def _landscape(
    rng: random.Random, top: tuple[int, ...], horizon: tuple[int, ...], far: tuple[int, ...], near: tuple[int, ...]
) -> Image.Image:
    size = (WIDTH, HEIGHT)
    gradient = Image.linear_gradient("L").point(lambda light: min(255, light * 1.8)).resize(size)
    picture = Image.composite(Image.new("RGB", size, horizon), Image.new("RGB", size, top), gradient)
    _add_sun(picture, rng)
    layers = 5
    for layer in range(layers):
        share = layer / (layers - 1)
        colour = tuple(round(a + (b - a) * share) for a, b in zip(far, near, strict=True))
        level = HEIGHT * (0.45 + 0.11 * layer)
        ImageDraw.Draw(picture).polygon([(0, HEIGHT), *_ridge(rng, level, 160 - 15 * layer), (WIDTH, HEIGHT)], colour)
        picture = picture.filter(ImageFilter.GaussianBlur(1.6 - 0.3 * layer))
    grain = Image.effect_noise(size, 8).convert("RGB")
    return ImageChops.add(picture, grain, scale=1, offset=-128)


def _add_sun(picture: Image.Image, rng: random.Random) -> None:
    reach = 360
    glow = ImageChops.invert(Image.radial_gradient("L")).point(lambda light: max(0, light - 76) ** 2 / 180)
    glow = glow.resize((2 * reach, 2 * reach))
    ImageDraw.Draw(glow).ellipse((reach - 46, reach - 46, reach + 46, reach + 46), fill=255)
    corner = (round(rng.uniform(0.2, 0.8) * WIDTH) - reach, round(rng.uniform(0.15, 0.35) * HEIGHT) - reach)
    picture.paste(Image.new("RGB", glow.size, "#fff6dc"), corner, glow.filter(ImageFilter.GaussianBlur(2)))


def _ridge(rng: random.Random, level: float, roughness: float) -> Iterator[tuple[float, float]]:
    """Return the points of a line of hills, by displacing the middle between two points again and again."""
    heights = [rng.uniform(-roughness, roughness) for _ in range(3)]
    while len(heights) < 257:
        roughness /= 2
        middles = [(a + b) / 2 + rng.uniform(-roughness, roughness) for a, b in itertools.pairwise(heights)]
        pairs = zip(heights, [*middles, heights[-1]], strict=True)
        heights = [height for pair in pairs for height in pair][: 2 * len(middles) + 1]
    step = WIDTH / (len(heights) - 1)
    return ((index * step, level + height) for index, height in enumerate(heights))


def make_sales(path: Path, rows: int = 200_000) -> Path:
    """Write a table of sales, of which about one in a hundred has no amount, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)  # noqa: S311 - the same numbers each time
    prices = dict(zip(PRODUCTS, PRICES, strict=True))
    products = rng.choices(PRODUCTS, weights=[rng.uniform(1, 9) / price**0.6 for price in PRICES], k=rows)
    regions = rng.choices(REGIONS, weights=(30, 25, 20, 15, 10), k=rows)
    units = rng.choices(range(1, 6), weights=(50, 25, 12, 8, 5), k=rows)
    days = sorted(rng.choices(range(1, 366), k=rows))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "day", "region", "product", "units", "amount"])
        for order, (day, region, product, unit) in enumerate(zip(days, regions, products, units, strict=True), 1):
            amount = "NA" if order % 97 == 0 else f"{prices[product] * unit:.2f}"
            writer.writerow([order, day, region, product, unit, amount])
    return path

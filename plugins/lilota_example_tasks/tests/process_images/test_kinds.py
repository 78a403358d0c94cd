"""process_images: every kind of pixels becomes what one expects to see."""

from __future__ import annotations

import io
import math
import struct
import zlib

import pytest
from lilota_example_tasks.process_images import opening
from PIL import Image, ImageCms, TiffImagePlugin

WIDTH, HEIGHT = 64, 16


@pytest.fixture
def thumbnail(images, run_images, tmp_path):
    """Return what runs the task and gives the thumbnail of its one image."""

    def make(name):
        output = run_images()
        assert (output["images"], output["skipped"]) == (1, [])
        with Image.open(tmp_path / "target" / f"{name}.thumbnail.jpg") as opened:
            return opened.copy()

    return make


def ramp(mode, first, last):
    """Return a picture that goes from one number at the left to another one at the right."""
    image = Image.new(mode, (WIDTH, HEIGHT))
    steps = [first + (last - first) * x / (WIDTH - 1) for x in range(WIDTH)]
    image.putdata([step if mode == "F" else round(step) for step in steps] * HEIGHT)
    return image


def greys(image):
    """Return the greys at the left, in the middle and at the right."""
    return [image.convert("L").getpixel((x, HEIGHT // 2)) for x in (0, WIDTH // 2, WIDTH - 1)]


@pytest.mark.parametrize(
    ("mode", "colour"), [("1", 1), ("L", 200), ("LA", (200, 100)), ("P", 3), ("RGBA", (9, 9, 9, 0)), ("CMYK", (9,) * 4)]
)
def test_every_mode_of_pixels_is_processed(run_images, images, mode, colour):
    """Black and white, greys, palettes, transparency and printing inks all become JPEG and WebP."""
    Image.new(mode, (20, 10), colour).save(images / "image.tiff")

    assert run_images()["images"] == 1


def test_an_image_with_16_bits_per_pixel_keeps_its_brightness(thumbnail, images):
    """Half the light stays half the light."""
    Image.new("I;16", (20, 10), 32_768).save(images / "grey.png")

    assert thumbnail("grey.png").getpixel((5, 5)) == pytest.approx((128, 128, 128), abs=3)


@pytest.mark.parametrize(
    ("mode", "ends", "expected"),
    [
        ("I;16", (0, 65_535), [0, 128, 255]),
        ("I;16", (0, 4095), [0, 128, 255]),
        ("I;16", (0, 2100), [0, 66, 131]),  # of 12 bits: half the light stays half the light
        ("I;16", (0, 40), [0, 20, 40]),  # what fits into 8 bits is as dark as it says
        ("I", (0, 255), [0, 128, 255]),
        ("I", (0, 2**31 - 1), [0, 128, 255]),
        ("I", (-1000, 1000), [0, 128, 255]),
        ("F", (0, 1), [0, 128, 255]),
        ("F", (0, 0.75), [0, 97, 191]),
        ("F", (0, 255), [0, 128, 255]),
        ("F", (1e-7, 1e-5), [2, 85, 167]),
        ("F", (-2.5, 1e30), [0, 128, 255]),
        ("F", (100, 110), [0, 128, 255]),
    ],
)
def test_wide_pixels_are_brought_to_the_range_that_they_use(thumbnail, images, mode, ends, expected):
    """12 bits in 16, whole numbers of 32 bits, negative ones and floats of any range are not black."""
    ramp(mode, *ends).save(images / "wide.tif")

    assert greys(thumbnail("wide.tif")) == pytest.approx(expected, abs=4)


def test_unsigned_numbers_of_32_bits_are_not_taken_for_negative_ones(thumbnail, images):
    """The brightest half of a TIFF stays brighter than the rest."""
    numbers = [round((2**32 - 1) * x / (WIDTH - 1)) for x in range(WIDTH)] * HEIGHT
    image = Image.frombytes("I", (WIDTH, HEIGHT), struct.pack(f"={len(numbers)}I", *numbers))
    # SampleFormat: Pillow writes a 2, for signed numbers.
    save_tiff(image, images / "wide.tif", tag=339, was=2, now=1)

    assert greys(thumbnail("wide.tif")) == pytest.approx([0, 128, 255], abs=4)


@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_a_picture_whose_zero_is_white_is_not_a_negative(thumbnail, images, mode):
    """Pillow turns 8 bits round, and no others."""
    # PhotometricInterpretation: Pillow writes a 1, for black.
    save_tiff(ramp(mode, 0, 1 if mode == "F" else 65_535), images / "fax.tif", tag=262, was=1, now=0)

    assert greys(thumbnail("fax.tif")) == pytest.approx([255, 127, 0], abs=4)


@pytest.mark.parametrize(
    ("mode", "number", "expected"),
    [("F", 0.5, 128), ("F", 0, 0), ("F", 7.5, 128), ("F", -3, 128), ("I", 0, 0), ("I", -5, 128), ("I;16", 0, 0)],
)
def test_a_picture_of_one_number_has_one_grey(thumbnail, images, mode, number, expected):
    """Nothing is divided by zero; where nothing tells what is dark, it is grey."""
    Image.new(mode, (WIDTH, HEIGHT), number).save(images / "flat.tif")

    assert greys(thumbnail("flat.tif")) == pytest.approx([expected] * 3, abs=4)


def test_what_is_no_number_does_not_count_for_the_range(thumbnail, images):
    """NaN is black, and infinite is black or white; the others are seen as without them."""
    image = ramp("F", 0, 1)
    for x, value in ((1, math.nan), (2, math.inf), (3, -math.inf)):
        image.putpixel((x, 0), value)
    image.save(images / "holes.tif")

    assert greys(thumbnail("holes.tif")) == pytest.approx([0, 128, 255], abs=4)


def test_a_picture_without_any_number_is_skipped(run_images, images):
    """There is nothing to be seen in it, and that is said."""
    Image.new("F", (WIDTH, HEIGHT), math.nan).save(images / "nothing.tif")

    assert "no number in it" in run_images()["skipped"][0]["reason"]


def test_what_a_geotiff_calls_no_data_does_not_count_for_the_range(thumbnail, images):
    """Heights from 400 to 800 metres are told apart, though the sea is at -3.4e38."""
    image = ramp("F", 400, 800)
    image.putpixel((1, 0), -3.4028234663852886e38)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[42_113], tags.tagtype[42_113] = "-3.4028234663852886e+38", 2
    image.save(images / "heights.tif", tiffinfo=tags)

    assert greys(thumbnail("heights.tif")) == pytest.approx([0, 128, 255], abs=4)


@pytest.mark.parametrize("white", [65_535, 4095, 255])
def test_colours_of_16_bits_are_as_bright_as_the_bits_that_they_use(thumbnail, images, white):
    """Colour pictures of 12 bits in 16 are no more black than grey ones are."""
    row = b"\0" + b"".join(struct.pack(">3H", *[round(white * x / (WIDTH - 1))] * 3) for x in range(WIDTH))
    (images / "deep.png").write_bytes(png(16, 2, row * HEIGHT))

    assert greys(thumbnail("deep.png")) == pytest.approx([0, 128, 255], abs=4)


@pytest.mark.parametrize(
    ("form", "pixels", "transparent"),
    [
        ((8, 0), bytes([0, 200]), struct.pack(">H", 0)),
        ((2, 0), bytes([0b01100000]), struct.pack(">H", 1)),
        ((4, 0), bytes([0x3A]), struct.pack(">H", 3)),
        ((16, 0), struct.pack(">2H", 500, 52_000), struct.pack(">H", 500)),
        ((8, 2), bytes([1, 2, 3, 0, 0, 200]), struct.pack(">3H", 1, 2, 3)),
        ((16, 2), struct.pack(">6H", 40_000, 1, 2, 0, 0, 60_000), struct.pack(">3H", 40_000, 1, 2)),
        ((8, 3), bytes([0, 1]), bytes([0, 255])),
        ((8, 3), bytes([0, 1]), bytes([0])),
    ],
)
def test_one_transparent_colour_becomes_white(thumbnail, images, form, pixels, transparent):
    """Also where a PNG names it in more or fewer bits than Pillow reads."""
    extra = [(b"PLTE", bytes([9, 9, 9, 0, 0, 200]))] if form[1] == 3 else []
    content = png(*form, b"\0" + pixels, *extra, (b"tRNS", transparent), width=2, height=1)
    (images / "clear.png").write_bytes(content)
    with Image.open(images / "clear.png") as image:
        assert image.size == (2, 1)

    left, right = (thumbnail("clear.png").convert("L").getpixel((x, 0)) for x in (0, 1))

    assert left > 235
    assert right < 225


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_an_alpha_channel_is_put_on_white(thumbnail, images, mode):
    """JPEG has no transparency; black would not be what one sees elsewhere."""
    image = Image.new(mode, (20, 10)).convert("PA" if mode == "P" else f"{mode}A")
    image.putalpha(0)
    image.save(images / "clear.tif")

    assert thumbnail("clear.tif").getpixel((5, 5)) == (255, 255, 255)


def test_colours_that_were_multiplied_by_alpha_are_not_darker(thumbnail, images):
    """A TIFF may hold them so: half of white is half transparent white, not grey."""
    # ExtraSamples: Pillow writes a 2, for colours as they are.
    save_tiff(Image.new("RGBA", (20, 10), (128, 128, 128, 128)), images / "half.tif", tag=338, was=2, now=1)
    with Image.open(images / "half.tif") as image:
        assert image.tag_v2[338] == (1,)

    assert min(thumbnail("half.tif").getpixel((5, 5))) > 250


def test_lab_is_seen_as_it_is_meant(thumbnail, images):
    """Middle grey has no colour."""
    Image.new("LAB", (20, 10), (128, 128, 128)).save(images / "lab.tif")

    assert thumbnail("lab.tif").getpixel((5, 5)) == pytest.approx((119, 119, 119), abs=4)


def test_a_grey_picture_with_a_profile_of_its_own_becomes_srgb(thumbnail, run_images, images, tmp_path):
    """A profile of greys does not fit the colours that the results have: it is used, and not kept."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.new("L", (20, 10), 100).save(images / "grey.jpg", icc_profile=lab)

    result = thumbnail("grey.jpg")

    assert "icc_profile" not in result.info
    assert result.getpixel((5, 5)) == pytest.approx((100, 100, 100), abs=2)


def test_a_broken_profile_is_left_out(thumbnail, images):
    """The picture is made all the same."""
    Image.new("CMYK", (20, 10), (0, 0, 0, 0)).save(images / "ink.jpg", icc_profile=b"\0" * 16 + b"CMYK" + b"\0" * 200)

    assert thumbnail("ink.jpg").getpixel((5, 5)) == pytest.approx((255, 255, 255), abs=4)


def test_broken_exif_does_not_cost_the_picture(thumbnail, images):
    """The picture is as it is stored, as elsewhere."""
    Image.new("RGB", (20, 10)).save(images / "odd.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")

    assert thumbnail("odd.jpg").size == (20, 10)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_come_out_the_same(thumbnail, images, orientation):
    """However the camera was held, up is up: the left upper corner is white."""
    upright = Image.new("L", (40, 20))
    upright.paste(255, (0, 0, 20, 10))
    methods = {1: None, 2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE"}
    methods |= {6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270"}
    method = methods[orientation]
    stored = upright if method is None else upright.transpose(Image.Transpose[method])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(images / "held.jpg", exif=exif)

    result = thumbnail("held.jpg").convert("L")

    assert result.size == (40, 20)
    corners = [result.getpixel(place) > 128 for place in ((5, 5), (35, 5), (5, 15), (35, 15))]
    assert corners == [True, False, False, False]


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp", "moving.png", "pages.tif", "moving.avif"])
def test_of_several_pictures_the_first_is_taken(thumbnail, images, name):
    """Animations (GIF, WebP, PNG, AVIF) and pages (TIFF)."""
    first, second = (Image.new("RGB", (40, 20), colour) for colour in ("red", "blue"))
    first.save(images / name, save_all=True, append_images=[second])

    assert thumbnail(name).getpixel((20, 10)) == pytest.approx((254, 0, 0), abs=6)


@pytest.mark.parametrize("name", ["grey.pgm", "colours.ppm", "dots.pbm", "floats.pfm"])
def test_portable_bitmaps_are_read(thumbnail, images, name):
    """PGM, PPM and PBM come from scanners and scientific programs, PFM from renderers."""
    mode = {"grey.pgm": "I", "colours.ppm": "RGB", "dots.pbm": "1", "floats.pfm": "F"}[name]
    image = ramp("F", 0, 1) if mode == "F" else ramp("I", 0, 65_535) if mode == "I" else Image.new(mode, (64, 16), 1)
    image.save(images / name)

    assert thumbnail(name).size == (64, 16)


def test_heic_is_read(thumbnail, images):
    """Phones make it; Pillow does not read it alone."""
    pytest.importorskip("pillow_heif").register_heif_opener()
    Image.new("RGB", (64, 64), "red").save(images / "phone.heic")

    assert thumbnail("phone.heic").getpixel((20, 20)) == pytest.approx((254, 0, 0), abs=8)


def test_heic_without_its_package_is_skipped_and_the_package_named(run_images, images, monkeypatch):
    """It is not taken for a broken file."""
    monkeypatch.setattr(opening, "_formats", lambda: ("JPEG", "PNG"))
    (images / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))

    assert "pip install 'lilota-example-tasks[heif]'" in run_images()["skipped"][0]["reason"]


def save_tiff(image, path, *, tag, was, now):
    """Save a picture with another number in a tag than Pillow writes."""
    content = io.BytesIO()
    image.save(content, "TIFF")
    before, after = (struct.pack("<HHIHH", tag, 3, 1, number, 0) for number in (was, now))
    assert before in content.getvalue()
    path.write_bytes(content.getvalue().replace(before, after))


def png(bits, kind, rows, *chunks, width=WIDTH, height=HEIGHT):
    """Return a PNG with those rows, each after the byte that says it has no filter."""
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

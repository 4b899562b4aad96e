"""Makes the golden photos: tiny inputs of every kind and what PIL and torchvision make of them.

    /work/venv/bin/python tests/golden/photos/make.py

Pillow 13.0.0, torchvision 0.29.2, numpy 2.4.6; cjpeg and jpegtran of libjpeg-turbo 2.1.5 on the path. Writes `inputs/*`, `expected/*.png` and `cases.json`
beside itself. A case is {input, upright, tolerance, squares: [{resolution, file}]}: `upright` is the photo as RGB,
`squares` are Resize(resolution, LANCZOS) + CenterCrop(resolution) of it. `tolerance` is the largest difference per
channel (JPEG and lossy WebP decoders may differ by a few levels; 0 elsewhere).
"""

import io
import json
import pathlib
import shutil
import struct
import subprocess
import zlib

import numpy as np
import torchvision.transforms.functional as F
from PIL import Image, ImageDraw, ImageOps, PngImagePlugin

HERE = pathlib.Path(__file__).parent
INPUTS, EXPECTED = HERE / "inputs", HERE / "expected"
for folder in (INPUTS, EXPECTED):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
RNG = np.random.default_rng(0)
cases = []


def picture(width, height, noise=12):
    """An asymmetric RGB picture: a gradient, a disc, a line, some noise."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([255 * x / width, 255 * y / height, 128 + 100 * np.sin(x / 5.0)], -1)
    image = Image.fromarray(rgb.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    if min(width, height) > 9:
        draw.ellipse((2, 3, width // 2, height // 3), fill=(250, 40, 20))
    draw.line((0, height - 1, width - 1, height // 2), fill=(0, 0, 0), width=2)
    pixels = np.asarray(image).astype(int) + RNG.integers(-noise, noise + 1, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def alpha(width, height):
    y, x = np.mgrid[0:height, 0:width]
    return ((x * 7 + y * 13) % 256).astype(np.uint8)


def over_white(image):
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image).convert("RGB")


def case(name, data, resolutions=(16,), tolerance=0, upright=None):
    """`data`: the file's bytes. `upright`: the expected RGB where PIL's own reading is not the reference."""
    (INPUTS / name).write_bytes(data)
    if upright is None:
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        upright = over_white(image) if image.has_transparency_data else image.convert("RGB")
    stem = name.replace(".", "_")
    upright.save(EXPECTED / f"{stem}.png", optimize=True)
    squares = []
    for resolution in resolutions:
        square = F.resize(upright, resolution, F.InterpolationMode.LANCZOS)
        square = F.center_crop(square, resolution)
        file = f"{stem}_{resolution}.png"
        square.save(EXPECTED / file, optimize=True)
        squares.append({"resolution": resolution, "file": file})
    cases.append({"input": name, "upright": f"{stem}.png", "tolerance": tolerance, "squares": squares})


def encode(image, format, **options):
    data = io.BytesIO()
    image.save(data, format, **options)
    return data.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(array, color_type, bits, extra=b""):
    """A PNG of `array` (h, w, channels) for kinds PIL does not write."""
    height, width = array.shape[:2]
    rows = array.astype(">u2" if bits == 16 else "u1").reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


# All eight orientations, as cameras write them.
base = picture(28, 20)
for orientation in range(1, 9):
    case(f"orientation_{orientation}.jpg", encode(base, "JPEG", quality=92, exif=exif(orientation)), tolerance=4)
    case(f"orientation_{orientation}.png", encode(base, "PNG", exif=exif(orientation)))
for orientation in (3, 6):
    case(f"orientation_{orientation}.webp", encode(base, "WEBP", lossless=True, exif=exif(orientation)))
    case(f"orientation_{orientation}.tiff", encode(base, "TIFF", tiffinfo={274: orientation}))
late = encode(base, "PNG")
late = late[:-12] + chunk(b"eXIf", exif(8).tobytes()[6:]) + late[-12:]
case("orientation_late.png", late)
xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
case("orientation_xmp.jpg", encode(base, "JPEG", quality=92, xmp=xmp), tolerance=4)
info = PngImagePlugin.PngInfo()
info.add_itxt("XML:com.adobe.xmp", xmp.decode())
case("orientation_xmp.png", encode(base, "PNG", pnginfo=info))
# EXIF that says nothing, EXIF that is broken, an orientation that does not exist.
case("orientation_0.jpg", encode(base, "JPEG", quality=92, exif=exif(0)), tolerance=4)
broken = encode(base, "JPEG", quality=92, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
case("exif_broken.jpg", broken, tolerance=4, upright=Image.open(io.BytesIO(encode(base, "JPEG", quality=92))))

# Kinds of pixels.
odd = picture(37, 53)
w, h = odd.size
grey = odd.convert("L")
case("grey.png", encode(grey, "PNG"))
case("grey.jpg", encode(grey, "JPEG", quality=90), tolerance=4)
case("bilevel.png", encode(grey.convert("1"), "PNG"))
case("palette.png", encode(odd.quantize(61), "PNG"))
case("palette_16.png", encode(odd.quantize(13), "PNG", bits=4))
palette = odd.quantize(64)
case("palette_alpha.png", encode(palette, "PNG", transparency=bytes(range(0, 256, 4))))
case("palette.gif", encode(palette, "GIF"))
case("transparent.gif", encode(palette, "GIF", transparency=5))
rgba = odd.copy()
rgba.putalpha(Image.fromarray(alpha(w, h)))
case("rgba.png", encode(rgba, "PNG"))
case("rgba.webp", encode(rgba, "WEBP", lossless=True, exact=True))
case("rgba.tiff", encode(rgba, "TIFF"))
grey_alpha = Image.merge("LA", (grey, Image.fromarray(alpha(w, h))))
case("grey_alpha.png", encode(grey_alpha, "PNG"))
case("color_key.png", encode(odd, "PNG", transparency=odd.getpixel((3, 4))))
wide = (np.asarray(odd).astype(np.uint16) << 8) | RNG.integers(0, 256, (h, w, 3)).astype(np.uint16)
case("rgb_16.png", png(wide, 2, 16))
# PIL clips 16-bit grey to white; the reference is the upper byte, as PIL does for 16-bit RGB.
case("grey_16.png", png(wide[..., :1], 0, 16), upright=Image.fromarray((wide[..., 0] >> 8).astype(np.uint8)).convert("RGB"))
wide_alpha = np.dstack([wide, alpha(w, h).astype(np.uint16) << 8])
eight = Image.fromarray((wide_alpha >> 8).astype(np.uint8))
case("rgba_16.png", png(wide_alpha, 6, 16), upright=over_white(eight))
case("grey_16.tiff", encode(Image.fromarray(wide[..., 0]), "TIFF"), upright=Image.fromarray((wide[..., 0] >> 8).astype(np.uint8)).convert("RGB"))
case("rgb.bmp", encode(odd, "BMP"))
case("palette.bmp", encode(odd.quantize(200), "BMP"))
case("rgb.tiff", encode(odd, "TIFF", compression="tiff_lzw"))
case("rgb_deflate.tiff", encode(odd, "TIFF", compression="tiff_adobe_deflate"))
case("bilevel.tiff", encode(grey.convert("1"), "TIFF"))
case("lossy.webp", encode(odd, "WEBP", quality=90), tolerance=6)
# Printers' colours: Adobe's inverted CMYK, and YCCK (the same file with the other Adobe transform; PIL is the witness).
smooth = picture(40, 24, noise=2)
cmyk = smooth.convert("CMYK")
black = Image.fromarray((alpha(40, 24) // 4))
cmyk = Image.merge("CMYK", (*cmyk.split()[:3], black))
data = encode(cmyk, "JPEG", quality=95, subsampling=0)
case("cmyk.jpg", data, tolerance=5)
at = data.index(b"Adobe") + 11
assert data[at] == 0
case("ycck.jpg", data[:at] + b"\x02" + data[at + 1 :], tolerance=5)
case("cmyk.tiff", encode(cmyk, "TIFF"), tolerance=2)
# JPEG variants.
for name, options in {
    "444": {"subsampling": 0},
    "422": {"subsampling": 1},
    "progressive": {"progressive": True},
    "restart": {"restart_marker_blocks": 2},
}.items():
    case(f"{name}.jpg", encode(smooth, "JPEG", quality=92, **options), tolerance=8)
case("one_pixel.jpg", encode(Image.new("RGB", (1, 1), (200, 30, 90)), "JPEG"), (4,), tolerance=4)

# Sizes: up and down, odd, long, the same.
for width, height, resolutions in [
    (37, 53, (8, 16, 31, 37, 64)),
    (53, 37, (24, 37, 50)),
    (101, 33, (16, 33, 40)),
    (20, 20, (1, 7, 20, 21)),
    (1, 1, (5,)),
    (2, 9, (3, 16)),
    (90, 3, (2, 6)),
    (160, 120, (32, 45)),
]:
    case(f"size_{width}x{height}.png", encode(picture(width, height, noise=80), "PNG", optimize=True), resolutions)


# JPEG files that decoders without libjpeg's care read wrongly: a scan for each component, rare sampling factors,
# headers that contradict one another.
def tool(*command, data):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def scans(text):
    path = HERE / "scans.txt"
    path.write_text(text)
    return ["-scans", str(path)]


quiet = picture(43, 27, noise=3)
ppm = encode(quiet, "PPM")
each = "0;\n1;\n2;\n"
for name, options in {
    "scans_444": ["-sample", "1x1", *scans(each)],
    "scans_422": ["-sample", "2x1", *scans(each)],
    "scans_420": ["-sample", "2x2", *scans(each)],
    "scans_440": ["-sample", "1x2", *scans(each)],
    "scans_411": ["-sample", "4x1", *scans(each)],
    "scans_restart": ["-sample", "2x2", "-restart", "3B", *scans(each)],
    "sampling_3": ["-sample", "3x1"],
    "sampling_small_first": ["-sample", "1x1,2x1,2x1"],
}.items():
    case(f"{name}.jpg", tool("cjpeg", "-quality", "92", *options, data=ppm), tolerance=8)
case("scans_pairs.jpg", tool("cjpeg", "-quality", "92", "-sample", "2x2", *scans("0;\n1 2;\n"), data=ppm), tolerance=8)
case("scans_reversed.jpg", tool("cjpeg", "-quality", "92", *scans("2;\n1;\n0;\n"), data=ppm), tolerance=8)
case("scans_cmyk.jpg", tool("jpegtran", *scans("0;\n1;\n2;\n3;\n"), data=encode(cmyk, "JPEG", quality=95)), tolerance=5)
(HERE / "scans.txt").unlink()
plain = encode(quiet, "JPEG", quality=92)
assert plain[2:4] == b"\xff\xe0"
adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"
case("jfif_and_adobe_rgb.jpg", plain[:20] + adobe + plain[20:], tolerance=8)

# Orientations in every place and form. Where PIL knows the place, it is the witness.
def tag(kind, count, value, end="<", before=b""):
    """An EXIF block of the orientation alone; `value` beyond 4 bytes stands behind the directory."""
    place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(end + "I", 26)
    head = (b"II*\0" if end == "<" else b"MM\0*") + struct.pack(end + "IH", 8, 1)
    return before + head + struct.pack(end + "HHI", 0x0112, kind, count) + place + b"\0\0\0\0" + value


def app1(data):
    return b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data


def profile(name, data):
    lines = [data.hex()[i : i + 72] for i in range(0, 2 * len(data), 72)]
    return f"\n{name}\n{len(data):8}\n".encode() + "\n".join(lines).encode() + b"\n"


base_jpg, base_png = encode(base, "JPEG", quality=92), encode(base, "PNG")
ns = b"http://ns.adobe.com/xap/1.0/\0"
nothing = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
for name, segments in {
    "long": [b"Exif\0\0" + tag(4, 1, b"\x08\0\0\0")],
    "big_endian": [b"Exif\0\0" + tag(3, 1, b"\0\x06", ">")],
    "array": [b"Exif\0\0" + tag(3, 3, b"\x03\0\x01\0\x01\0")],
    "rational": [b"Exif\0\0" + tag(5, 1, struct.pack(">II", 12, 2), ">")],
    "byte": [b"Exif\0\0" + tag(1, 1, b"\x06")],
    "9": [b"Exif\0\0" + tag(3, 1, b"\x09\0"), ns + xmp],
    "none_xmp": [b"Exif\0\0" + nothing, ns + xmp],
    "parts": [b"Exif\0\0" + tag(3, 1, b"\x06\0")[:15], b"Exif\0\0" + tag(3, 1, b"\x06\0")[15:]],
}.items():
    case(f"orientation_{name}.jpg", base_jpg[:20] + b"".join(map(app1, segments)) + base_jpg[20:], tolerance=4)
six = b"Exif\0\0" + tag(3, 1, b"\x06\0")
raw = b"Raw profile type exif\0"
turned = base.transpose(Image.Transpose.ROTATE_270)
for name, extra, upright in [
    ("profile", chunk(b"zTXt", raw + b"\0" + zlib.compress(profile("exif", six))), None),
    ("profile_plain", chunk(b"tEXt", raw + profile("exif", six)), None),
    ("profile_itxt", chunk(b"iTXt", raw + b"\1\0\0\0" + zlib.compress(profile("exif", six))), None),
    ("profile_and_exif", chunk(b"zTXt", raw + b"\0" + zlib.compress(profile("exif", six))) + chunk(b"eXIf", tag(3, 1, b"\x08\0")), None),
    ("xmp_packed", chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp)), None),
    # PIL does not look there, exiftool does.
    ("profile_app1", chunk(b"tEXt", b"Raw profile type APP1\0" + profile("APP1", six)), turned),
]:
    case(f"orientation_{name}.png", base_png[:33] + extra + base_png[33:], upright=upright)
case("orientation_xmp.webp", encode(base, "WEBP", lossless=True, xmp=xmp))
promise = bytearray(encode(base, "WEBP", lossless=True, exif=exif(6)))
promise[20] |= 4  # XMP is announced, but not there.
case("orientation_promise.webp", bytes(promise))
case("orientation_xmp.tiff", encode(base, "TIFF", tiffinfo={700: xmp}))

(HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
print(len(cases), "cases,", sum(f.stat().st_size for f in HERE.rglob("*") if f.is_file()), "bytes")

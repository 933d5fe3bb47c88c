"""The formats of photos that are opened, with the extensions of their files: every list of either comes from here.

A further format also needs its decoder in requirements.txt and, where a file of it can ask for much memory, a check in
`classifier.photo.limits`.
"""

# by Pillow's name. Pillow knows more, some of them programs rather than pictures (EPS runs Ghostscript): only these
FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif"),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
EXTENSIONS = tuple(extension for extensions in FORMATS.values() for extension in extensions)
NOT_SHOWN_BY_BROWSERS = {extension for name in ("HEIF", "TIFF", "PPM") for extension in FORMATS[name]}
EXAMPLES = (".jpg", ".jpeg", ".png", ".webp")  # of the photos in examples/, small ones that every browser shows

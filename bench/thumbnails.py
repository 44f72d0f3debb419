"""Thumbnails as Clowder makes them, by libvips, for `media.sh`.

    thumbnails.py photo FILE          writes a JPEG of 12 megapixels with as much in it as a photo
    thumbnails.py make FILE FOLDER    makes all thumbnails of it, and prints how many seconds that took
"""
import sys
import time

import pyvips

SIZES = (64, 128, 256, 512, 1024)


def photo(file):
    width, height = 4000, 3000
    # Clouds of three colours, large and small, and the noise of a camera.
    bands = []
    for seed in range(3):
        clouds = [
            pyvips.Image.perlin(width, height, cell_size=cell, seed=10 * seed + number) * weight
            for number, (cell, weight) in enumerate(((512, 80), (64, 40), (16, 15)))
        ]
        bands.append(clouds[0] + clouds[1] + clouds[2] + 128)
    image = bands[0].bandjoin(bands[1:]) + pyvips.Image.gaussnoise(width, height, sigma=4, mean=0)
    image.cast("uchar").copy(interpretation="srgb").jpegsave(file, Q=90)


def make(file, folder):
    begun = time.perf_counter()
    for size in SIZES:
        # Each from the file, so that it decodes no more than this size needs; then in both formats.
        thumbnail = pyvips.Image.thumbnail(file, size, height=size, size="down").copy_memory()
        thumbnail.webpsave(f"{folder}/{size}.webp", Q=78, effort=2, keep="none")
        thumbnail.jpegsave(f"{folder}/{size}.jpg", Q=82, keep="none")
    print(time.perf_counter() - begun)


if __name__ == "__main__":
    {"photo": photo, "make": make}[sys.argv[1]](*sys.argv[2:])

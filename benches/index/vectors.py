"""Seeded vectors shaped like track embeddings, for the comparison of nearest-neighbour indexes."""

import numpy as np

STYLES = 3000
ARTIST_TRACKS = 20


def like_track_embeddings(tracks, queries, dimension, seed):
    """Unit vectors of `tracks` catalog tracks and of `queries` further tracks drawn from the same clusters.

    A vector is the sum of a common direction (word2vec vectors of real sessions share one), its style's centre, its
    artist's offset and its own offset. Styles have Zipf sizes (share proportional to 1 / rank). Each level is Gaussian
    with a power-law spectrum (variance of direction i proportional to 1 / i) in one common rotation; each style has its
    own width (log-normal) and its own extra scale per direction, so that clusters are stretched differently.
    """
    rng = np.random.default_rng(seed)
    rows = tracks + queries
    spectrum = np.arange(1, dimension + 1) ** -0.5
    spectrum /= np.sqrt((spectrum**2).sum())
    rotation, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))

    shares = 1 / np.arange(1, STYLES + 1)
    style_of_artist = rng.choice(STYLES, size=rows // ARTIST_TRACKS + 1, p=shares / shares.sum())
    artist = rng.integers(len(style_of_artist), size=rows)
    style = style_of_artist[artist]

    centres = rng.standard_normal((STYLES, dimension)) * spectrum
    widths = np.exp(rng.normal(0, 0.3, STYLES))[:, None]
    stretch = widths * np.exp(rng.normal(0, 0.4, (STYLES, dimension)))
    offsets = 0.4 * rng.standard_normal((len(style_of_artist), dimension)) * spectrum * stretch[style_of_artist]

    common = np.zeros(dimension)
    common[0] = 0.8
    vectors = np.empty((rows, dimension), dtype=np.float32)
    for start in range(0, rows, 50_000):
        part = slice(start, min(start + 50_000, rows))
        own = 0.3 * rng.standard_normal((part.stop - start, dimension)) * spectrum * stretch[style[part]]
        sums = (common + centres[style[part]] + offsets[artist[part]] + own) @ rotation
        vectors[part] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return vectors[:tracks], vectors[tracks:]

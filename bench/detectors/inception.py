"""Inception-v3 with the original weights, the only detector whose distance is called FID."""

from bench.detectors import DETECTORS, DetectorKind, Fixed
from bench.detectors import _inception as inception

DETECTORS.add(
    "inception",
    DetectorKind(
        summary="Inception-v3 with the original TensorFlow weights (rule 9), any images",
        fixed=Fixed(
            dim=inception.DIM,
            digest=inception.installed_digest,
            load=inception.load_inception,
            fetch=inception.fetch_weights,
            install=inception.import_weights,
        ),
    ),
)

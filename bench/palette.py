"""The colours of families and classes, in figures, in charts and on MLflow's page."""

COLOURS = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
"""Ten that colour-blind readers tell apart (Petroff 2021, arXiv 2107.02270)."""

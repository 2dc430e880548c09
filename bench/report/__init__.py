"""The comparison report: records in, markdown, figures and a table out; no torch, no Optuna."""

"""How what was kept of each task is assessed: numbers for results.json, rows for predictions.csv, figures."""

from gv_jax.evaluation import classification, multilabel, restoration

ASSESSMENTS = {
    "classification": classification.assess,
    "multi_label": multilabel.assess,
    "super_resolution": restoration.assess_enlarging,
}

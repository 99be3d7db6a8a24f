"""How what was kept of each task is assessed: numbers for results.json, rows for predictions.csv, figures."""

from gv_jax.evaluation import classification, restoration

ASSESSMENTS = {"classification": classification.assess, "super_resolution": restoration.assess_enlarging}

"""How the outputs of each task are assessed: numbers for results.json, rows for predictions.csv, figures."""

from gv_jax.evaluation import classification

ASSESSMENTS = {"classification": classification.assess}

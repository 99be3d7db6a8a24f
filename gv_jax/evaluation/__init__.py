"""How what was kept of each task is assessed: numbers for results.json, rows for predictions.csv, figures."""

from gv_jax.evaluation import classification, colorization, multilabel, restoration

ASSESSMENTS = {  # (records of each split, data set, task) -> assessment
    "classification": lambda records, dataset, task: classification.assess(records, dataset),
    "multi_label": lambda records, dataset, task: multilabel.assess(records, dataset),
    "super_resolution": lambda records, dataset, task: restoration.assess_enlarging(records, dataset),
    "colorization": colorization.assess,
}

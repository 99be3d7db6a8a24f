"""How what was kept of each task is assessed: numbers for results.json, rows for predictions.csv, figures."""

from gv_jax.evaluation import classification, colorization, multilabel, super_resolution

EVALUATORS = {  # (records of each split, data set, task) -> assessment
    "classification": lambda records, dataset, task: classification.evaluate_classification(
        records, dataset
    ),
    "multi_label": lambda records, dataset, task: multilabel.evaluate_multilabel(records, dataset),
    "super_resolution": lambda records, dataset, task: super_resolution.evaluate_upscaling(
        records, dataset
    ),
    "colorization": colorization.evaluate_colorization,
}

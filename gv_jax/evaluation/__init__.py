"""Numbers of finished runs: metrics, baselines and rows of predictions. Nothing is drawn here."""

"""The command line of a search: `python -m gv_jax.search --config=… --space=…`."""

import argparse
import importlib.util
import runpy
import sys
from pathlib import Path
from typing import Any

from gv_jax.errors import UserError, unknown
from gv_jax.search.space import SPACES_DIR, load_space

METHODS = ("tpe", "random", "grid")


def run_search_command() -> None:
    """Works on what is missing of a search and writes its table and report; mistakes are one line and status 2."""
    try:
        sys.exit(run_search(*parse_search()))
    except UserError as error:
        sys.stderr.write(f"gv_jax: {error}\n")
        sys.exit(2)


def parse_search() -> tuple[argparse.Namespace, dict[str, Any]]:
    """The options, and the fields that every trial changes."""
    parser = argparse.ArgumentParser(
        prog="python -m gv_jax.search",
        description="Tries settings of a configuration and says which are best.",
        epilog="--config.x.y=VALUE changes a field of every trial. Started again it goes on; several processes or "
        "machines that share the folder share the work.",
    )
    spaces = ", ".join(sorted(file.stem for file in SPACES_DIR.glob("*.py")))
    parser.add_argument("--config", required=True, help="file under configs/")
    parser.add_argument(
        "--space", required=True, help=f"what to choose from: a Python file, or one of {spaces}"
    )
    parser.add_argument(
        "--method",
        choices=METHODS,
        default="tpe",
        help="how to choose (tpe); a grid tries everything",
    )
    parser.add_argument(
        "--trials", type=int, default=20, help="in all (20); of no meaning for a grid"
    )
    folds = "score a trial by its mean over so many parts of the training split, with the validation split unseen"
    parser.add_argument("--folds", type=int, default=0, help=f"{folds}; 0: by the validation split")
    parser.add_argument(
        "--metric", default="", help="valid.accuracy, or another split and name of results.json"
    )
    parser.add_argument(
        "--no-prune", action="store_true", help="end no trial early that is worse than most"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the choice (0); --config.seed is that of the runs"
    )
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="the search goes to results/search-…"
    )
    parser.add_argument(
        "--workers", type=int, default=0, help="runs at once; by default one a core, one on a GPU"
    )
    options, rest = parser.parse_known_args()
    if options.trials < 1 or options.workers < 0 or options.folds < 0 or options.folds == 1:
        parser.error("--trials must be 1 or more, --workers 0 or more, --folds 0, or 2 and more")
    options.metric = options.metric or "valid.accuracy"
    if options.metric.count(".") != 1:
        parser.error(f"--metric={options.metric}: give split and name, as valid.accuracy")
    common = {}
    for word in rest:
        field, equals, value = word.removeprefix("--config.").partition("=")
        if not word.startswith("--config.") or not equals:
            parser.error(
                f"unknown argument {word}: fields of every trial are given as --config.x.y=VALUE"
            )
        common[field] = value
    return options, common


def run_search(options: argparse.Namespace, common: dict[str, Any]) -> int:
    """Works on what is missing; the exit status."""
    if importlib.util.find_spec("optuna") is None:
        raise UserError("a search needs optuna: pip install -e '.[search]'")
    from gv_jax.ablation.workers import default_workers
    from gv_jax.search import report
    from gv_jax.search.trials import Search
    from gv_jax.search.worker import run_trials

    space = load_space(options.space)
    check_space_fields(options.config, [*space, *common])
    name = "-".join(
        ["search", Path(options.config.partition(":")[0]).stem, Path(options.space).stem]
    )
    task = Search(
        config=options.config,
        space=space,
        method=options.method,
        count=options.trials,
        folds=options.folds,
        metric=options.metric,
        folder=options.results / name,
        prune=not options.no_prune,
        seed=options.seed,
        common=common,
    )
    study = task.open()
    complete = task.done(study) or run_trials(task, options.workers or default_workers())
    written = report.write_search_report(task, study)
    sys.stdout.write(written)
    if not complete:
        sys.stdout.write("cut short: the same command goes on\n")
    sys.stdout.write(f"Report: {task.folder / 'report.html'}\n")
    return 0 if complete else 130


def check_space_fields(config: str, names: list[str]) -> None:
    """UserError for the first of `names` that is no field of the configuration."""
    file, colon, argument = config.partition(":")
    if not Path(file).is_file():
        raise UserError(f"no config file {file}: see the files under configs/")
    fields = runpy.run_path(file)["get_config"](*([argument] if colon else []))
    for name in names:
        section: Any = fields
        for part in name.split("."):
            if not hasattr(section, "keys") or part not in section:
                raise unknown(
                    f"field of the config, in {name},",
                    part,
                    section if hasattr(section, "keys") else [],
                )
            section = section[part]

"""`gv-jax search`: search hyper-parameters.

    gv-jax search --config=configs/quickstart.py --space=finetune --trials=20

Trials select fields of a space, a file with SPACE such as those of configs/spaces/.
--config.x.y=VALUE overrides a field of every trial. The same command resumes an interrupted search;
several processes or machines that share the folder share the work.
"""

import importlib.util
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from gv_jax.cli.flags import (
    OneLineParser,
    add_data_flags,
    check_field_names,
    echo,
    load_config,
    parse_path,
)
from gv_jax.cli.license_remarks import echo_license_remarks
from gv_jax.errors import INTERRUPTED_STATUS, UserError
from gv_jax.jobs.engine import add_engine_flags, make_engine, parse_natural
from gv_jax.search.space import SPACES_DIR, Categorical, Space, load_space

METHODS = ("tpe", "random", "grid")


def make_search_parser() -> OneLineParser:
    parser = OneLineParser("search", (__doc__ or "").partition(": ")[2])
    spaces = ", ".join(sorted(file.stem for file in SPACES_DIR.glob("*.py")))
    names = f", or one of {spaces}" if spaces else ""  # of the present folder
    parser.add_argument(
        "--config", metavar="FILE", default="", help="config file, such as those in configs/"
    )
    parser.add_argument("--space", metavar="SPACE", default="", help=f"a Python file{names}")
    parser.add_argument(
        "--method", choices=METHODS, default="tpe", help="sampler (tpe); grid tries all values"
    )
    parser.add_argument(
        "--trials", type=parse_natural, default=20, metavar="N", help="in all (20); ignored by grid"
    )
    parser.add_argument(
        "--folds",
        type=parse_natural,
        default=0,
        metavar="K",
        help="score a trial by K-fold cross-validation inside the training split; 0: by the "
        "validation split (0)",
    )
    parser.add_argument(
        "--metric",
        default="",
        metavar="SPLIT.NAME",
        help="metric in results.json (the main one of the task, as in valid.accuracy)",
    )
    parser.add_argument(
        "--no-prune", action="store_true", help="do not stop trials that are worse than the median"
    )
    parser.add_argument(
        "--seed", type=parse_natural, default=0, help="of the sampler (0), not of the runs"
    )
    parser.add_argument(
        "--results",
        type=parse_path,
        default=Path("results"),
        metavar="DIR",
        help="parent of the folder search-CONFIG-SPACE (results)",
    )
    add_data_flags(parser)
    add_engine_flags(parser)
    return parser


def search(arguments: Sequence[str]) -> int:
    """Executes the missing trials and writes table and report.

    Returns:
        0; 130 if it was interrupted.
    """
    options, fields = make_search_parser().parse_with_fields(arguments)
    config = load_config(options.config, fields)
    if not options.space:
        raise UserError("give --space=SPACE, for example --space=finetune")
    if options.trials < 1 or options.folds == 1:
        raise UserError("--trials must be at least 1, and --folds 0 or at least 2")
    space = load_space(options.space)
    check_field_names(config, [*space, *fields])
    if importlib.util.find_spec("optuna") is None:
        raise UserError("a search needs Optuna: pip install 'gv_jax[search]'")

    from gv_jax.data.output_folder import check_output
    from gv_jax.run_data import check_shared_records
    from gv_jax.search import report, runner
    from gv_jax.search.trials import Search
    from gv_jax.tasks.metric_names import choose_metric

    check_output(config.data, options.results, "the results", "--results")
    config_name = Path(options.config.partition(":")[0]).stem
    task = Search(
        config=options.config,
        space=space,
        method=options.method,
        n_trials=options.trials,
        folds=options.folds,
        metric=choose_metric(config.task, options.metric, "valid"),
        folder=options.results / f"search-{config_name}-{Path(options.space).stem}",
        prune=not options.no_prune,
        seed=options.seed,
        overrides=fields,
        on_changed_data=options.on_changed_data,
    )
    study = task.open()
    if not task.is_complete(study):
        check_shared_records(task.data_records, options.on_changed_data)
        echo_license_remarks(config, weights_of_space(space))
    complete = task.is_complete(study) or runner.run_trials(
        task, make_engine(options, task.folder, task.total), options.workers, echo
    )
    echo(report.write_search_report(task, study).rstrip("\n"))
    if not complete:
        echo("interrupted: the same command resumes it")
    echo(f"Report: {task.report}")
    return 0 if complete else INTERRUPTED_STATUS


def weights_of_space(space: Space) -> Iterator[dict[str, Any]]:
    """The fields of every model and its weights that trials may have."""
    choices = {
        name: values.values
        for name, values in space.items()
        if name in ("model.name", "model.pretrained") and isinstance(values, Categorical)
    }
    for values in product(*choices.values()):
        yield dict(zip(choices, values, strict=True))

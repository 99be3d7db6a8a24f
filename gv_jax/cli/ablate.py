"""`gv-jax ablate`: run and compare the variants of an experiment.

    gv-jax ablate experiments/textures.py --smoke

FILE has a docstring with the question and the constants CONFIG, VARIANTS, REFERENCE (a variant, or
one for each) and optionally SEEDS, METRIC and SMOKE. --config.x.y=VALUE overrides a field of every
variant. The same command resumes an interrupted ablation; several processes or machines that share
the folder share the work.
"""

from collections.abc import Sequence
from pathlib import Path

from gv_jax.ablation.study_file import SMOKE, StudyFile, conflicting_overrides, read_study_file
from gv_jax.cli.flags import (
    OneLineParser,
    add_data_flags,
    check_field_names,
    echo,
    parse_path,
    read_config_file,
)
from gv_jax.cli.license_remarks import echo_license_remarks
from gv_jax.config.default import Config
from gv_jax.errors import INTERRUPTED_STATUS, UserError
from gv_jax.jobs.engine import add_engine_flags, make_engine, parse_natural
from gv_jax.wording import count_noun


def make_ablate_parser() -> OneLineParser:
    parser = OneLineParser("ablate", (__doc__ or "").partition(": ")[2])
    parser.add_argument("file", metavar="FILE", help="file of experiments/")
    parser.add_argument(
        "--seeds", type=parse_natural, metavar="N", help="runs per variant (SEEDS of FILE, or 3)"
    )
    parser.add_argument(
        "--smoke", action="store_true", help="a few steps per run, in DIR/NAME-smoke"
    )
    parser.add_argument(
        "--results",
        type=parse_path,
        default=Path("results"),
        metavar="DIR",
        help="parent of the folder of the results (results)",
    )
    parser.add_argument(
        "--metric",
        metavar="SPLIT.NAME",
        help="metric in results.json (METRIC of FILE, or the main one of the task on test)",
    )
    parser.add_argument(
        "--population",
        type=parse_natural,
        nargs="?",
        const=8,
        default=1,
        metavar="N",
        help="train up to N runs (8) that differ in seed, learning rate, weight decay, dropout or "
        "label smoothing only in one program: faster on a GPU, slower on a CPU",
    )
    parser.add_argument("--retry", action="store_true", help="run failed runs again")
    add_data_flags(parser)
    add_engine_flags(parser)
    return parser


def ablate(arguments: Sequence[str]) -> int:
    """Executes the missing runs and writes tables and report.

    Returns:
        0; 1 if runs failed; 130 if it was interrupted.
    """
    options, fields = make_ablate_parser().parse_with_fields(arguments)
    study_file = read_study_file(options.file)
    seeds = study_file.seeds if options.seeds is None else options.seeds
    if seeds < 1 or options.population < 1:
        raise UserError("--seeds and --population must be at least 1")
    config = read_config_file(study_file.config)
    check_fields(config, study_file, fields)

    from gv_jax.ablation import report, runner
    from gv_jax.ablation.study import Ablation
    from gv_jax.data.output_folder import check_output
    from gv_jax.run_data import check_shared_records
    from gv_jax.tasks.metric_names import choose_metric

    task = str(fields.get("task", config.task))
    overrides = {name[5:]: value for name, value in fields.items() if name.startswith("data.")}
    check_output({**config.data, **overrides}, options.results, "the results", "--results")
    smoke = {**SMOKE, **study_file.smoke} if options.smoke else {}
    ablation = Ablation(
        name=study_file.name,
        description=study_file.description,
        config=study_file.config,
        variants=study_file.variants,
        references=study_file.references,
        seeds=seeds,
        folder=options.results / (study_file.name + ("-smoke" if options.smoke else "")),
        overrides={**smoke, **fields},
        metric=choose_metric(task, options.metric or study_file.metric, "test"),
        on_changed_data=options.on_changed_data,
    )
    if options.retry:
        runner.forget_failures(ablation)
    missing = runner.find_missing(ablation)
    if missing:
        check_shared_records(ablation.data_records, options.on_changed_data)
        names = dict.fromkeys(run.variant for run in missing)
        variants = [{**study_file.variants[name], **ablation.overrides} for name in names]
        echo_license_remarks(config, variants)
    complete = not missing or runner.run_missing(
        ablation,
        make_engine(options, ablation.folder, len(missing)),
        options.population,
        echo,
    )
    failures = [run.failure for run in ablation.runs if run.failure]
    if not ablation.finished:
        raise UserError(f"no run finished: {[*failures, 'interrupted'][0]}")
    report.write_ablation_report(ablation)
    echo((ablation.folder / "table.md").read_text("utf-8").rstrip("\n"))
    if failures:
        failed, runs = count_noun(len(failures), "run"), "it" if len(failures) == 1 else "them"
        echo(f"{failed} failed: see {ablation.logs}; --retry runs {runs} again")
    if not complete:
        echo("interrupted: the same command resumes it")
    echo(f"Report: {ablation.report}")
    return INTERRUPTED_STATUS if not complete else 1 if failures else 0


def check_fields(config: Config, study_file: StudyFile, fields: dict[str, str]) -> None:
    """Checks the fields of variants and command line; reports those that override a variant's."""
    for overrides in [*study_file.variants.values(), study_file.smoke, fields]:
        check_field_names(config, list(overrides))
    for field, names in conflicting_overrides(study_file.variants, fields).items():
        echo(f"note: --config.{field} overrides the values of {', '.join(names)}")

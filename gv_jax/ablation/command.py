"""The command line that every script in experiments/ has."""

import argparse
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from gv_jax.ablation.study import Ablation, Overrides
from gv_jax.errors import UserError

SMOKE: Overrides = {"train.epochs": 1, "train.steps_per_epoch": 2, "train.valid_batches": 2}


def run_ablation(
    script: str,
    question: str,
    config: str,
    variants: Mapping[str, Overrides],
    *,
    reference: str,
    seeds: int = 3,
    metric: str = "test.accuracy",
    quick: Overrides = SMOKE,
) -> None:
    """Runs what is missing of an ablation and writes results/<script's name>/, as the command line says.

    script: `__file__`. question: `__doc__`. config: file under configs/. variants: name -> overrides of its fields,
    without "config.". reference: the variant that the others are compared with. metric: what they are compared by,
    unless --metric says otherwise. quick: overrides of --quick, a rehearsal in which every run is a few steps long.
    """
    try:
        study, options = parse_ablation(
            script, question, config, variants, reference, seeds, metric, quick
        )
        sys.exit(run_and_report(study, options))
    except UserError as error:
        sys.stderr.write(f"gv_jax: {error}\n")
        sys.exit(2)


def parse_ablation(
    script: str,
    question: str,
    config: str,
    variants: Mapping[str, Overrides],
    reference: str,
    seeds: int,
    metric: str,
    quick: Overrides,
) -> tuple[Ablation, argparse.Namespace]:
    """The study and the options of the command line."""
    name = Path(script).stem
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{name}",
        description=question,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="--config.x.y=VALUE changes a field of every variant. Started again it runs what is missing; several "
        "processes or machines that share the folder share the work.",
    )
    parser.add_argument("--seeds", type=int, default=seeds, help=f"runs of every variant ({seeds})")
    parser.add_argument(
        "--quick", action="store_true", help="a rehearsal: a few steps a run, in results/NAME-quick"
    )
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="where results/NAME is (results)"
    )
    parser.add_argument(
        "--metric", default=metric, help=f"split.name in results.json to compare by ({metric})"
    )
    parser.add_argument(
        "--workers", type=int, default=0, help="runs at once; by default one a core, one on a GPU"
    )
    parser.add_argument(
        "--population",
        type=int,
        nargs="?",
        const=8,
        default=1,
        metavar="N",
        help="train up to N runs (8) that differ in seed, learning rate, weight decay, dropout or label smoothing only "
        "in one program: pays on a GPU, not on a CPU",
    )
    parser.add_argument("--retry", action="store_true", help="try failed runs again")
    options, rest = parser.parse_known_args()
    if options.seeds < 1 or options.workers < 0 or options.population < 1:
        parser.error("--seeds and --population must be 1 or more, --workers 0 or more")
    if (
        options.metric.partition(".")[0] not in ("train", "valid", "test")
        or not options.metric.partition(".")[2]
    ):
        parser.error(f"--metric={options.metric}: say a split and a name, as in valid.accuracy")
    typed: dict[str, object] = {}
    for word in rest:
        field, equals, value = word.removeprefix("--config.").partition("=")
        if not word.startswith("--config.") or not equals:
            parser.error(
                f"unknown argument {word}: fields of every variant are given as --config.x.y=VALUE"
            )
        typed[field] = value
    sys.stderr.write("".join(f"{line}\n" for line in conflicting_overrides(variants, typed)))
    study = Ablation(
        name=name,
        question=question.strip(),
        config=config,
        variants=variants,
        reference=reference,
        seeds=options.seeds,
        folder=options.results / (f"{name}-quick" if options.quick else name),
        common={**(quick if options.quick else {}), **typed},
        metric=options.metric,
    )
    return study, options


def conflicting_overrides(variants: Mapping[str, Overrides], typed: Collection[str]) -> list[str]:
    """A line for each field of the command line that variants set too: these may be alike now."""
    losers = {
        field: [name for name, fields in variants.items() if field in fields] for field in typed
    }
    return [
        f"note: --config.{field} holds for every variant, whatever {', '.join(names)} would have it be"
        for field, names in losers.items()
        if names
    ]


def run_and_report(study: Ablation, options: argparse.Namespace) -> int:
    """Runs what is missing, then writes table and report; the exit status."""
    from gv_jax.ablation import report, workers

    if options.retry:
        for run in study.runs:
            run.forgive()
    missing = [run for run in study.runs if run.state not in ("finished", "failed")]
    complete = not missing or workers.run_missing(
        study, options.workers or min(workers.default_workers(), len(missing)), options.population
    )
    if not study.finished:
        why = next(
            (run.failure for run in study.runs if run.failure), "stopped before the first run ended"
        )
        raise UserError(f"no run finished: {why}")
    variants = report.write_ablation_report(study)
    sys.stdout.write((study.folder / "table.md").read_text("utf-8"))
    failed = sum(len(variant.failures) for variant in variants)
    if failed:
        sys.stdout.write(
            f"{failed} runs failed: see {study.folder}/failed and logs; --retry tries them again\n"
        )
    if not complete:
        sys.stdout.write("cut short: the same command goes on\n")
    sys.stdout.write(f"Report: {report.machine_text(study)}\n")
    return 130 if not complete else 1 if failed else 0

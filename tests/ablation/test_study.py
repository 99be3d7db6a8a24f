"""Runs of an ablation: commands, groups, order."""

from gv_jax.ablation.runner import make_group_job, make_groups


def test_runs_are_ordered_by_seed(make_ablation):
    names = [run.name for run in make_ablation().runs]
    assert names[:3] == ["plain-seed0", "wide-seed0", "broken-seed0"]
    assert names[3:] == ["plain-seed1", "wide-seed1", "broken-seed1"]


def test_the_shell_command_is_that_of_the_job(make_ablation):
    run = make_ablation(overrides={"train.epochs": "3"}).runs[1]
    assert run.shell_command == (
        "gv-jax train --config=configs/quickstart.py --config.model.dropout=0.5 "
        "--config.train.epochs=3 --config.seed=0"
    )
    assert run.job.command[1:4] == ("-m", "gv_jax.main", f"--workdir={run.run_dir.path}")
    assert run.job.command[4:6] == (
        f"--data-records={run.ablation.data_records}",
        "--on-changed-data=reject",
    )
    assert list(run.job.command[6:]) == run.arguments


def test_runs_that_differ_in_numbers_only_share_a_program(make_ablation):
    ablation = make_ablation()
    names = [[run.name for run in group] for group in make_groups(ablation.runs, 3).values()]
    assert names == [["plain-seed0", "wide-seed0", "plain-seed1"], ["broken-seed0", "broken-seed1"]]
    group = make_groups(ablation.runs, 8)["plain-seed0-and-3"]
    job = make_group_job(group)
    assert job.command[1:4] == ("-m", "gv_jax", "train-many")
    assert job.command.count("--and") == 3
    assert job.command[4] == f"--workdir={group[0].run_dir.path}"
    assert len(job.run_dirs) == 4

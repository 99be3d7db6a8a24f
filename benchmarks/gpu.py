"""Speed on a GPU, against torch.compile on the same one.

    python -m benchmarks.gpu [--rounds 5] [--members 8]

Prints JSON lines: date, device and versions; ratios as of `speed.py --against torch-compile` for
ResNet-50 at 224 px and for small networks, in bfloat16, channels last in PyTorch; and the images
per second of `--members` runs one by one and in one program (population.py). Without a GPU it
prints one line and exits with status 2.
"""

import argparse
import datetime
import importlib.metadata
import subprocess
import sys

from benchmarks import alternate
from benchmarks.measurement import read_lines, write_line

BATCHES = {"resnet50-224": 128, "baseline-32": 128, "sequential-32": 128, "resnet34-32": 128}
POPULATION_CASE = "baseline-32"


def find_device() -> tuple[str, str]:
    """Backend and kind of the first device, which JAX reserves: in a process that ends at once."""
    code = "import jax; print(jax.default_backend(), jax.devices()[0].device_kind, sep='\\n')"
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    backend, device = output.splitlines()[-2:]
    return backend, device


def describe(device: str) -> dict[str, str]:
    """Date, device and versions."""
    versions = {name: importlib.metadata.version(name) for name in ("jax", "torch")}
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"date": today, "device": device, **versions}


def compare_case(name: str, rounds: int) -> None:
    """Compares one case in bfloat16 with torch.compile, in `rounds` processes of each."""
    flags = [name, "--batch", str(BATCHES[name]), "--dtype", "bfloat16"]
    commands = {
        program: [sys.executable, "-m", *alternate.PROGRAMS[program], *flags]
        for program in (alternate.OURS, "torch-compile")
    }
    for line in alternate.compare(commands, rounds, write_line):
        write_line(line)


def compare_population(members: int) -> None:
    """Compares `members` runs in one program with the same runs one by one."""
    flags = ["--case", POPULATION_CASE, "--members", str(members)]
    command = [sys.executable, "-m", "benchmarks.population", *flags]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    speeds = {line["way"]: line["images_per_second"] for line in read_lines(output)}
    ratio = round(speeds["vectorized"] / speeds["sequential"], 3)
    write_line({"case": POPULATION_CASE, "members": members, **speeds, "ratio": ratio})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=alternate.ROUNDS, help="of each comparison")
    parser.add_argument("--members", type=int, default=8, help="runs in one program")
    options = parser.parse_args()
    alternate.check_rounds(parser, options.rounds)
    backend, device = find_device()
    if backend != "gpu":
        parser.exit(2, f"no GPU: JAX computes on {backend} ({device})\n")
    alternate.check_torch(parser)
    write_line(describe(device))
    for name in BATCHES:
        compare_case(name, options.rounds)
    compare_population(options.members)


if __name__ == "__main__":
    main()

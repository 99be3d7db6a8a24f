"""Which rows of a split each of two real processes reads."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.runs.several_processes import TIMEOUT_S, find_port

pytestmark = pytest.mark.slow

SIZE, BATCH = 21, 8
PROGRAM = f"""
import json, sys
import jax
import numpy as np
jax.config.update("jax_num_cpu_devices", 2)
jax.distributed.initialize(
    "localhost:" + sys.argv[1], 2, int(sys.argv[2]), initialization_timeout={TIMEOUT_S}
)
from gv_jax import distributed
from gv_jax.data.rows import LazyImages
from gv_jax.evaluation.loop import collect_outputs

pixels = np.arange({SIZE} * 12, dtype=np.uint8).reshape({SIZE}, 2, 2, 3)
read = []

def read_images(rows):
    read.extend(map(int, rows))
    return pixels[rows]

images = LazyImages(read_images, np.arange({SIZE}), (2, 2, 3))
mesh = distributed.data_mesh()
get_batch = distributed.make_batch_reader({{"image": images}}, mesh, 2**30, threads=2, prefetch=2)
shuffled = np.random.default_rng(0).permutation({SIZE})[: 2 * {BATCH}].astype(np.int32)
batches = [distributed.fetch(batch["image"]) for batch in get_batch.stream(shuffled.reshape(2, -1))]
trained = list(read)
read.clear()
sums = jax.jit(
    lambda batch: batch["image"].astype("int32").sum((1, 2, 3)),
    out_shardings=distributed.replicated(mesh),
)
outputs = collect_outputs(lambda batch: (sums(batch), {{}}), (), get_batch, {SIZE}, {BATCH})
print(json.dumps([trained, read, np.concatenate(batches).tolist(), outputs.tolist()]))
jax.distributed.shutdown()
"""


def test_each_process_reads_its_rows_only():
    port = str(find_port())
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, port, str(index)], text=True, stdout=subprocess.PIPE
        )
        for index in range(2)
    ]
    (first, second) = (
        json.loads(process.communicate()[0].splitlines()[-1]) for process in processes
    )
    shuffled = np.random.default_rng(0).permutation(SIZE)[: 2 * BATCH].reshape(2, 2, -1)
    for trained, part in ((first[0], 0), (second[0], 1)):
        assert sorted(trained) == sorted(shuffled[:, part].ravel())
    assert {*first[1]} | {*second[1]} == set(range(SIZE))
    padded = -SIZE % BATCH
    assert len(first[1]) == len(second[1]) == (SIZE + padded) // 2
    pixels = np.arange(SIZE * 12, dtype=np.uint8).reshape(SIZE, 2, 2, 3)
    for _, _, batches, sums in (first, second):
        np.testing.assert_array_equal(batches, pixels[shuffled.ravel()])
        np.testing.assert_array_equal(sums, pixels.astype(int).sum((1, 2, 3)))

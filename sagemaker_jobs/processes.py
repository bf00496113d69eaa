"""The processes of one job: one alone, or as many as torchrun started, on GPUs or processors of several machines."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed as dist


@contextmanager
def processes() -> Iterator[None]:
    """Inside it, the processes that torchrun started know each other; alone, nothing happens."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def rank() -> int:
    """Of this process, from 0; the first one writes."""
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def device() -> torch.device:
    """The GPU of this process, or the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def use_threads(threads: int) -> None:
    """How many threads torch takes; 0: what `OMP_NUM_THREADS` says, or this process's share of the machine's cores.

    Another number adds up in another order, and makes another model. Threads wait by spinning: on a machine that has
    other work to do, one is faster than two.
    """
    of_machine = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    wanted = int(os.environ.get("OMP_NUM_THREADS", "0"))
    torch.set_num_threads(threads or wanted or max(1, (os.cpu_count() or 1) // of_machine))

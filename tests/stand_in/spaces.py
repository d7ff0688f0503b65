"""Stands for the package ``spaces`` on a ZeroGPU Space: it forks and pickles as that one does, without a GPU.

What it takes over from ``spaces`` 0.51: outside ZeroGPU the decorator gives the function back; the page's
process believes that there is a GPU; a worker is a fork, made at the first call and used again; arguments
and everything that is yielded pass as pickles; a worker runs ahead of whoever listens, in a thread; closing the
generator stops it at its next yield; an exception becomes a ``gr.Error`` that names its class only.

Stricter: a tensor or a module in a pickle is an error. ``SPACES_STAND_IN_LOG`` names a file that gets a line of
JSON for every call; while the file ``SPACES_STAND_IN_QUOTA`` names exists, no GPU is to be had.
"""

import inspect
import io
import json
import multiprocessing
import os
import pickle
import traceback
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from pathlib import Path

import gradio as gr
import torch

CONTEXT = multiprocessing.get_context("fork")
IS_ZERO_GPU = os.environ.get("SPACES_ZERO_GPU") == "true"
PATCHED = {"is_available": lambda: True, "device_count": lambda: 1}
ORIGINAL = {name: getattr(torch.cuda, name) for name in PATCHED}


def believe(functions) -> None:
    for name, function in functions.items():
        setattr(torch.cuda, name, function)


if IS_ZERO_GPU:
    believe(PATCHED)


class PlainPickler(pickle.Pickler):
    """Refuses what is no plain data."""

    def reducer_override(self, thing):
        if isinstance(thing, torch.Tensor | torch.nn.Module | torch.device | torch.dtype):
            raise pickle.PicklingError(f"{type(thing)} is no plain data")
        return NotImplemented


def plain(thing) -> bytes:
    buffer = io.BytesIO()
    PlainPickler(buffer, pickle.HIGHEST_PROTOCOL).dump(thing)
    return buffer.getvalue()


class Worker:
    """A fork that waits for arguments."""

    def __init__(self, task) -> None:
        self.told, self.arguments = CONTEXT.Pipe(duplex=False)
        self.results = CONTEXT.SimpleQueue()
        self.is_stopped = CONTEXT.Event()
        self.process = CONTEXT.Process(target=self.serve, args=(task,), daemon=True)
        self.process.start()

    def serve(self, task) -> None:
        believe(ORIGINAL)
        page = os.getppid()
        while True:
            while not self.told.poll(1):
                if os.getppid() != page:
                    os._exit(0)  # it was killed, which does not end its forks
            arguments = pickle.loads(self.told.recv_bytes())
            self.is_stopped.clear()
            with ThreadPoolExecutor() as pool:
                pool.submit(self.iterate, task, arguments)
            self.results.put(("end", None))

    def iterate(self, task, arguments) -> None:
        generator = task(*arguments)
        try:
            for value in generator:
                if self.is_stopped.is_set():
                    generator.close()
                    return
                self.results.put(("value", plain(value)))
        except Exception as error:
            traceback.print_exc()
            self.results.put(("error", type(error).__name__))


def GPU(task=None, *, duration=60):
    if task is None:
        return lambda one: GPU(one, duration=duration)
    if not IS_ZERO_GPU:
        return task
    assert inspect.isgeneratorfunction(task), "the page decorates generator functions only"
    idle: list[Worker] = []

    @wraps(task)
    def call(*arguments):
        seconds = duration(*arguments) if callable(duration) else duration
        if (quota := os.environ.get("SPACES_STAND_IN_QUOTA")) and Path(quota).exists():
            raise gr.Error(f"You have exceeded your GPU quota ({seconds}s requested vs. 0s left)")
        sent = plain(arguments)
        is_reused = bool(idle)
        worker = idle.pop() if idle else Worker(task)
        worker.arguments.send_bytes(sent)
        note = {"page": os.getpid(), "worker": worker.process.pid, "is_reused": is_reused}
        note |= {"seconds": seconds, "bytes": len(sent), "values": 0, "is_closed": False}
        try:
            while (message := worker.results.get())[0] == "value":
                note["values"] += 1
                yield pickle.loads(message[1])
            if message[0] == "error":
                worker.results.get()
                raise gr.Error(message[1], title="ZeroGPU worker error", print_exception=False)
        except GeneratorExit:
            note["is_closed"] = True
            worker.is_stopped.set()
            while worker.results.get()[0] != "end":
                pass
            raise
        finally:
            idle.append(worker)
            if log := os.environ.get("SPACES_STAND_IN_LOG"):
                with open(log, "a", encoding="utf-8") as file:
                    file.write(json.dumps(note) + "\n")

    return call

"""A whole training step as one CUDA graph: the processor only copies a batch to the graph's inputs and starts it.

A step of these small models is thousands of short kernels. If the processor started them one by one, a large GPU would
wait for it.
"""

import gc
import time

import torch


class Graphs:
    """Calls `step(batches)`, which gives (loss, {name: tensor}), by replaying a graph, one for each shape of batches.

    `step` must read nothing back to the host. It runs a few times before it is captured; afterwards the tensors of
    `state()` get back the values they had. Where no graph can be made, the steps are plain ones.
    """

    def __init__(self, step, state, device, log, capture=None):
        self.step, self.state, self.device, self.log = step, state, device, log
        self.capture = capture or capture_cuda
        self.graphs, self.seconds = {}, 0.0  # the seconds are those spent on making graphs

    def __call__(self, batches):
        shapes = tuple((x.shape, x.dtype) for batch in batches for x in batch)
        if shapes not in self.graphs:
            self.graphs[shapes] = self._make(batches)
        held, replay = self.graphs[shapes]
        if replay is None:
            return self.step(batches)
        for batch, places in zip(batches, held):
            for x, place in zip(batch, places):
                # From pinned memory the processor goes on while the copy waits for the device.
                place.copy_(x.pin_memory() if place.is_cuda and not x.is_cuda else x, non_blocking=True)
        return replay()

    def _make(self, batches):
        start = time.monotonic()
        kept = {id(x): x.detach().clone() for x in self.state()}
        held = [[x.to(self.device, copy=True) for x in batch] for batch in batches]
        try:
            replay = self.capture(lambda: self.step(held))
            self.log(f"a graph of the step took {time.monotonic() - start:.1f} s")
        except Exception as error:  # noqa: BLE001
            replay = None
            self.log(f"no graph, plain steps instead: {type(error).__name__} {str(error)[:300]}")
        with torch.no_grad():
            for x in self.state():
                # State that the first step made starts from zero.
                x.copy_(kept[id(x)]) if id(x) in kept else x.zero_()
        self.seconds += time.monotonic() - start
        return held, replay


def capture_cuda(step):
    """Gives a function that replays `step` and gives its results. They stay in the memory of the capture."""
    torch.backends.cudnn.benchmark, torch.backends.cudnn.benchmark_limit = True, 4
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    try:
        with torch.cuda.stream(stream):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        # Freeing a graph of an earlier stage during the capture would end the capture.
        gc.collect()
        gc.disable()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            results = step()
    finally:
        gc.enable()
        torch.cuda.synchronize()
        torch.backends.cudnn.benchmark = False  # searching is not worth it for the shapes of evaluations

    def replay():
        graph.replay()
        return results

    return replay

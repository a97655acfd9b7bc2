from rt3d_mlir.runtime.timing import Latency, measure


def test_statistics():
    latency = Latency.of([float(t) for t in range(1, 12)])
    assert latency == Latency(min=1, median=6, p90=10)
    assert str(latency) == "min 1.00 ms, median 6.00 ms, p90 10.00 ms"


def test_counts_its_calls():
    calls: list[None] = []
    latency = measure(lambda: calls.append(None), repeat=4, warmup=2)
    assert len(calls) == 6
    assert 0 <= latency.min <= latency.median <= latency.p90

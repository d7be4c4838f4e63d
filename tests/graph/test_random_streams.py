from efficient_hrl.graph.random_streams import Stream, stream_seed


def test_every_use_of_randomness_has_a_number_of_its_own():
    assert len(Stream.__members__) == len(set(Stream))


def test_runs_streams_and_counters_never_share_a_seed():
    uses = [(run, stream, counter) for run in range(51) for stream in Stream for counter in range(3)]
    assert len({tuple(stream_seed(*use).numpy()) for use in uses}) == len(uses)

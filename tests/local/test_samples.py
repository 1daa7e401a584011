from migrator.local.samples import DAMAGED, UNPROVABLE, samples


def test_the_samples_are_the_same_every_time():
    first, again = list(samples()), list(samples())

    assert first == again
    assert first[7].content() == again[7].content()


def test_no_key_comes_twice():
    keys = [sample.key for sample in samples()]

    assert len(keys) == len(set(keys)) > 400


def test_a_sample_has_the_size_it_says():
    small = [sample for sample in samples() if sample.size < 10_000]

    assert all(len(sample.content()) == sample.size for sample in small)


def test_some_samples_came_up_in_parts():
    in_parts = [sample for sample in samples() if "part_size" in sample.described]

    assert len(in_parts) >= 4
    assert max(sample.size for sample in in_parts) > 60_000_000


def test_the_two_that_go_wrong_are_among_them():
    assert {DAMAGED, UNPROVABLE} <= {sample.key for sample in samples()}

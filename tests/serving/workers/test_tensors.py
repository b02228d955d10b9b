"""Memory as TensorFlow likes it."""

from keepfit.serving.workers.tensors import allocate


def test_bodies_are_aligned_for_tensorflow():
    for size in (1, 63, 64, 1000):
        assert allocate(size).ctypes.data % 64 == 0
        assert allocate(size).size == size

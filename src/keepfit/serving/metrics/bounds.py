"""The upper bounds of the buckets of histograms. Knows nothing of what is counted in them."""

TF_LATENCY_US = tuple(10 * 1.8**power for power in range(33))
TF_EXAMPLES = tuple(2.0**power for power in range(15))
TF_QUEUE_US = tuple(100 * 1.2**power for power in range(52))
"""TensorFlow Serving's, as the two before (servables/tensorflow/util.cc)."""
LATENCY_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
PHASE_S = (0.00005, 0.0001, 0.00025, *LATENCY_S[:-1])
TF_RUN_US = tuple(1000 * 2.0**power for power in range(20))
"""TensorFlow's (core/common_runtime/metrics.cc)."""
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

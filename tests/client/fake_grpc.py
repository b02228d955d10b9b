"""A small real gRPC server that answers like TensorFlow Serving, or as badly as a test wants."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc

from keepfit import protos
from keepfit.tensor_proto import from_array, to_array


@dataclass
class FakeGrpc:
    """What the server does with the next calls: `refusals` are used up one by one; then it answers 10 × x as y."""

    refusals: list = field(default_factory=list)
    raw: bytes | None = None
    asked: list = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    delay_s: float = 0.0
    port: int = 0


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, fake):
        self._fake = fake

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda body, context: self._answer(details.method, body, context))

    def _answer(self, method, body, context):
        fake = self._fake
        fake.asked.append((method, dict(context.invocation_metadata())))
        fake.released.wait(fake.delay_s)
        if fake.refusals:
            code, words, pushback_ms = fake.refusals.pop(0)
            if pushback_ms is not None:
                context.set_trailing_metadata((("grpc-retry-pushback-ms", pushback_ms),))
            context.abort(getattr(grpc.StatusCode, code), words)
        if fake.raw is not None:
            return fake.raw
        return _predicted(body) if method.endswith("Predict") else _metadata()


def _predicted(body):
    asked = protos.PredictRequest.FromString(body)
    answer = protos.PredictResponse()
    answer.model_spec.version.value = 3
    answer.outputs["y"].CopyFrom(from_array(to_array("x", asked.inputs["x"]) * 10))
    return answer.SerializeToString()


def _metadata():
    answer, signatures = protos.GetModelMetadataResponse(), protos.SignatureDefMap()
    answer.model_spec.version.value = 3
    x = signatures.signature_def["serving_default"].inputs["x"]
    x.dtype = 1
    x.tensor_shape.dim.add(size=-1)
    answer.metadata["signature_def"].Pack(signatures)
    return answer.SerializeToString()


def start(fake, port=0, credentials=None):
    # without SO_REUSEPORT a taken port is an error, and a port that was free stays ours
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_Handler(fake),))
    where = f"127.0.0.1:{port}"
    fake.port = server.add_secure_port(where, credentials) if credentials else server.add_insecure_port(where)
    server.start()
    return server


def stop(fake, server):
    fake.released.set()
    server.stop(0).wait()

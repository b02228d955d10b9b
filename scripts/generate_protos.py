"""Writes src/keepfit/protos/descriptors.binpb: the messages of TensorFlow Serving's API and files, and of SavedModel.

The generated modules of tensorflow and tensorflow-serving-api import the whole of TensorFlow (2.5 s, 400 MB), which
the server's front process must not. Their descriptors do not need it, so those are kept in the package instead.
Run it (with the development dependencies installed) after tensorflow-serving-api was updated. That package lacks a few
messages of the files that the server's flags name, which are therefore declared here.
"""

import importlib
import sys
from pathlib import Path

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

ROOTS = (
    "grpc_health.v1.health_pb2",
    "tensorflow_serving.apis.model_service_pb2",
    "tensorflow_serving.apis.prediction_log_pb2",
    "tensorflow_serving.apis.prediction_service_pb2",
    "tensorflow_serving.config.model_server_config_pb2",
    "tensorflow.core.protobuf.config_pb2",
    "tensorflow.core.protobuf.saved_model_pb2",
    "tensorflow.core.example.example_pb2",
)
WRAPPERS = "google/protobuf/wrappers.proto"
INT64, FLAG = ".google.protobuf.Int64Value", ".google.protobuf.BoolValue"
DECLARED: dict[str, dict[str, tuple[tuple[str, int, str], ...]]] = {
    "tensorflow_serving/servables/tensorflow/session_bundle_config.proto": {
        "BatchingParameters": (
            ("max_batch_size", 1, INT64),
            ("batch_timeout_micros", 2, INT64),
            ("max_enqueued_batches", 3, INT64),
            ("num_batch_threads", 4, INT64),
            ("thread_pool_name", 5, ".google.protobuf.StringValue"),
            ("allowed_batch_sizes", 6, "repeated int64"),
            ("pad_variable_length_inputs", 7, "bool"),
            ("enable_large_batch_splitting", 8, FLAG),
            ("max_execution_batch_size", 9, INT64),
        ),
    },
    "tensorflow_serving/config/ssl_config.proto": {
        "SSLConfig": (
            ("server_key", 1, "string"),
            ("server_cert", 2, "string"),
            ("custom_ca", 3, "string"),
            ("client_verify", 4, "bool"),
        ),
    },
    "tensorflow_serving/config/monitoring_config.proto": {
        "PrometheusConfig": (("enable", 1, "bool"), ("path", 2, "string")),
        "MonitoringConfig": (("prometheus_config", 1, ".tensorflow.serving.PrometheusConfig"),),
    },
}
"""Messages of tensorflow.serving that tensorflow-serving-api does not have, by their file: name, number and type."""

TARGET = Path(__file__).parent.parent / "src" / "keepfit" / "protos" / "descriptors.binpb"


def collect() -> bytes:
    """Return a serialized FileDescriptorSet of ROOTS and all that they import, dependencies first."""
    files: dict[str, FileDescriptorProto] = {}

    def add(descriptor: FileDescriptor) -> None:
        if descriptor.name in files:
            return
        for dependency in descriptor.dependencies:
            add(dependency)
        proto = FileDescriptorProto()
        descriptor.CopyToProto(proto)
        files[descriptor.name] = proto

    for root in ROOTS:
        add(importlib.import_module(root).DESCRIPTOR)
    for name, messages in DECLARED.items():
        files[name] = declare(name, messages)
    return FileDescriptorSet(file=files.values()).SerializeToString(deterministic=True)


def declare(file: str, messages: dict[str, tuple[tuple[str, int, str], ...]]) -> FileDescriptorProto:
    """Return a file with these messages of the package tensorflow.serving."""
    proto = FileDescriptorProto(name=file, package="tensorflow.serving", syntax="proto3", dependency=[WRAPPERS])
    for message, fields in messages.items():
        declared = proto.message_type.add(name=message)
        for name, number, kind in fields:
            repeated = kind.startswith("repeated ")
            label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
            field = declared.field.add(name=name, number=number, label=label)
            scalar = kind.removeprefix("repeated ")
            if scalar.startswith("."):
                field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, scalar
            else:
                field.type = FieldDescriptorProto.Type.Value(f"TYPE_{scalar.upper()}")
    return proto


def main() -> int:
    """Write the file; return the process's exit code."""
    TARGET.write_bytes(collect())
    sys.stdout.write(f"{TARGET}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

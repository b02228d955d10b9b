"""A client for TensorFlow Serving's REST and gRPC APIs: numpy in, numpy out. Knows no TensorFlow.

from keepfit.client import Client

with Client("127.0.0.1:8501", model="keepfit") as client:
    print(client.predict([[1.5, 2.3]]).array)
"""

from keepfit.client.async_client import AsyncClient
from keepfit.client.options import Retry, Tls
from keepfit.client.sync_client import Client
from keepfit.client.values import ClassScore, Metadata, Prediction, VersionStatus

__all__ = ["AsyncClient", "ClassScore", "Client", "Metadata", "Prediction", "Retry", "Tls", "VersionStatus"]

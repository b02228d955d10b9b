"""Certificates for the tests, and files of TLS settings as tensorflow_model_server reads them."""

import json
import ssl

import grpc
import trustme


class Authority:
    """An authority with a server's certificate and a client's."""

    def __init__(self, folder):
        self.ca = trustme.CA()
        self.server = self.ca.issue_cert("localhost", "127.0.0.1")
        self.client = self.ca.issue_cert("client@example.org")
        self.folder = folder
        self.root = self.ca.cert_pem.bytes()
        self.client_key = self.client.private_key_pem.bytes()
        self.client_cert = self.client.cert_chain_pems[0].bytes()

    def ssl_config(self, **changes):
        """Write the text of an SSLConfig and return its path."""
        fields = {
            "server_key": self.server.private_key_pem.bytes().decode(),
            "server_cert": self.server.cert_chain_pems[0].bytes().decode(),
            "custom_ca": self.root.decode(),
            "client_verify": True,
            **changes,
        }
        file = self.folder / "ssl.config"
        # The text form of a protobuf's strings and booleans is JSON's.
        file.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in fields.items()))
        return file

    def context(self, *, with_client=True):
        """Return a client's TLS context."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if with_client:
            self.client.configure_cert(context)
        return context

    def credentials(self, *, with_client=True):
        """Return a gRPC client's TLS credentials."""
        if with_client:
            return grpc.ssl_channel_credentials(self.root, self.client_key, self.client_cert)
        return grpc.ssl_channel_credentials(self.root)

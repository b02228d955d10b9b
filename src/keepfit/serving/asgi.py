"""Where a front that imports its application finds it: builds it when its life begins, from the environment."""

from keepfit.serving import drain, log, options
from keepfit.serving.app import Application
from keepfit.serving.asgi_types import Receive, Scope, Send


class LateApplication:
    """An application that is built at the life cycle's start, so that importing this does nothing."""

    def __init__(self) -> None:
        self._application: Application | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on (ASGI)."""
        if self._application is None:
            log.set_up()
            found = options.from_environment()
            self._application = Application(found)
            drain.on_signal(self._application, found.grpc_socket_path)
        await self._application(scope, receive, send)


app = LateApplication()

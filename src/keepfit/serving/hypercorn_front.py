"""Serves the application with hypercorn, in this process. Knows nothing of models."""

import asyncio
from typing import Any, cast

from hypercorn.asyncio import serve
from hypercorn.config import Config

from keepfit.serving import drain, log
from keepfit.serving.app import Application
from keepfit.serving.options import Options


def run(options: Options) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    log.set_up()
    asyncio.run(_serve(options))
    return 0


async def _serve(options: Options) -> None:
    stop = asyncio.Event()
    for number in drain.SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # Its types name each event; ours say only that events are mappings.
    application = cast(Any, Application(options))
    await serve(application, _config(options), shutdown_trigger=stop.wait)


def _config(options: Options) -> Config:
    config = Config()
    config.bind = [f"{options.host}:{port}" for port in (options.rest_api_port, options.port) if port]
    config.graceful_timeout = drain.LIMIT_S
    config.h2_max_concurrent_streams = 1024
    config.accesslog = None
    config.errorlog = None
    return config

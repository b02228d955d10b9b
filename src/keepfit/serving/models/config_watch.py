"""Reads the model config file again and again, and serves what it says. Knows nothing of how models are served."""

import asyncio
import logging
from typing import Any

from keepfit import protos
from keepfit.errors import KeepfitError
from keepfit.serving.models import model_config
from keepfit.serving.models.models import Models
from keepfit.serving.settings import config_files
from keepfit.serving.settings.options import Options

logger = logging.getLogger(__name__)


class ConfigWatch:
    """A watch over the file that --model_config_file names, if it is to be watched."""

    def __init__(self, options: Options, models: Models) -> None:
        self._options = options
        self._models = models
        self._complaint = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        if self._options.model_config_file and self._options.model_config_file_poll_wait_seconds > 0:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._options.model_config_file_poll_wait_seconds)
            await self._look()

    async def _look(self) -> None:
        """Serve what the file says; what is wrong with it is logged once, and what is served stays."""
        try:
            config = await asyncio.to_thread(
                config_files.read, self._options.model_config_file, protos.ModelServerConfig
            )
        except KeepfitError as error:
            self._complain(f"Failed to read ModelServerConfig file: {error}")
            return
        try:
            await self._serve(config)
        except KeepfitError as error:
            self._complain(f"PollFilesystemAndReloadConfig failed to ReloadConfig: {error}")
        else:
            self._complaint = ""

    async def _serve(self, config: Any) -> None:
        if config.WhichOneof("config") is None:  # an empty file, perhaps one that is just being written
            return
        configs = model_config.models_of(config, self._models.names)
        if configs != self._models.configs:
            await self._models.configure(configs)

    def _complain(self, message: str) -> None:
        if message != self._complaint:
            logger.error("%s", message)
            self._complaint = message

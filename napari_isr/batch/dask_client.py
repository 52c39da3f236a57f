"""Clients of a local or a running dask cluster."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from napari_isr.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["check_distributed", "connect_client", "raise_if_disconnected"]

T = TypeVar("T")

CONNECT_TIMEOUT_S = 15  # seconds in which a scheduler answers
DEATHS = 20  # of its workers that a task may see: most have other reasons than the task


def check_distributed() -> None:
    """Raise an InputError unless dask.distributed is installed."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise InputError(
            "many images need the packages dask and distributed: pip install 'napari-isr[batch]'"
        ) from None


@contextmanager
def connect_client(workers: int | None, scheduler: str | None) -> Iterator[Client]:
    """Start a cluster of this machine, or connect to one; stopped or left alone at the end.

    Parameters
    ----------
    workers : int, optional
        Processes that are started here. Default: one for each core.
    scheduler : str, optional
        Address of a cluster that is there already, ``tcp://host:8786``.

    Raises
    ------
    InputError
        If the scheduler does not answer, has no workers, or its workers lack napari-isr.
    """
    with _existing(scheduler) if scheduler else _local(workers or os.cpu_count() or 1) as client:
        yield client


@contextmanager
def _local(workers: int) -> Iterator[Client]:
    import dask
    from distributed import Client, LocalCluster

    chosen = {
        "distributed.scheduler.allowed-failures": DEATHS,
        "distributed.admin.low-level-log-length": 0,
        "distributed.comm.timeouts.connect": f"{CONNECT_TIMEOUT_S}s",
        # Nobody looks at profiles, and to take them costs workers and scheduler time.
        "distributed.worker.profile.enabled": False,
    }
    with (
        dask.config.set(chosen),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.register_plugin(_ignore_sigint())
        yield client


def _ignore_sigint() -> Any:
    from distributed import WorkerPlugin

    class Deaf(WorkerPlugin):
        """Ctrl-C in a terminal reaches every process; only the first one shall act on it."""

        name = "napari-isr"

        def setup(self, worker: Any) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    return Deaf()


@contextmanager
def _existing(address: str) -> Iterator[Client]:
    from distributed import Client

    quiet = logging.getLogger("distributed")
    level = quiet.level
    quiet.setLevel(logging.CRITICAL)
    try:
        try:
            client = Client(address, timeout=CONNECT_TIMEOUT_S)
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(
                f"the scheduler '{address}' does not answer: start one with 'dask scheduler' and "
                f"give its address, for example tcp://127.0.0.1:8786 ({_first_line(error)})"
            ) from None
        with client:
            _check_workers(client, address)
            yield client
    finally:
        quiet.setLevel(level)


def raise_if_disconnected(outcomes: Iterator[T]) -> Iterator[T]:
    """Yield the same, or raise an InputError if the cluster is gone."""
    try:
        yield from outcomes
    except (OSError, TimeoutError) as error:
        raise InputError(
            f"the cluster was lost ({_first_line(error)}): start it and give the same command "
            "again, which goes on from here"
        ) from None


def _check_workers(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=CONNECT_TIMEOUT_S)
    except TimeoutError:
        raise InputError(
            f"the scheduler '{address}' has no workers: start one with 'dask worker {address}'"
        ) from None
    try:
        found = set(client.run(_version).values())
    except Exception as error:  # whatever a strange worker raises
        raise InputError(
            f"the workers of '{address}' cannot run napari-isr: install it there "
            f"({_first_line(error)})"
        ) from None
    if found != {_version()}:
        raise InputError(
            f"the workers of '{address}' have napari-isr {', '.join(sorted(found))}, but this is "
            f"{_version()}: install the same version everywhere"
        )


def _version() -> str:
    import napari_isr

    return str(napari_isr.__version__)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

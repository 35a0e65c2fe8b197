"""The page's server, started and ended."""
from __future__ import annotations

import ipaddress
import signal
import webbrowser
from threading import Event, Thread
from types import FrameType

from ...video.stream import Settings
from ..inference import DFERInferencer
from .jobs import Jobs


def serve(inferencer: DFERInferencer, settings: Settings, host: str, port: int, most_bytes: int,
          browser: bool = True) -> None:
    """Answer until Ctrl-C; then everything that was made is removed.

    Raises:
        ImportError: without Werkzeug.
        ValueError: for an address or port that cannot be had.
    """
    try:
        from werkzeug.serving import WSGIRequestHandler, make_server
    except ImportError:
        raise ImportError('the page is served by Werkzeug, which is not there: pip install "mmdfer[app]"') from None
    from .server import LOOPBACK, LocalPage

    class Quiet(WSGIRequestHandler):
        """Says nothing of requests."""

        def log(self, *args: object, **kwargs: object) -> None:
            pass

    jobs, end = Jobs(inferencer, settings), Event()
    try:
        own = is_loopback(host)
        page = LocalPage(jobs, most_bytes, LOOPBACK if own else ())
        try:
            server = make_server(host, port, page, threaded=True, request_handler=Quiet)
        except (OSError, SystemExit):           # Werkzeug ends the program for a port that is taken
            raise ValueError(f'--host {host} --port {port}: cannot be had, perhaps another program has it; --port 0 '
                             'takes a free one') from None

        def stop(number: int, frame: FrameType | None) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGTERM, stop)
        Thread(target=_forget_silent, args=(jobs, end), daemon=True).start()
        url = f'http://{host}:{server.server_port}/'
        if not own:
            print(f'{url} answers everybody who can reach this machine', flush=True)
        print(f'{inferencer.model.name} at {url}, Ctrl-C ends it', flush=True)
        if browser:
            webbrowser.open(url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print('ended; nothing is kept')
        finally:
            signal.signal(signal.SIGTERM, before)
            server.server_close()
    finally:
        end.set()
        jobs.close()


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def _forget_silent(jobs: Jobs, end: Event) -> None:
    while not end.wait(20):
        jobs.forget_silent()

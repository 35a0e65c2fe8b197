"""The page's server: answers this machine alone unless it is told otherwise, and takes what it can read."""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.utils import send_file
from werkzeug.wrappers import Request, Response

from ...clip_names import FRAME_SUFFIXES, VIDEO_SUFFIXES
from .jobs import Jobs

TEMPLATES = Path(__file__).with_name('templates')
LOOPBACK = ('127.0.0.1', 'localhost', '[::1]')
KINDS = dict(json='application/json', csv='text/csv', mp4='video/mp4', html='text/html')
CHUNK = 1 << 20
SUFFIXES = tuple(dict.fromkeys((*VIDEO_SUFFIXES, '.webm', *FRAME_SUFFIXES)))
RULES = Map([
    Rule('/', endpoint='page', methods=['GET']),
    Rule('/jobs', endpoint='upload', methods=['POST']),
    Rule('/jobs/<number>', endpoint='state', methods=['GET']),
    Rule('/jobs/<number>/people', endpoint='people', methods=['POST']),
    Rule('/jobs/<number>/leave', endpoint='leave', methods=['POST']),
    Rule('/jobs/<number>/files/video.<kind>', endpoint='file', methods=['GET']),
])


class Refused(ValueError):
    """A request that is not answered as it wants, and the status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class LocalPage:
    """A WSGI application over some jobs.

    Other sites' pages cannot talk to it: whoever asks must call it by its own name, and what changes anything must bear
    a header that a foreign page may not send.

    Args:
        jobs: looks at videos.
        most_bytes: of a file.
        hosts: names by which it may be called; empty for any.
    """

    def __init__(self, jobs: Jobs, most_bytes: int, hosts: Iterable[str] = LOOPBACK) -> None:
        self.jobs, self.most_bytes, self.hosts = jobs, most_bytes, tuple(hosts)
        self.template = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True).get_template('app.html')

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = self._answer(request)
        except Refused as refused:
            response = _json(dict(error=str(refused)), refused.status)
        except HTTPException as error:
            response = _json(dict(error=error.name), error.code or 500)
        response.headers['Cache-Control'] = 'no-store'
        response.headers['X-Content-Type-Options'] = 'nosniff'
        response.headers['Referrer-Policy'] = 'no-referrer'
        response.headers['Content-Security-Policy'] = (
            "default-src 'self' 'unsafe-inline' data: blob:; frame-ancestors 'self'; form-action 'none'")
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        name = re.sub(r':\d+$', '', request.host)
        if self.hosts and name not in self.hosts:
            raise Refused(403, f'this page answers {", ".join(self.hosts)} alone')
        endpoint, found = RULES.bind_to_environ(request.environ).match()
        values: dict[str, Any] = dict(found)
        own = request.headers.get('X-Mmdfer') == 'page'
        if request.method == 'POST' and endpoint != 'leave' and not own:
            raise Refused(403, 'this is for the page itself')
        if 'number' in values:
            job = self.jobs.find(values.pop('number'))
            if job is None:
                raise Refused(404, 'this video is not here any more: give it again')
            values['job'] = job
        return getattr(self, f'_{endpoint}')(request, **values)

    def _page(self, request: Request) -> Response:
        model = self.jobs.inferencer.model
        return Response(self.template.render(
            model=model.name, notice=model.notice, most=self.most_bytes, suffixes=SUFFIXES), mimetype='text/html')

    def _upload(self, request: Request) -> Response:
        name = Path(request.args.get('name', '').replace('\\', '/')).name
        suffix = Path(name).suffix.lower()
        if suffix not in SUFFIXES:
            raise Refused(415, f'{name or "a file without a name"}: is neither a video ({", ".join(VIDEO_SUFFIXES)}, '
                               f'.webm) nor a picture ({", ".join(FRAME_SUFFIXES)})')
        length = request.content_length
        if not length:
            raise Refused(411, f'{name}: is empty')
        if length > self.most_bytes:
            raise Refused(413, f'{name}: has {length / 1e6:.1f} MB, {self.most_bytes / 1e6:.1f} are taken; start the '
                               'page with a greater --max-mb')
        try:
            job = self.jobs.add(name)
        except ValueError as error:
            raise Refused(503, str(error)) from None
        path = job.folder / f'video{suffix}'
        left = length
        try:
            with open(path, 'wb') as file:
                while left and (data := request.stream.read(min(CHUNK, left))):
                    file.write(data)
                    left -= len(data)
        except OSError as error:
            self.jobs.forget(job)
            raise Refused(507, f'{name}: cannot be kept ({error.strerror or error})') from None
        if left:
            self.jobs.forget(job)
            raise Refused(400, f'{name}: did not arrive whole')
        self.jobs.start(job, path)
        return _json(job.told())

    def _state(self, request: Request, job: Any) -> Response:
        return _json(job.told())

    def _people(self, request: Request, job: Any) -> Response:
        try:
            content = json.loads(request.get_data()[:CHUNK])
            names = {int(key): str(value) for key, value in dict(content.get('names') or {}).items()}
            merges = {int(key): int(value) for key, value in dict(content.get('merges') or {}).items()}
        except (ValueError, TypeError, AttributeError):
            raise Refused(400, 'expected names and merges of people by their number') from None
        try:
            self.jobs.edit(job, names, merges)
        except ValueError as error:
            raise Refused(400, str(error)) from None
        return _json(job.told())

    def _leave(self, request: Request, job: Any) -> Response:
        self.jobs.forget(job)
        return _json({})

    def _file(self, request: Request, job: Any, kind: str) -> Response:
        path = job.files().get(kind)
        if path is None:
            raise Refused(404, f'there is no {kind} of this video')
        return send_file(path, request.environ, mimetype=KINDS[kind], conditional=True, etag=False,
                         as_attachment='download' in request.args, download_name=f'{Path(job.name).stem}.{kind}')


def _json(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content), status, mimetype='application/json')

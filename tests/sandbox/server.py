"""The threading HTTP/1.1 server on 127.0.0.1: one thread a connection, keep-alive, no delay (API.md 1.4, 1.7)."""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import threading
import traceback

import faults
import sidedoor
from box import Box
from replies import ApiError, error_reply
from wire import Gone, Reply, Request, read_request, reset, send_reply

BACKLOG = 512
QUIET = (ConnectionError, TimeoutError, Gone, BrokenPipeError, OSError)


def _is_over(sock: socket.socket) -> bool:
    """Whether the other end has closed it; waits for nothing."""
    look = select.poll()
    try:
        look.register(sock, select.POLLRDHUP)
    except ValueError:                  # it was closed here meanwhile
        return True
    return bool(look.poll(0))


class Server:
    """Listens on the API's port and on a second one for the side door, which stays open when the first goes dark."""

    def __init__(self, box: Box, port: int):
        self.box = box
        self.stopping = threading.Event()
        self.light = threading.Event()
        self.light.set()
        self.lock = threading.Lock()
        self.connections: set[socket.socket] = set()
        self.lost: set[socket.socket] = set()      # nothing comes through them any more, and nobody is told
        self.busy: set[socket.socket] = set()      # with a call that is not answered yet
        self.refusing = False
        self.listener = self._listen(port)
        self.port = self.listener.getsockname()[1]
        self.side = self._listen(0)
        self.side_port = self.side.getsockname()[1]
        box.base_url = f'http://127.0.0.1:{self.port}'

    @staticmethod
    def _listen(port: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(('127.0.0.1', port))
        sock.listen(BACKLOG)
        return sock

    def start(self) -> None:
        threading.Thread(target=self._accept, args=(self.side, False), daemon=True).start()
        threading.Thread(target=self._accept, args=(self.listener, True), daemon=True).start()

    def _accept(self, listener: socket.socket, public: bool) -> None:
        while not self.stopping.is_set():
            if public:
                self.light.wait()
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock, public), daemon=True).start()

    def pause(self, mode: str) -> None:
        """Go dark: 'refuse' closes the port and cuts what is open, 'hang' answers nothing until resume."""
        with self.lock:
            if not self.light.is_set():
                return
            self.light.clear()
            self.refusing = mode == 'refuse'
            if not self.refusing:
                return
            with contextlib.suppress(OSError):
                self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            for sock in list(self.connections):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def resume(self) -> None:
        with self.lock:
            if self.light.is_set():
                return
            if self.refusing:
                self.listener = self._listen(self.port)
                threading.Thread(target=self._accept, args=(self.listener, True), daemon=True).start()
            self.refusing = False
            self.light.set()

    def lose_connections(self) -> None:
        """As when a NAT has forgotten them: those that are open are silent for good, new ones are served."""
        with self.lock:
            self.lost |= self.connections

    def _be_silent(self, sock: socket.socket) -> None:
        if sock in self.lost:
            self.stopping.wait()

    def stop(self) -> None:
        self.stopping.set()

    def _serve(self, sock: socket.socket, public: bool) -> None:
        with self.lock:
            if public and self.refusing:
                reset(sock)
                return
            if public:
                self.connections.add(sock)
        sock.settimeout(self.box.settings.idle_seconds)
        rfile = sock.makefile('rb')
        try:
            while self._one(sock, rfile):
                pass
        except QUIET:
            pass
        finally:
            with self.lock:
                self.connections.discard(sock)
                self.lost.discard(sock)
            with contextlib.suppress(OSError):
                rfile.close()
                sock.close()

    def _one(self, sock: socket.socket, rfile) -> bool:
        request = read_request(rfile, sock)
        if request is None:
            return False
        if request.raw_path.startswith(sidedoor.BASE):
            reply = sidedoor.answer(self, request)
            return send_reply(sock, request, reply, lambda: None, self.box.faults.wait)
        self.light.wait()
        self._be_silent(sock)
        return self._call(sock, request)

    def _call(self, sock: socket.socket, request: Request) -> bool:
        box = self.box
        route = box.name(request)
        self.busy.add(sock)
        in_flight = box.stats.arrive(request)
        if in_flight > box.settings.max_in_flight:
            in_flight -= self._deserted()
        status: int | None = None
        try:
            reply = self._answer(request, route, in_flight)
            status, request.entry['bytes'] = reply.status, reply.length()
            if sock in self.lost:
                box.stats.finish(request, status)       # for the service it is over
                self._be_silent(sock)
            return send_reply(sock, request, reply, lambda: box.stats.finish(request, status), box.faults.wait)
        except faults.Reset:
            box.stats.finish(request, None)
            reset(sock)
            return False
        finally:
            self.busy.discard(sock)
            box.stats.finish(request, None)

    def _deserted(self) -> int:
        """Calls that a fault holds though who made them has ended: the gateway has given them up."""
        return sum(_is_over(sock) for sock in list(self.busy))

    def _answer(self, request: Request, route, in_flight: int) -> Reply:
        try:
            return self.box.answer(request, route, in_flight)
        except (faults.Reset, *QUIET):
            raise
        except Exception:               # a bug of the sandbox: loud here, a 500 there
            traceback.print_exc(file=sys.stderr)
            return error_reply(ApiError(500, 'The sandbox itself failed.', 'SANDBOX_BUG'))

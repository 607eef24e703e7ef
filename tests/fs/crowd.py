"""Many processes that open files at once, each with one open(2) of its own."""

import os
import signal
import subprocess
import sys

from control import SLOW

# A crowd: COUNT processes open one path each (in turn) with one open(2), no library that repeats it, and
# tell "errno size sha256 handled" in a line. SIGNALS have a handler with SA_RESTART; TIMER seconds: SIGALRM.
# THREADED: a second thread reads, the first waits for it.
CROWD = r"""
import ctypes, errno, hashlib, os, signal, sys, threading
count, flags, timer, signals, threaded, *paths = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
handled = [0]
signal.signal(signal.SIGINT, signal.SIG_DFL)

def handler(number, frame):
    handled[0] += 1

def read(path):
    for number in [int(n) for n in signals.split(",") if n]:
        signal.signal(number, handler)
        signal.siginterrupt(number, False)
    if float(timer):
        signal.setitimer(signal.ITIMER_REAL, float(timer), float(timer))
    fd = libc.open(path.encode(), int(flags))
    if fd < 0:
        return ctypes.get_errno(), 0, "-"
    digest, size = hashlib.sha256(), 0
    while piece := os.read(fd, 1 << 20):
        digest.update(piece)
        size += len(piece)
    if size != os.fstat(fd).st_size:
        return errno.EBADMSG, size, "-"
    return 0, size, digest.hexdigest()

def tell(i):
    answer = read(paths[i % len(paths)])
    os.write(1, ("%d %s %d %s %d\n" % (i, *answer, handled[0])).encode())

children = []
for i in range(int(count)):
    child = os.fork()
    if child == 0:
        if int(threaded):
            thread = threading.Thread(target=tell, args=(i,))
            thread.start()
            thread.join()
        else:
            tell(i)
        os._exit(0)
    children.append(child)
os.write(2, (" ".join(map(str, children)) + "\n").encode())
for child in children:
    os.waitpid(child, 0)
"""


class Crowd:
    def __init__(self, paths, count, flags=os.O_RDONLY, timer=0.0, signals=(), threaded=False):
        self.paths = [str(path) for path in paths]
        numbers = ",".join(str(int(number)) for number in signals)
        arguments = [str(count), str(flags), str(timer), numbers, str(int(threaded))]
        command = [sys.executable, "-S", "-E", "-c", CROWD, *arguments, *self.paths]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stderr.readline()
        self.pids = [int(word) for word in line.split()]
        assert len(self.pids) == count, line + self.process.stderr.read()

    def kill(self, number):
        for pid in self.pids:
            os.kill(pid, number)

    def answers(self, seconds=60):
        """(path, errno, size, sha256, handled) of each that told, when all have ended."""
        out, err = self.process.communicate(timeout=seconds * SLOW)
        assert self.process.returncode == 0, err
        told = []
        for line in sorted(out.splitlines(), key=lambda text: int(text.split()[0])):
            i, number, size, digest, handled = line.split()
            told.append((self.paths[int(i) % len(self.paths)], int(number), int(size), digest, int(handled)))
        return told

    def close(self):
        if self.process.poll() is None:
            for pid in self.pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.process.communicate()
